//! Keys are changed before they are worn (RFC 8446 section 5.5), on both sides at once.

use std::sync::Arc;

use lem_ssl_rs::{ReadMode, Stream, TlsError, UnixStream, danger, spawn};
use lem_ssl_tests::raw::{ALERT, KEY_UPDATE, RawHandshake, RawPeer};
use lem_ssl_tests::records::Records;
use rustls::crypto::{CipherSuiteCommon, CryptoProvider};
use rustls::{SupportedCipherSuite, Tls13CipherSuite};

use crate::support::{Cuts, Peer, Role, client, key_updates, pki, provider, run, server, tls, upgrade, wire};

const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// Cryptography whose keys seal so many records.
fn limited(confidentiality_limit: u64) -> Arc<CryptoProvider> {
    let whole = provider();
    let limited = whole.cipher_suites.iter().filter_map(SupportedCipherSuite::tls13).map(|suite| {
        let Tls13CipherSuite { common, hkdf_provider, aead_alg, quic } = suite;
        let common = common_with(common, confidentiality_limit);
        let suite = Tls13CipherSuite { common, hkdf_provider: *hkdf_provider, aead_alg: *aead_alg, quic: *quic };
        SupportedCipherSuite::Tls13(Box::leak(Box::new(suite)))
    });
    Arc::new(CryptoProvider { cipher_suites: limited.collect(), ..CryptoProvider::clone(&whole) })
}

/// The same with another limit.
pub(super) fn common_with(common: &CipherSuiteCommon, confidentiality_limit: u64) -> CipherSuiteCommon {
    CipherSuiteCommon { suite: common.suite, hash_provider: common.hash_provider, confidentiality_limit }
}

/// Our end, and rustls', both with such keys.
async fn connect(role: Role, limit: u64) -> (Stream, Peer) {
    let pki = pki();
    let provider = limited(limit);
    let versions = [&rustls::version::TLS13];
    let (context, theirs) = match role {
        Role::Client => {
            let config = rustls::ServerConfig::builder_with_provider(provider.clone())
                .with_protocol_versions(&versions)
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(pki.server.chain_der.clone(), pki.server.private_key())
                .unwrap();
            (pki.client_context(), server(&Arc::new(config)))
        }
        Role::Server => {
            let config = rustls::ClientConfig::builder_with_provider(provider.clone())
                .with_protocol_versions(&versions)
                .unwrap()
                .with_root_certificates(pki.roots())
                .with_no_client_auth();
            (pki.server_context(), client(&Arc::new(config)))
        }
    };
    let context = danger::provider(Records::Ours.on(context), provider).build().unwrap();
    let (near, far) = wire();
    let us = spawn(async move { upgrade(&context, role, near).await.unwrap() });
    let mut peer = Peer::new(theirs, far).await.cut(Cuts::Whole);
    assert!(peer.shake_hands().await);
    let stream = us.await.unwrap();
    assert_eq!(Records::of(&stream), Some(Records::Ours));
    (stream, peer)
}

#[test]
fn long_traffic_both_ways_goes_on_under_ever_new_keys() {
    /// Hundreds of keys on either side.
    const ROUNDS: usize = 1_000;
    run(async {
        for (role, limit) in ROLES.into_iter().flat_map(|role| [8, 3, 100].map(|limit| (role, limit))) {
            let (stream, mut peer) = connect(role, limit).await;
            let (reader, writer) = stream.split();
            let reading = spawn(async move { reader.read(ReadMode::All).await });
            let writing = spawn(async move {
                for round in 0..ROUNDS {
                    // Sometimes more than one record, and more than one key.
                    let size = if round % 100 == 7 { 150_000 } else { 1 + round % 50 };
                    writer.write(&vec![round as u8; size]).await.unwrap();
                }
                writer.close().unwrap();
            });
            let (mut said, mut expected) = (Vec::new(), Vec::new());
            for round in 0..ROUNDS {
                let size = if round % 100 == 7 { 150_000 } else { 1 + round % 50 };
                expected.extend(std::iter::repeat_n(round as u8, size));
            }
            for round in 0..ROUNDS {
                let content = vec![round as u8; 1 + round % 700];
                assert!(peer.write(&content).await, "{role:?}, {limit}: {:?}", peer.failure);
                said.extend(content);
                if peer.plaintext.len() < expected.len() {
                    assert!(peer.receive().await, "{role:?}, {limit}: {:?}", peer.failure);
                }
            }
            while !peer.clean_end {
                assert!(peer.receive().await, "{role:?}, {limit}: {:?}", peer.failure);
                peer.flush().await;
            }
            assert!(peer.plaintext == expected, "{role:?}, {limit}");
            peer.finish().await;
            assert!(reading.await.unwrap().unwrap() == said, "{role:?}, {limit}");
            writing.await.unwrap();
        }
    });
}

