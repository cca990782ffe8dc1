//! Whose records a connection has: ours where that can be, rustls' everywhere else.

use std::sync::Arc;

use lem_ssl_rs::{
    ChannelBinding, ContextBuilder, ExportKeyingMaterial, ReadMode, Roots, Stream, Version, danger, spawn,
};
use lem_ssl_tests::records::Records;
use rustls::crypto::CipherSuiteCommon;
use rustls::crypto::CryptoProvider;
use rustls::crypto::cipher::{
    AeadKey, Iv, MessageDecrypter, MessageEncrypter, OutboundOpaqueMessage, OutboundPlainMessage, Tls13AeadAlgorithm,
    UnsupportedOperationError,
};
use rustls::{CipherSuite, ConnectionTrafficSecrets, Error, SupportedCipherSuite, Tls13CipherSuite};

use crate::support::{pki, provider, run, wire};

/// Both ends of a connection between such contexts, the client first, after content went both ways.
async fn connected(client: ContextBuilder, server: ContextBuilder) -> [Stream; 2] {
    let (near, far) = wire();
    let (client, server) = (client.build().unwrap(), server.build().unwrap());
    let served = spawn(async move {
        let stream = server.upgrade_server(far).await.unwrap();
        stream.write("server").await.unwrap();
        assert_eq!(stream.read(ReadMode::Exact(6)).await.unwrap(), b"client");
        stream
    });
    let stream = client.upgrade(near, "localhost").await.unwrap();
    stream.write("client").await.unwrap();
    assert_eq!(stream.read(ReadMode::Exact(6)).await.unwrap(), b"server");
    [stream, served.await.unwrap()]
}

#[track_caller]
fn assert_records(streams: &[Stream; 2], expected: [Records; 2], what: &str) {
    let found = streams.each_ref().map(|stream| Records::of(stream).unwrap());
    assert_eq!(found, expected, "{what}");
}

fn client() -> ContextBuilder {
    Records::Ours.on(pki().client_context())
}

fn server() -> ContextBuilder {
    Records::Ours.on(pki().server_context())
}

#[test]
fn records_of_tls_1_3_are_ours_with_each_of_the_three_suites_and_with_exporters() {
    run(async {
        for suite in provider().cipher_suites.iter().filter(|suite| suite.tls13().is_some()) {
            let only = with_suites(vec![*suite]);
            let streams = connected(danger::provider(client(), only.clone()), danger::provider(server(), only)).await;
            assert_records(&streams, [Records::Ours; 2], &format!("{suite:?}"));
            let facts = streams.each_ref().map(|stream| stream.info().unwrap());
            for info in &facts {
                let number = info.cipher_suite.map(lem_ssl_rs::CipherSuite::number);
                assert_eq!((info.version, number), (Some(Version::Tls13), Some(suite.suite().into())));
                assert!(info.key_exchange_group.is_some() && info.handshake.is_some());
            }
            assert_eq!(facts[0].peer_certificates, pki().server.chain_der);
            assert_eq!(facts[1].requested_name.as_deref(), Some("localhost"));
        }
        let exporting = |builder: ContextBuilder| builder.export_keying_material(true);
        let streams = connected(exporting(client()), exporting(server())).await;
        assert_records(&streams, [Records::Ours; 2], "exporters");
        let [ours, theirs] = streams.each_ref().map(|stream| {
            let material = stream.export_keying_material([0; 32], b"EXPERIMENTAL-test", None).unwrap();
            let bindings = [ChannelBinding::TlsExporter, ChannelBinding::TlsServerEndPoint];
            (material, bindings.map(|kind| stream.channel_binding(kind).unwrap()))
        });
        assert_eq!(ours, theirs);
    });
}

#[test]
fn records_stay_with_rustls_where_they_cannot_be_ours_or_are_not_to_be() {
    run(async {
        let tls12 = |builder: ContextBuilder| builder.versions([Version::Tls12]);
        let streams = connected(tls12(client()), tls12(server())).await;
        assert_records(&streams, [Records::Rustls; 2], "TLS 1.2");
        let streams = connected(client().rustls_records(true), server()).await;
        assert_records(&streams, [Records::Rustls, Records::Ours], "the client's builder says so");
        let streams = connected(client(), server().rustls_records(true)).await;
        assert_records(&streams, [Records::Ours, Records::Rustls], "the server's builder says so");
        let streams = connected(danger::provider(client(), secretive()), server()).await;
        assert_records(&streams, [Records::Rustls, Records::Ours], "a client's cryptography that keeps its keys");
        let streams = connected(client(), danger::provider(server(), secretive())).await;
        assert_records(&streams, [Records::Ours, Records::Rustls], "a server's cryptography that keeps its keys");
        let streams = connected(danger::provider(client(), counting()), server()).await;
        assert_records(&streams, [Records::Rustls, Records::Ours], "a client's cryptography that counts all records");
        let streams = connected(client(), danger::provider(server(), counting())).await;
        assert_records(&streams, [Records::Ours, Records::Rustls], "a server's cryptography that counts all records");
        let streams = connected(danger::provider(client(), unusual()), danger::provider(server(), unusual())).await;
        assert_records(&streams, [Records::Rustls; 2], "a suite that is none of the three");
    });
}

