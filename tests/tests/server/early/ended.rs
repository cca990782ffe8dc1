//! Handshakes that end after they have brought early data.

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use lem_ssl_rs::{Drained, Error, TlsError, spawn, unblock};

use super::{MAX_EARLY_DATA, by_hand, half_way};
use crate::support::{check, identity, issue, server_builder, until};

fn counts(drained: Drained) -> (u64, u64, u64) {
    (drained.finished, drained.closed, drained.unclaimed)
}

#[test]
fn a_handshake_that_fails_after_its_early_data_gives_no_stream() {
    check(async {
        let (server, client) = by_hand().await;
        let (mut early, visitor) = half_way(&server, &client, "request").await;
        assert!(early.read().await.unwrap().is_some());
        drop(visitor);
        let error = early.finish().await.unwrap_err();
        assert!(matches!(TlsError::of(&error), Some(TlsError::HandshakeCut { .. })), "{error}");
        let counters = server.counters();
        assert_eq!((counters.handshakes_finished, counters.failed.cut, counters.open), (1, 1, 0));
    });
}

#[test]
fn early_data_that_end_in_garbage_give_no_stream() {
    check(async {
        let (server, client) = by_hand().await;
        let (mut early, mut visitor) = half_way(&server, &client, "request").await;
        let mut record = vec![23, 3, 3, 0, 32];
        record.resize(37, 9);
        visitor.socket.write_all(&record).unwrap();
        assert!(early.read().await.unwrap().is_some());
        early.read().await.unwrap_err();
        assert!(early.info().is_none() && !early.is_finished());
        early.write("answer").await.unwrap_err();
        early.finish().await.unwrap_err();
        assert_eq!(server.counters().failed.protocol, 1);
    });
}

#[test]
fn a_client_that_sends_early_data_and_no_more_keeps_no_handler_beyond_the_deadline() {
    check(async {
        let (server, client) = by_hand().await;
        let deadline = Duration::from_millis(50);
        let builder = server_builder().identity(identity(&issue(&["localhost"]))).early_data(MAX_EARLY_DATA);
        server.context().replace(builder.handshake_deadline(deadline).build().unwrap()).unwrap();
        let (early, _visitor) = half_way(&server, &client, "request").await;
        assert!(matches!(early.finish().await, Err(Error::Timeout(_))));
        assert_eq!(server.counters().failed.timed_out, 1);
    });
}

#[test]
fn dropping_it_ends_the_connection_and_is_counted() {
    check(async {
        let (server, client) = by_hand().await;
        let (early, mut visitor) = half_way(&server, &client, "request").await;
        drop(early);
        let ended = unblock(move || {
            loop {
                match visitor.tls.read_tls(&mut visitor.socket) {
                    Ok(0) | Err(_) => return,
                    Ok(_) => drop(visitor.tls.process_new_packets()),
                }
            }
        });
        ended.await.unwrap();
        assert_eq!(server.counters().failed.other, 1);
        assert_eq!(server.counters().open, 0);
    });
}

#[test]
fn a_drain_waits_for_early_data_that_were_handed_out() {
    check(async {
        let (server, client) = by_hand().await;
        until(|| server.counters().open == 0).await;
        let (early, visitor) = half_way(&server, &client, "request").await;
        let draining = server.clone();
        let draining = spawn(async move { draining.drain(Duration::from_secs(3_600)).await });
        let finishing = unblock(move || {
            let mut visitor = visitor;
            while visitor.tls.is_handshaking() {
                visitor.tls.complete_io(&mut visitor.socket).unwrap();
            }
            visitor
        });
        let (stream, _) = early.finish().await.unwrap();
        assert!(!draining.is_finished());
        drop(finishing.await.unwrap());
        stream.abort();
        assert_eq!(counts(draining.await.unwrap()), (1, 0, 0));
    });
}

#[test]
fn after_the_deadline_of_a_drain_early_data_lead_to_no_stream() {
    check(async {
        let (server, client) = by_hand().await;
        until(|| server.counters().open == 0).await;
        let (early, mut visitor) = half_way(&server, &client, "request").await;
        assert_eq!(counts(server.drain(Duration::ZERO).await), (0, 1, 0));
        let finishing =
            unblock(
                move || while visitor.tls.is_handshaking() && visitor.tls.complete_io(&mut visitor.socket).is_ok() {},
            );
        assert!(matches!(early.finish().await, Err(Error::Closed)));
        finishing.await.unwrap();
    });
}

#[test]
fn early_data_that_nobody_has_answered_at_the_end_are_cut_off() {
    check(async {
        for accepted in [true, false] {
            let (server, client) = by_hand().await;
            until(|| server.counters().open == 0).await;
            let (early, visitor) = if accepted {
                let (early, visitor) = half_way(&server, &client, "request").await;
                (Some(early), visitor)
            } else {
                let (mut visitor, offered) = client.begin(server.local_addr().ip().unwrap(), "request");
                assert!(offered);
                let flight = visitor.flight();
                visitor.socket.write_all(&flight).unwrap();
                until(|| server.counters().handshakes_early == 1).await;
                (None, visitor)
            };
            let drained = server.drain(Duration::ZERO).await;
            assert_eq!(counts(drained), if accepted { (0, 1, 0) } else { (0, 0, 1) });
            // Its holder may keep it: the client is cut off all the same.
            let heard = unblock(move || {
                let mut visitor = visitor;
                let mut heard = Vec::new();
                while visitor.tls.read_tls(&mut visitor.socket).is_ok_and(|count| count > 0) {
                    visitor.tls.process_new_packets().unwrap();
                }
                visitor.tls.reader().read_to_end(&mut heard).map(|_| heard)
            });
            let end = heard.await.unwrap();
            assert!(matches!(&end, Err(error) if error.kind() == ErrorKind::UnexpectedEof), "{end:?}");
            drop(early);
        }
    });
}
