//! What is told of a peer, and what of rustls' own can be brought along.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lem_ssl_rs::{AlternativeName, Context, ContextBuilder, HandshakeKind, Roots, Stream, Version, danger, spawn};
use lem_ssl_tests::pki::draft::{DNS_NAME, Draft, DraftKey, EMAIL_NAME, IP_NAME, URI_NAME};
use rustls::CertificateCompressionAlgorithm;
use rustls::compress::{CertCompressor, CertDecompressor, CompressionFailed, CompressionLevel, DecompressionFailed};

use crate::support::{pki, provider, run, says, wire};

const BOTH: [Version; 2] = [Version::Tls12, Version::Tls13];

/// Both ends of a connection.
async fn connected(client: &Context, server: &Context) -> (Stream, Stream) {
    let (near, far) = wire();
    let server = server.clone();
    let served = spawn(async move {
        let stream = server.upgrade_server(far).await.unwrap();
        stream.write("go on").await.unwrap();
        stream
    });
    let stream = client.upgrade(near, "localhost").await.unwrap();
    stream.read(5).await.unwrap();
    (stream, served.await.unwrap())
}

#[test]
fn a_peer_is_told_with_all_its_names_also_when_it_resumes_and_read_once() {
    run(async {
        let (authority, key) = (DraftKey::new(), DraftKey::new());
        let root = Draft::authority("Root", "Root", &authority).sign(&authority);
        let names: &[(u8, &[u8])] = &[
            (DNS_NAME, b"client.test"),
            (DNS_NAME, b"evil\0.test"),
            (IP_NAME, &[192, 0, 2, 7]),
            (IP_NAME, &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]),
            (URI_NAME, b"spiffe://test/agent"),
            (EMAIL_NAME, b"agent@client.test"),
        ];
        let leaf = Draft::new("Agent", "Root", &key).with_names(names).sign(&authority);
        let identity = lem_ssl_rs::Identity::from_der(vec![leaf], key.private());
        for version in BOTH {
            let server = pki().server_context().client_roots(Roots::Der(vec![root.clone()])).build().unwrap();
            let client = pki().client_context().identity(identity.clone()).versions([version]).build().unwrap();
            for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
                let (near, far) = connected(&client, &server).await;
                let info = far.info().unwrap();
                assert_eq!(info.handshake, Some(kind), "{version:?}");
                assert_eq!(info.requested_name.as_deref(), Some("localhost"));
                let peer = info.peer().unwrap().unwrap();
                assert_eq!(peer.subject(), Some("CN=Agent"));
                assert_eq!(peer.serial(), [7]);
                assert!(peer.not_before() < peer.not_after());
                let expected = [
                    AlternativeName::Dns("client.test".into()),
                    AlternativeName::Dns("evil\u{fffd}.test".into()),
                    AlternativeName::Ip("192.0.2.7".parse().unwrap()),
                    AlternativeName::Ip("2001:db8::7".parse().unwrap()),
                    AlternativeName::Uri("spiffe://test/agent".into()),
                    AlternativeName::Email("agent@client.test".into()),
                ];
                assert_eq!(peer.alternative_names(), expected);
                let texts: Vec<String> = expected.iter().map(ToString::to_string).collect();
                assert_eq!(peer.names(), texts);
                // A second call gives the same, and nothing is read a second time.
                let again = far.info().unwrap();
                assert!(std::ptr::eq(peer, again.peer().unwrap().unwrap()));
                let server = near.info().unwrap();
                assert_eq!(server.peer().unwrap().unwrap().names(), ["localhost", "127.0.0.1", "::1"]);
            }
        }
        let (_, far) =
            connected(&pki().client_context().build().unwrap(), &pki().server_context().build().unwrap()).await;
        assert!(far.info().unwrap().peer().is_none());
    });
}

/// Compresses as little as possible, and counts.
#[derive(Debug)]
struct Stored {
    packed: AtomicUsize,
    unpacked: AtomicUsize,
}

const ALGORITHM: CertificateCompressionAlgorithm = CertificateCompressionAlgorithm::Unknown(0x4000);

impl CertCompressor for Stored {
    fn compress(&self, input: Vec<u8>, _: CompressionLevel) -> Result<Vec<u8>, CompressionFailed> {
        self.packed.fetch_add(1, Ordering::Relaxed);
        Ok(input.into_iter().map(|byte| byte ^ 0x55).collect())
    }