#[test]
fn configurations_of_rustls_say_themselves_whether_their_secrets_may_be_had() {
    run(async {
        for (gives, expected) in [(false, Records::Rustls), (true, Records::Ours)] {
            let mut theirs = pki().client_config(&[Version::Tls13]);
            theirs.enable_secret_extraction = gives;
            theirs.max_fragment_size = Some(32);
            let near = danger::client_config(lem_ssl_rs::Context::builder(), Arc::new(theirs));
            let mut theirs = pki().server_config(&pki().server, &[Version::Tls13]);
            theirs.enable_secret_extraction = gives;
            theirs.max_fragment_size = Some(100);
            let far = danger::server_config(lem_ssl_rs::Context::builder().roots(Roots::None), Arc::new(theirs));
            let streams = connected(near, far).await;
            assert_records(&streams, [expected; 2], &format!("gives secrets: {gives}"));
            let [near, far] = streams;
            let content: Vec<u8> = (0..200_000_u32).map(|number| number as u8).collect();
            let expected = content.clone();
            let writing = spawn(async move { near.write(&content).await.map(|()| near) });
            assert_eq!(far.read(expected.len()).await.unwrap(), expected);
            writing.await.unwrap().unwrap();
        }
    });
}

fn with_suites(cipher_suites: Vec<SupportedCipherSuite>) -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider { cipher_suites, ..CryptoProvider::clone(&provider()) })
}

/// The first suite of TLS 1.3, with something else about it.
fn altered(suite: CipherSuite, aead_alg: &'static dyn Tls13AeadAlgorithm) -> Arc<CryptoProvider> {
    let first = provider().cipher_suites[0].tls13().unwrap();
    let CipherSuiteCommon { hash_provider, confidentiality_limit, .. } = first.common;
    let common = CipherSuiteCommon { suite, hash_provider, confidentiality_limit };
    let suite = Tls13CipherSuite { common, hkdf_provider: first.hkdf_provider, aead_alg, quic: None };
    with_suites(vec![SupportedCipherSuite::Tls13(Box::leak(Box::new(suite)))])
}

fn secretive() -> Arc<CryptoProvider> {
    let first = provider().cipher_suites[0].tls13().unwrap();
    altered(first.common.suite, Box::leak(Box::new(Secretive(first.aead_alg))))
}

fn counting() -> Arc<CryptoProvider> {
    let first = provider().cipher_suites[0].tls13().unwrap();
    altered(first.common.suite, Box::leak(Box::new(Counting(first.aead_alg))))
}

fn unusual() -> Arc<CryptoProvider> {
    let first = provider().cipher_suites[0].tls13().unwrap();
    altered(CipherSuite::TLS13_AES_128_CCM_SHA256, first.aead_alg)
}

/// Keeps its keys.
struct Secretive(&'static dyn Tls13AeadAlgorithm);

impl Tls13AeadAlgorithm for Secretive {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        self.0.encrypter(key, iv)
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        self.0.decrypter(key, iv)
    }

    fn key_len(&self) -> usize {
        self.0.key_len()
    }

    fn extract_keys(&self, _: AeadKey, _: Iv) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Err(UnsupportedOperationError)
    }
}

/// Its objects for sealing take the first record that they see for the first of the connection.
struct Counting(&'static dyn Tls13AeadAlgorithm);

impl Tls13AeadAlgorithm for Counting {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        Box::new(CountingSealer { sealer: self.0.encrypter(key, iv), first: None, next: 0 })
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        self.0.decrypter(key, iv)
    }

    fn key_len(&self) -> usize {
        self.0.key_len()
    }

    fn extract_keys(&self, key: AeadKey, iv: Iv) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        self.0.extract_keys(key, iv)
    }
}

struct CountingSealer {
    sealer: Box<dyn MessageEncrypter>,
    first: Option<u64>,
    next: u64,
}

impl MessageEncrypter for CountingSealer {
    fn encrypt(&mut self, record: OutboundPlainMessage<'_>, number: u64) -> Result<OutboundOpaqueMessage, Error> {
        // The first number is taken for the bits that all nonces have in common.
        let counted = number ^ *self.first.get_or_insert(number);
        if counted < self.next {
            return Err(Error::EncryptError);
        }
        self.next = counted + 1;
        self.sealer.encrypt(record, number)
    }

    fn encrypted_payload_len(&self, length: usize) -> usize {
        self.sealer.encrypted_payload_len(length)
    }
}
