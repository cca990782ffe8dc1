//! The end of a connection whose peer has said goodbye before.

use std::sync::Arc;
use std::time::Duration;

use lem_ssl_rs::{Error, ReadMode, Stream, TlsError, Version, spawn, timeout, yield_now};
use lem_ssl_tests::raw::{ALERT, CONTENT, HANDSHAKE};
use lem_ssl_tests::watched_machine;

use crate::support::{Peer, Raw, Role, alerts, client, pki, raw, run, says, tls, upgrade, wire};

const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// `close_notify`.
const GOODBYE: [u8; 2] = [1, 0];

/// Our end, and a peer that has said goodbye and sent `behind` after it, but no FIN.
async fn left(role: Role, behind: &[u8]) -> (Stream, Raw) {
    let (stream, mut other) = raw(role).await;
    let words = other.peer.seal(CONTENT, b"last words");
    let goodbye = other.peer.seal(ALERT, &GOODBYE);
    other.send(&[&words, &goodbye, behind].concat()).await;
    assert_eq!(stream.read(ReadMode::All).await.unwrap(), b"last words");
    assert!(matches!(stream.read(1).await, Err(Error::Closed)));
    (stream, other)
}

#[test]
fn behind_a_clients_goodbye_a_close_waits_for_nothing() {
    let machine = watched_machine();
    machine
        .run(async {
            let (stream, mut other) = left(Role::Server, b"").await;
            let before = machine.counts();
            stream.close().unwrap();
            let (tasks, timers, sockets) = machine.counts();
            // The client's FIN has not come, and will not.
            assert_eq!((tasks, timers, sockets + 1), before, "the socket is closed, and nobody waits");
            stream.shutdown().await.unwrap();
            assert_eq!(alerts(&other.everything().await), [0]);
        })
        .unwrap();
}

#[test]
fn behind_a_clients_goodbye_a_shutdown_waits_for_its_end() {
    run(async {
        let (stream, mut other) = left(Role::Server, b"").await;
        let closing = spawn(async move { stream.shutdown().await });
        assert_eq!(alerts(&other.everything().await), [0]);
        yield_now().await;
        assert!(!closing.is_finished(), "it may not have everything");
        other.wire.close().unwrap();
        closing.await.unwrap().unwrap();
    });
}

#[test]
fn behind_a_servers_goodbye_tickets_may_come_and_fin_is_waited_for() {
    run(async {
        let (stream, mut other) = left(Role::Client, b"").await;
        stream.close().unwrap();
        assert_eq!(alerts(&other.everything().await), [0]);
        // It would fail on a socket that is closed.
        let tickets = other.peer.seal(HANDSHAKE, b"anything");
        other.send(&tickets).await;
        other.wire.close_write().unwrap();
        stream.shutdown().await.unwrap();
    });
}

#[test]
fn what_a_peer_sends_behind_its_goodbye_destroys_nothing_of_ours() {
    // In one piece with the goodbye, and more than a read takes.
    for length in [1, 100, 30_000, 100_000] {
        run(async {
            for role in ROLES {
                let (stream, mut other) = left(role, &vec![0; length]).await;
                let closing = spawn(async move { stream.shutdown().await });
                assert_eq!(alerts(&other.everything().await), [0], "{role:?}, {length}");
                other.wire.close().unwrap();
                closing.await.unwrap().unwrap();
            }
        });
    }
}

#[test]
fn what_was_written_behind_the_peers_goodbye_is_waited_for() {
    run(async {
        for role in ROLES {
            let (stream, mut other) = left(role, b"").await;
            stream.write("an answer").await.unwrap();
            let closing = spawn(async move { stream.shutdown().await });
            let records = other.everything().await;
            assert_eq!(records[records.len() - 2], (CONTENT, b"an answer".to_vec()), "{role:?}");
            assert_eq!(alerts(&records), [0], "{role:?}");
            assert!(!closing.is_finished(), "{role:?}: the peer may not have it");
            other.wire.close().unwrap();
            closing.await.unwrap().unwrap();
        }
    });
}

/// Such peers are usual: with a reset their kernels answer our goodbye, which nobody reads any more.
#[test]
fn a_peer_that_leaves_behind_its_goodbye_is_no_failure_of_shutdown() {
    run(async {
        for role in ROLES {
            let (stream, mut other) = raw(role).await;
            stream.write("an answer").await.unwrap();
            let goodbye = other.peer.seal(ALERT, &GOODBYE);
            other.send(&goodbye).await;
            assert!(matches!(stream.read(1).await, Err(Error::Closed)));
            let closing = spawn(async move { stream.shutdown().await });
            for _ in 0..100 {
                yield_now().await;
            }
            assert!(!closing.is_finished(), "{role:?}: its FIN is waited for");
            other.wire.abort();
            closing.await.unwrap().unwrap();
        }
    });
}

#[test]
fn a_peer_that_keeps_the_connection_open_behind_both_goodbyes_is_no_failure_of_shutdown() {
    run(async {
        for role in ROLES {
            for deadline in [Duration::from_millis(50), Duration::from_secs(3_600)] {
                let (stream, mut other) = raw(role).await;
                stream.set_close_deadline(deadline);
                stream.write("an answer").await.unwrap();
                let goodbye = other.peer.seal(ALERT, &GOODBYE);
                other.send(&goodbye).await;
                assert!(matches!(stream.read(1).await, Err(Error::Closed)));
                let closing = spawn(async move { stream.shutdown().await });
                assert_eq!(alerts(&other.everything().await), [0]);
                let closed = timeout(Duration::from_secs(60), closing).await;
                closed.expect("it does not wait for the whole deadline").unwrap().unwrap();
                other.wire.abort();
            }
        }
    });
}

#[test]
fn a_peer_that_goes_on_sending_behind_its_goodbye_is_no_failure_of_shutdown() {
    run(async {
        for role in ROLES {
            let (stream, other) = left(role, b"").await;
            let flooding = spawn(async move { while other.wire.write(&vec![0; 1 << 20]).await.is_ok() {} });
            stream.shutdown().await.unwrap();
            flooding.await.unwrap();
        }
    });
}

/// `close_notify` before there are keys.
const PLAIN_GOODBYE: [u8; 7] = [21, 3, 3, 0, 2, 1, 0];

#[test]
fn a_goodbye_in_the_clear_ends_the_handshake() {
    run(async {
        let pki = pki();
        // Before anything else, or in the middle of a handshake of TLS 1.2.
        for (role, begins) in [(Role::Client, false), (Role::Server, false), (Role::Server, true)] {
            let context = pki.context(role).build().unwrap();
            let (near, far) = wire();
            let us = spawn(async move { upgrade(&context, role, near).await.unwrap_err() });
            let mut peer = Peer::new(client(&Arc::new(pki.client_config(&[Version::Tls12]))), far).await;
            if begins {
                assert!(peer.flush().await);
                peer.beat().await;
            }
            // It does not close its socket, and so waits for ours.
            assert!(peer.send(&PLAIN_GOODBYE).await);
            let error = us.await.unwrap();
            assert!(matches!(tls(&error), TlsError::HandshakeCut { reset: false }), "{role:?}, {begins}: {error:?}");
            says(&error, &["the peer closed the connection during the handshake"]);
        }
    });
}