/// A client derives its next keys in rustls, and a server here.
#[test]
fn client_and_server_agree_on_ever_new_keys_of_each_suite() {
    run(async {
        let whole = limited(3);
        for suite in &whole.cipher_suites {
            let only = Arc::new(CryptoProvider { cipher_suites: vec![*suite], ..CryptoProvider::clone(&whole) });
            let [client, server] = [pki().client_context(), pki().server_context()]
                .map(|builder| danger::provider(Records::Ours.on(builder), only.clone()).build().unwrap());
            let (near, far) = wire();
            let serving = spawn(async move { upgrade(&server, Role::Server, far).await.unwrap() });
            let client = upgrade(&client, Role::Client, near).await.unwrap();
            let server = serving.await.unwrap();
            for stream in [&client, &server] {
                assert_eq!(Records::of(stream), Some(Records::Ours), "{suite:?}");
            }
            for round in 0..20_u8 {
                for (from, to) in [(&client, &server), (&server, &client)] {
                    from.write(&[round; 9]).await.unwrap();
                    assert_eq!(to.read(ReadMode::Exact(9)).await.unwrap(), [round; 9], "{suite:?}");
                }
            }
        }
    });
}

/// A client of ours whose keys seal so many records, and a raw server at the other end of the wire.
async fn connect_raw(limit: u64) -> (Stream, RawPeer, UnixStream) {
    let pki = pki();
    let mut theirs = RawHandshake::server(pki.server_config(&pki.server, &[lem_ssl_rs::Version::Tls13]));
    let context = danger::provider(Records::Ours.on(pki.client_context()), limited(limit)).build().unwrap();
    let (near, far) = wire();
    let us = spawn(async move { context.upgrade(near, "localhost").await.unwrap() });
    let mut received = Vec::new();
    while !theirs.is_over() {
        far.write(&theirs.advance(&received)).await.unwrap();
        if !theirs.is_over() {
            received = far.read(ReadMode::Available).await.unwrap();
        }
    }
    (us.await.unwrap(), theirs.into_peer(), far)
}

#[test]
fn no_key_seals_more_records_than_it_may() {
    run(async {
        for limit in [2, 3, 8] {
            let (stream, mut peer, far) = connect_raw(limit).await;
            let us = spawn(async move {
                for size in [1, 20_000, 70_000, 1, 1, 1, 1, 1, 1, 1, 1, 40_000] {
                    stream.write(&vec![7; size]).await.unwrap();
                }
                stream.close().unwrap();
            });
            let mut records = Vec::new();
            while let Ok(bytes) = far.read(ReadMode::Available).await {
                records.extend(peer.open(&bytes));
            }
            us.await.unwrap();
            let per_key: Vec<usize> =
                records.split_inclusive(|(_, payload)| payload[..] == KEY_UPDATE).map(<[(u8, Vec<u8>)]>::len).collect();
            assert!(key_updates(&records) >= 2, "{limit}: {per_key:?}");
            assert!(per_key.iter().all(|&count| count as u64 <= limit), "{limit}: {per_key:?}");
            // Each asks for the same: where we send only, nobody else would renew the peer's keys.
            assert_eq!(key_updates(&records), per_key.len() - 1, "{limit}");
        }
    });
}

/// What says that keys are new, and asks for none.
const ANSWER: [u8; 5] = [24, 0, 0, 1, 0];

#[test]
fn a_peer_that_only_reads_may_answer_all_our_requests_for_new_keys() {
    /// More than a peer may renew its keys unasked.
    const REQUESTS: usize = 100;
    run(async {
        let (stream, mut peer, far) = connect_raw(3).await;
        let (reader, writer) = stream.split();
        let reading = spawn(async move { reader.read(ReadMode::All).await });
        let mut requests = 0;
        while requests < REQUESTS {
            writer.write("x").await.unwrap();
            let bytes = far.read(ReadMode::Available).await.unwrap();
            let asked = key_updates(&peer.open(&bytes));
            for _ in 0..asked {
                far.write(&peer.new_keys_with(&ANSWER)).await.unwrap();
            }
            requests += asked;
        }
        far.write(&peer.seal(ALERT, &[1, 0])).await.unwrap();
        assert_eq!(reading.await.unwrap().unwrap(), b"");
        writer.write("and on").await.unwrap();
    });
}

#[test]
fn what_a_peer_renews_unasked_is_counted_though_we_have_asked_before() {
    run(async {
        let (stream, mut peer, far) = connect_raw(3).await;
        let (reader, writer) = stream.split();
        for _ in 0..9 {
            writer.write("x").await.unwrap();
        }
        let reading = spawn(async move { reader.read(ReadMode::All).await });
        let flood: Vec<u8> = (0..100).flat_map(|_| peer.new_keys_with(&ANSWER)).collect();
        far.write(&flood).await.unwrap();
        assert!(matches!(tls(&reading.await.unwrap().unwrap_err()), TlsError::Protocol(_)));
    });
}
