//! A write that is stopped while the peer takes its time: what was accepted arrives, and then what is written next.

use std::rc::Rc;
use std::sync::Arc;

use lem_ssl_rs::{ReadMode, Stream, Version, spawn};

use crate::support::{Peer, client, pki, run, server, wire};

/// More than the kernel takes for a peer that does not read.
const LENGTH: usize = 1536 * 1024;

fn text() -> Vec<u8> {
    (0..LENGTH).map(|index| (index / 3) as u8).collect()
}

async fn connect(version: Version, as_client: bool) -> (Rc<Stream>, Peer) {
    let pki = pki();
    let (near, far) = wire();
    let tls = if as_client {
        server(&Arc::new(pki.server_config(&pki.server, &[version])))
    } else {
        client(&Arc::new(pki.client_config(&[version])))
    };
    let us = spawn(async move {
        let stream = if as_client {
            pki.client_context().build().unwrap().upgrade(near, "localhost").await
        } else {
            pki.server_context().build().unwrap().upgrade_server(near).await
        };
        Rc::new(stream.unwrap())
    });
    let mut peer = Peer::new(tls, far).await;
    assert!(peer.shake_hands().await);
    (us.await.unwrap(), peer)
}

/// Stops a write when the peer has received `pieces` times; the rest of the conversation must be as if it had been
/// shorter from the beginning.
async fn stopped(version: Version, as_client: bool, pieces: usize, drop_it: bool) {
    let (stream, mut peer) = connect(version, as_client).await;
    let writer = spawn({
        let stream = stream.clone();
        async move { stream.write(&text()).await }
    });
    peer.beat().await;
    for _ in 0..pieces {
        assert!(peer.receive().await);
        peer.beat().await;
    }
    assert!(stream.is_busy(), "the write should not be over");
    assert_eq!(stream.write("another").await.unwrap_err().to_string(), "busy");
    assert_eq!(stream.read(ReadMode::Available).await.unwrap_err().to_string(), "busy");
    if drop_it {
        writer.cancel();
        peer.beat().await;
    } else {
        stream.interrupt().unwrap();
        assert_eq!(writer.await.unwrap().unwrap_err().to_string(), "interrupted");
    }
    assert!(!stream.is_busy());
    let accepted = usize::try_from(stream.bytes_written()).unwrap();
    assert!(accepted < LENGTH && accepted >= peer.plaintext.len(), "{accepted}");
    // At most so much is ahead of the kernel; a Unix socket's buffer and one receive of the peer's come on top.
    let next = spawn({
        let stream = stream.clone();
        async move {
            stream.write("next").await.unwrap();
            stream.close().unwrap();
        }
    });
    peer.drain().await;
    next.await.unwrap();
    assert_eq!(peer.failure, None);
    assert!(peer.clean_end);
    assert!(peer.plaintext == [&text()[..accepted], b"next"].concat(), "{version:?} after {pieces} pieces");
}

#[test]
fn a_write_that_is_stopped_at_any_piece_leaves_what_it_says_it_has_written() {
    run(async {
        for version in [Version::Tls12, Version::Tls13] {
            for as_client in [false, true] {
                for pieces in 0..4 {
                    for drop_it in [false, true] {
                        stopped(version, as_client, pieces, drop_it).await;
                    }
                }
            }
        }
    });
}

#[test]
fn closing_in_the_middle_of_a_write_delivers_what_was_accepted() {
    run(async {
        for pieces in 0..4 {
            let (stream, mut peer) = connect(Version::Tls13, true).await;
            let writer = spawn({
                let stream = stream.clone();
                async move { stream.write(&text()).await }
            });
            peer.beat().await;
            for _ in 0..pieces {
                assert!(peer.receive().await);
                peer.beat().await;
            }
            stream.close().unwrap();
            assert_eq!(writer.await.unwrap().unwrap_err().to_string(), "interrupted");
            let accepted = usize::try_from(stream.bytes_written()).unwrap();
            peer.drain().await;
            assert!(peer.clean_end, "{:?}", peer.failure);
            assert!(peer.plaintext == text()[..accepted]);
        }
    });
}

#[test]
fn after_the_peers_goodbye_we_may_still_write() {
    run(async {
        for as_client in [false, true] {
            let (stream, mut peer) = connect(Version::Tls13, as_client).await;
            peer.write(b"request").await;
            peer.tls.send_close_notify();
            peer.flush().await;
            assert_eq!(stream.read(ReadMode::All).await.unwrap(), b"request");
            assert!(stream.is_closed());
            stream.write("answer").await.unwrap();
            stream.close().unwrap();
            peer.drain().await;
            assert_eq!((peer.failure.as_ref(), &peer.plaintext[..]), (None, &b"answer"[..]));
            assert!(peer.clean_end);
        }
    });
}

#[test]
fn after_our_goodbye_we_still_read_and_new_keys_get_no_answer() {
    run(async {
        for as_client in [false, true] {
            let (stream, mut peer) = connect(Version::Tls13, as_client).await;
            stream.write("request").await.unwrap();
            stream.close_write().unwrap();
            assert!(peer.expect(b"request").await);
            peer.drain().await;
            assert!(peer.clean_end);
            peer.tls.refresh_traffic_keys().unwrap();
            peer.write(b"answer").await;
            assert_eq!(stream.read(ReadMode::Exact(6)).await.unwrap(), b"answer");
            peer.finish().await;
            assert_eq!(stream.read(ReadMode::Available).await.unwrap_err().to_string(), "closed");
            stream.shutdown().await.unwrap();
        }
    });
}
