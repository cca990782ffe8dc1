//! What two ends agree on, from one connection to the next.

use std::sync::Arc;

use lem_ssl_rs::{CipherSuite, Context, NamedGroup, ReadMode, Stream, Version, spawn};
use lem_ssl_tests::pki::Leaf;
use lem_ssl_tests::watched_machine;

use crate::support::{Peer, Role, client, pki, run, server, upgrade, wire};

/// Both ends are ours; the server's comes second.
async fn connect(client: &Context, server: &Context) -> (Stream, Stream) {
    let (near, far) = wire();
    let server = server.clone();
    let serving = spawn(async move { server.upgrade_server(far).await.unwrap() });
    let connected = client.upgrade(near, "localhost").await.unwrap();
    (connected, serving.await.unwrap())
}

#[test]
fn what_was_agreed_on_is_told() {
    run(async {
        for (version, words) in [(Version::Tls12, "TLS 1.2, TLS_ECDHE_ECDSA_WITH_"), (Version::Tls13, "TLS 1.3, TLS_")]
        {
            let server = pki().server_context().versions([version]).alpn(["h2", "http/1.1"]).build().unwrap();
            let client = pki().client_context().alpn(["http/1.1", "spdy/3"]).build().unwrap();
            let (connected, served) = connect(&client, &server).await;
            for info in [connected.info().unwrap(), served.info().unwrap()] {
                assert_eq!(info.version, Some(version));
                assert_eq!(info.key_exchange_group, Some(NamedGroup::X25519));
                assert_eq!(info.alpn.as_deref(), Some(&b"http/1.1"[..]));
                assert!(!info.resumed);
                let line = info.to_string();
                assert!(line.starts_with(words) && line.ends_with("X25519, ALPN http/1.1"), "{line}");
            }
            assert_eq!(connected.info().unwrap().peer_certificates, pki().server.chain_der);
            assert!(served.info().unwrap().peer_certificates.is_empty());
            connected.close().unwrap();
            assert!(connected.info().is_none());
        }
    });
}

#[test]
fn without_protocols_none_is_agreed_on() {
    run(async {
        let server = pki().server_context().build().unwrap();
        let client = pki().client_context().alpn(["h2"]).build().unwrap();
        let (connected, served) = connect(&client, &server).await;
        assert_eq!((connected.info().unwrap().alpn, served.info().unwrap().alpn), (None, None));
        assert!(matches!(
            connected.info().unwrap().cipher_suite,
            Some(CipherSuite::TLS_AES_256_GCM_SHA384 | CipherSuite::TLS_AES_128_GCM_SHA256)
        ));
    });
}

#[test]
fn the_second_connection_resumes_the_first_ones_session() {
    run(async {
        for version in [Version::Tls12, Version::Tls13] {
            let server = pki().server_context().versions([version]).build().unwrap();
            let client = pki().client_context().build().unwrap();
            for resumed in [false, true, true] {
                let (connected, served) = connect(&client, &server).await;
                // The ticket comes with what the server says first.
                served.write("hello\n").await.unwrap();
                assert_eq!(connected.read(ReadMode::Line).await.unwrap(), b"hello\n");
                for stream in [&connected, &served] {
                    let info = stream.info().unwrap();
                    assert_eq!(info.resumed, resumed, "{version:?}");
                    assert_eq!(info.to_string().ends_with(", resumed"), resumed, "{info}");
                }
                assert_eq!(connected.info().unwrap().peer_certificates, pki().server.chain_der);
            }
        }
    });
}

#[test]
fn another_context_does_not_resume() {
    run(async {
        let server = pki().server_context().build().unwrap();
        for _ in 0..2 {
            let client = pki().client_context().build().unwrap();
            let (connected, served) = connect(&client, &server).await;
            served.write("hello\n").await.unwrap();
            connected.read(ReadMode::Line).await.unwrap();
            assert!(!connected.info().unwrap().resumed);
        }
    });
}

#[test]
fn many_connections_leave_nothing_in_the_machine() {
    let machine = watched_machine();
    let server = pki().server_context().build().unwrap();
    let client = pki().client_context().build().unwrap();
    for round in 0..200 {
        machine
            .run(async {
                let (connected, served) = connect(&client, &server).await;
                match round % 4 {
                    0 => drop((connected, served)),
                    1 => connected.close().unwrap(),
                    2 => connected.abort(),
                    _ => drop(connected.split()),
                }
            })
            .unwrap();
        assert_eq!(machine.counts(), (0, 0, 0), "after connection {round}");
    }
}

#[test]
fn a_chain_longer_than_a_record_is_shown_and_verified() {
    run(async {
        let pki = pki();
        for padding in [15_000, 16_384, 20_000, 40_000] {
            let issued = pki.root.issue(Leaf::server(&["localhost"]).with_padding(padding));
            for version in [Version::Tls12, Version::Tls13] {
                for fragment in [None, Some(37), Some(1000)] {
                    let mut config = pki.server_config(&issued, &[version]);
                    config.max_fragment_size = fragment;
                    let (near, far) = wire();
                    let context = pki.client_context().build().unwrap();
                    let us = spawn(async move { upgrade(&context, Role::Client, near).await });
                    let mut peer = Peer::new(server(&Arc::new(config)), far).await;
                    peer.shake_hands().await;
                    let stream = us.await.unwrap().unwrap();
                    assert_eq!(stream.info().unwrap().peer_certificates, issued.chain_der);
                }
            }
        }
    });
}

#[test]
fn a_client_in_small_fragments_is_served() {
    run(async {
        let pki = pki();
        for version in [Version::Tls12, Version::Tls13] {
            let mut config = pki.client_config(&[version]);
            config.max_fragment_size = Some(37);
            let (near, far) = wire();
            let context = pki.server_context().build().unwrap();
            let us = spawn(async move {
                let stream = upgrade(&context, Role::Server, near).await.unwrap();
                let line = stream.read(ReadMode::Line).await.unwrap();
                stream.write(&line).await.unwrap();
                stream.close().unwrap();
            });
            let mut peer = Peer::new(client(&Arc::new(config)), far).await;
            assert!(peer.shake_hands().await);
            let line = [&[b'x'; 1000][..], b"\n"].concat();
            peer.write(&line).await;
            assert!(peer.expect(&line).await);
            peer.finish().await;
            us.await.unwrap();
        }
    });
}