    fn algorithm(&self) -> CertificateCompressionAlgorithm {
        ALGORITHM
    }
}

impl CertDecompressor for Stored {
    fn decompress(&self, input: &[u8], output: &mut [u8]) -> Result<(), DecompressionFailed> {
        self.unpacked.fetch_add(1, Ordering::Relaxed);
        if input.len() != output.len() {
            return Err(DecompressionFailed);
        }
        output.iter_mut().zip(input).for_each(|(to, from)| *to = from ^ 0x55);
        Ok(())
    }

    fn algorithm(&self) -> CertificateCompressionAlgorithm {
        ALGORITHM
    }
}

#[test]
fn certificates_of_both_sides_travel_compressed_if_both_can() {
    static STORED: Stored = Stored { packed: AtomicUsize::new(0), unpacked: AtomicUsize::new(0) };
    run(async {
        let with = |builder: ContextBuilder| {
            let packs: &'static dyn CertCompressor = &STORED;
            let unpacks: &'static dyn CertDecompressor = &STORED;
            danger::certificate_compression(builder, [packs], [unpacks]).build().unwrap()
        };
        let roots = Roots::Pem(pki().root.certificate_pem().into_bytes());
        let server = with(pki().server_context().client_roots(roots));
        let client = || pki().client_context().identity(crate::support::identity(&pki().client));
        let counts = || (STORED.packed.load(Ordering::Relaxed), STORED.unpacked.load(Ordering::Relaxed));
        // Not in TLS 1.2, and not with a peer that cannot.
        connected(&with(client().versions([Version::Tls12])), &server).await;
        connected(&client().build().unwrap(), &server).await;
        assert_eq!(counts(), (0, 0));
        let (near, far) = connected(&with(client()), &server).await;
        assert_eq!(counts(), (2, 2));
        assert_eq!(near.info().unwrap().peer_certificates, pki().server.chain_der);
        assert_eq!(far.info().unwrap().peer_certificates, pki().client.chain_der);
    });
}

#[test]
fn configurations_of_rustls_are_taken_over_with_what_they_say() {
    run(async {
        for version in BOTH {
            let mut theirs = pki().client_config(&[version]);
            theirs.alpn_protocols = vec![b"x".to_vec(), b"h2".to_vec()];
            // The smallest there is: thousands of records are written ahead of the kernel.
            theirs.max_fragment_size = Some(32);
            let client = danger::client_config(Context::builder(), Arc::new(theirs)).build().unwrap();
            let mut theirs = pki().server_config(&pki().server, &[version]);
            theirs.alpn_protocols = vec![b"h2".to_vec()];
            let server =
                danger::server_config(Context::builder().roots(Roots::None), Arc::new(theirs)).build().unwrap();
            let (near, far) = connected(&client, &server).await;
            assert_eq!(near.info().unwrap().alpn.as_deref(), Some(&b"h2"[..]));
            let data = vec![7; 300_000];
            let (length, expected) = (data.len(), data.clone());
            let writing = spawn(async move { near.write(&data).await.map(|()| near) });
            assert_eq!(far.read(length).await.unwrap(), expected, "{version:?}");
            writing.await.unwrap().unwrap();
        }
    });
}

#[test]
fn what_a_configuration_of_rustls_decides_cannot_be_chosen_beside_it() {
    let client = || Arc::new(pki().client_config(&[Version::Tls13]));
    let server = || Arc::new(pki().server_config(&pki().server, &[Version::Tls13]));
    let words = ["cannot be chosen in two ways"];
    let pins = lem_ssl_rs::Trust::Pins(vec![lem_ssl_rs::SpkiHash::from_bytes([0; 32])]);
    for builder in [Context::builder().roots(Roots::WebPki), Context::builder().trust(pins)] {
        says(&danger::client_config(builder, client()).build().unwrap_err(), &words);
    }
    let roots = || Roots::Pem(pki().root.certificate_pem().into_bytes());
    for builder in [Context::builder().client_roots(roots()), Context::builder().early_data(1000)] {
        says(&danger::server_config(builder, server()).build().unwrap_err(), &words);
    }
    // One side of rustls', and the other of ours.
    let ours = danger::provider(Context::builder(), provider()).roots(roots());
    danger::server_config(ours, server()).build().unwrap();
    danger::client_config(pki_server(), client()).build().unwrap();
}

fn pki_server() -> ContextBuilder {
    danger::provider(Context::builder(), provider()).identity(crate::support::identity(&pki().server))
}
