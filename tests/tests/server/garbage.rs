//! What is not a handshake is counted as what it is, reaches no handler, and harms nobody.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use lem_ssl_rs::{Context, Failures, Roots, Server, ServerOptions, Version, danger, unblock};
use rustls::{ClientConfig, ClientConnection};

use crate::support::{at_once, check, client_builder, echo, is_answered, listen, provider, raw, server_context, until};

/// Sends `bytes` and ends; says which class of failures that was counted in.
async fn send(bytes: &[u8]) -> Failures {
    let server = listen(ServerOptions::default()).await;
    let hostile = raw(&server).await;
    hostile.write(bytes).await.unwrap();
    // The server may be through with it already.
    let _ = hostile.close_write();
    let failed = failure(&server).await;
    assert!(at_once(server.accept()).await.is_none(), "no handler sees it");
    goes_on(&server).await;
    failed
}

/// The one failure so far.
async fn failure(server: &Server) -> Failures {
    until(|| server.counters().failed.total() > 0).await;
    let counters = server.counters();
    assert_eq!((counters.accepted, counters.handshakes_started), (1, 1));
    assert_eq!((counters.failed.total(), counters.handshakes_finished, counters.open), (1, 0, 0));
    assert_eq!((counters.received, counters.sent), (0, 0), "it was no content");
    counters.failed
}

/// A normal request is answered.
async fn goes_on(server: &Server) {
    let serving = async { echo(server.accept().await.unwrap()).await };
    crate::support::both(serving, is_answered(server)).await;
    assert_eq!(server.counters().failed.total(), 1);
}

/// Bytes that look like nothing, the same in every run.
fn noise(seed: u32, length: usize) -> Vec<u8> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// A record of a handshake, with this in it.
fn handshake_record(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[22, 3, 1, length[0], length[1]], content].concat()
}

#[test]
fn requests_in_plain_text_are_not_tls() {
    check(async {
        let requests: [&[u8]; 4] = [
            b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"POST /login HTTP/1.0\r\nContent-Length: 0\r\n\r\n",
            b"SSH-2.0-OpenSSH_9.6\r\n",
            b"EHLO localhost\r\n",
        ];
        for request in requests {
            assert_eq!(send(request).await.not_tls, 1, "{:?}", String::from_utf8_lossy(request));
        }
    });
}

#[test]
fn a_hello_of_ssl_2_is_not_tls() {
    check(async {
        // The specification of SSL 2.0, section 2.5: length with the high bit set, type 1, version 0.2, one cipher.
        let mut hello = vec![0x80, 0x1c, 1, 0, 2, 0, 3, 0, 0, 0, 16, 1, 0, 0x80];
        hello.extend(noise(1, 16));
        assert_eq!(send(&hello).await.not_tls, 1);
    });
}

#[test]
fn noise_is_not_tls() {
    check(async {
        for seed in 0..8 {
            let mut bytes = noise(seed, 2_000);
            // No content type of TLS has this bit.
            bytes[0] |= 0x80;
            assert_eq!(send(&bytes).await.not_tls, 1, "seed {seed}");
        }
    });
}

#[test]
fn noise_in_the_clothes_of_a_record_breaks_the_protocol() {
    check(async {
        for seed in 0..8 {
            let mut content = noise(seed, 200);
            // A hello of this length, so that it is taken apart.
            content[..4].copy_from_slice(&[1, 0, 0, 196]);
            assert_eq!(send(&handshake_record(&content)).await.protocol, 1, "seed {seed}");
        }
    });
}

#[test]
fn records_that_no_handshake_begins_with_break_the_protocol() {
    check(async {
        let records: [&[u8]; 4] = [
            // Content before there are keys.
            &[23, 3, 3, 0, 5, 1, 2, 3, 4, 5],
            // A record longer than any may be.
            &[22, 3, 1, 0xff, 0xff, 0, 0, 0, 0, 0],
            // A server's hello, from a client.
            &[22, 3, 3, 0, 4, 2, 0, 0, 0],
            // An empty record.
            &[22, 3, 1, 0, 0, 22, 3, 1, 0, 0],
        ];
        for record in records {
            let failed = send(record).await;
            assert_eq!(failed.protocol, 1, "{record:?}: {failed:?}");
        }
    });
}

#[test]
fn a_client_that_says_nothing_and_goes_is_cut() {
    check(async {
        assert_eq!(send(b"").await.cut, 1);
    });
}

#[test]
fn a_client_that_goes_in_the_middle_of_a_record_is_cut() {
    check(async {
        for length in [1, 4, 5, 6, 100] {
            let record = handshake_record(&[1; 200]);
            assert_eq!(send(&record[..length]).await.cut, 1, "{length} bytes");
        }
    });
}

#[test]
fn a_client_that_resets_in_the_middle_of_its_handshake_is_cut() {
    check(async {
        let server = listen(ServerOptions::default()).await;
        let address = server.local_addr().ip().unwrap();
        unblock(move || {
            let config = ClientConfig::builder_with_provider(provider())
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(rustls::RootCertStore::empty())
                .with_no_client_auth();
            let mut tls = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
            let mut hello = Vec::new();
            tls.write_tls(&mut hello).unwrap();
            let mut socket = TcpStream::connect(address).unwrap();
            socket.write_all(&hello).unwrap();
            // Something of the answer is unread when the socket is closed, so the kernel resets.
            socket.read_exact(&mut [0]).unwrap();
        })
        .await
        .unwrap();
        assert_eq!(failure(&server).await.cut, 1);
        goes_on(&server).await;
    });
}

#[test]
fn a_client_that_does_not_trust_us_has_refused_us() {
    check(async {
        let server = listen(ServerOptions::default()).await;
        let stranger = danger::provider(Context::builder(), provider()).roots(Roots::WebPki).build().unwrap();
        stranger.connect_as(server.local_addr(), "localhost").await.unwrap_err();
        assert_eq!(failure(&server).await.refused_by_peer, 1);
        goes_on(&server).await;
    });
}

#[test]
fn a_client_with_nothing_in_common_is_incompatible() {
    check(async {
        let context = crate::support::server_builder().versions([Version::Tls13]);
        let context = context.identity(crate::support::identity(&crate::support::issue(&["localhost"])));
        let server = context.build().unwrap().listen("127.0.0.1:0").await.unwrap();
        let old = client_builder().versions([Version::Tls12]).build().unwrap();
        old.connect_as(server.local_addr(), "localhost").await.unwrap_err();
        assert_eq!(failure(&server).await.incompatible, 1);
        goes_on(&server).await;
    });
}

#[test]
fn every_kind_of_garbage_at_once_is_all_counted() {
    check(async {
        const EACH: u64 = 20;
        let options = ServerOptions::default().handshakes_per_peer(1_000);
        let server = std::rc::Rc::new(server_context().listen_with("127.0.0.1:0", options).await.unwrap());
        let kinds: [&[u8]; 4] = [b"GET / HTTP/1.0\r\n\r\n", &[0x80, 0x2e, 1, 0, 2, 0, 0], &[22, 3, 1, 0xff, 0xff], b""];
        for _ in 0..EACH {
            for bytes in kinds {
                let hostile = raw(&server).await;
                hostile.write(bytes).await.unwrap();
                let _ = hostile.close_write();
            }
        }
        until(|| server.counters().failed.total() == 4 * EACH).await;
        let failed = server.counters().failed;
        assert_eq!((failed.not_tls, failed.protocol, failed.cut), (2 * EACH, EACH, EACH), "{failed:?}");
        assert!(at_once(server.accept()).await.is_none());
    });
}
