//! A read that is interrupted or dropped, and a close, after every piece of the peer's ciphertext.

use std::rc::Rc;
use std::sync::Arc;

use lem_ssl_rs::{Context, ReadMode, Stream, Version, spawn};

use crate::support::{Cuts, End, Peer, Role, client, pki, run, server, upgrade, wire};

const TEXT: &[u8] = b"the first line\nand half of another";

/// How the reading task is stopped.
#[derive(Debug, Clone, Copy)]
enum Stop {
    Interrupt,
    Cancel,
}

fn context(role: Role, version: Version) -> Context {
    let pki = pki();
    pki.context(role).versions([version]).build().unwrap()
}

async fn connect(role: Role, version: Version, context: &Context) -> (Rc<Stream>, Peer) {
    let pki = pki();
    let tls = match role {
        Role::Client => server(&Arc::new(pki.server_config(&pki.server, &[version]))),
        Role::Server => client(&Arc::new(pki.client_config(&[version]))),
    };
    let (near, far) = wire();
    let context = context.clone();
    let us = spawn(async move { Rc::new(upgrade(&context, role, near).await.unwrap()) });
    let mut peer = Peer::new(tls, far).await;
    assert!(peer.shake_hands().await);
    peer.beat().await;
    (us.await.unwrap(), peer)
}

/// A reader waits; the peer sends the text byte by byte, and after each byte the reader is stopped and started again.
async fn stop_after_every_byte(role: Role, version: Version, stop: Stop, mode: ReadMode) {
    let (stream, mut peer) = connect(role, version, &context(role, version)).await;
    std::io::Write::write_all(&mut peer.tls.writer(), &TEXT[..10]).unwrap();
    let mut words = peer.ciphertext();
    std::io::Write::write_all(&mut peer.tls.writer(), &TEXT[10..]).unwrap();
    peer.tls.send_close_notify();
    words.extend(peer.ciphertext());
    let mut heard = Vec::new();
    for byte in &words {
        let reader = spawn({
            let stream = stream.clone();
            async move { stream.read(mode).await }
        });
        // It waits before the byte comes, and has seen it when it is stopped.
        peer.beat().await;
        peer.send(std::slice::from_ref(byte)).await;
        if stream.is_busy() {
            match stop {
                Stop::Interrupt => stream.interrupt().unwrap(),
                Stop::Cancel => reader.cancel(),
            }
        }
        if let Ok(Ok(bytes)) = reader.await {
            heard.extend(bytes);
        }
        assert!(!stream.is_busy(), "{stop:?} {mode:?}");
    }
    // Whatever the mode, what is left is there.
    while let Ok(bytes) = stream.read(ReadMode::Available).await {
        heard.extend(bytes);
    }
    assert_eq!(heard, TEXT, "{role:?} {version:?} {stop:?} {mode:?}");
    assert_eq!(stream.bytes_read(), TEXT.len() as u64);
    stream.write("and we can still answer").await.unwrap();
    stream.close().unwrap();
    peer.drain().await;
    assert_eq!((peer.failure.as_ref(), &peer.plaintext[..]), (None, &b"and we can still answer"[..]));
    assert!(peer.clean_end);
    peer.fin();
}

#[test]
fn a_reader_that_is_stopped_after_any_byte_loses_nothing() {
    run(async {
        for role in [Role::Client, Role::Server] {
            for version in [Version::Tls12, Version::Tls13] {
                for stop in [Stop::Interrupt, Stop::Cancel] {
                    for mode in [ReadMode::Available, ReadMode::Exact(7), ReadMode::Line, ReadMode::All] {
                        stop_after_every_byte(role, version, stop, mode).await;
                    }
                }
            }
        }
    });
}

#[test]
fn closing_after_any_byte_says_goodbye_and_interrupts_the_reader() {
    run(async {
        for role in [Role::Client, Role::Server] {
            for version in [Version::Tls12, Version::Tls13] {
                let context = context(role, version);
                let mut length = usize::MAX;
                let mut part = 0;
                while part < length {
                    let (stream, mut peer) = connect(role, version, &context).await;
                    std::io::Write::write_all(&mut peer.tls.writer(), TEXT).unwrap();
                    let words = peer.ciphertext();
                    length = words.len();
                    let reader = spawn({
                        let stream = stream.clone();
                        async move { stream.read(ReadMode::All).await }
                    });
                    peer.beat().await;
                    peer.send(&words[..part]).await;
                    stream.close().unwrap();
                    assert_eq!(reader.await.unwrap().unwrap_err().to_string(), "interrupted");
                    assert_eq!(stream.close().unwrap_err().to_string(), "already closed");
                    assert_eq!(stream.read(ReadMode::Available).await.unwrap_err().to_string(), "closed");
                    peer.drain().await;
                    assert!(peer.clean_end, "{role:?} {version:?} after {part} bytes: {:?}", peer.failure);
                    peer.go(End::Fin);
                    part += 1;
                }
            }
        }
    });
}

#[test]
fn a_handshake_that_is_dropped_after_any_piece_leaves_nothing_behind() {
    run(async {
        for role in [Role::Client, Role::Server] {
            let context = context(role, Version::Tls13);
            let pki = pki();
            for stop in (0..600).step_by(7) {
                let tls = match role {
                    Role::Client => server(&Arc::new(pki.server_config(&pki.server, &[Version::Tls13]))),
                    Role::Server => client(&Arc::new(pki.client_config(&[Version::Tls13]))),
                };
                let (near, far) = wire();
                let ours = context.clone();
                let us = spawn(async move { upgrade(&ours, role, near).await.map(drop) });
                let mut peer = Peer::new(tls, far).await.cut(Cuts::Every(50));
                peer.beat().await;
                if role == Role::Client {
                    assert!(peer.receive().await);
                }
                let words = peer.ciphertext();
                peer.send(&words[..stop.min(words.len())]).await;
                us.cancel();
                peer.beat().await;
                // The connection is gone: no word of it comes any more.
                peer.drain().await;
                assert!(us.await.is_err() || stop >= words.len());
            }
        }
    });
}
