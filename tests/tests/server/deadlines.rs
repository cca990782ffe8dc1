//! A handshake has its deadline from the moment on in which the connection was accepted.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use lem_ssl_rs::{Context, Error, Phase, ReadMode, ServerEvent, ServerOptions, TcpStream, now, sleep, spawn};

use crate::support::{check, until};
use crate::support::{identity, is_answered, issue, raw, serve_with, server_builder};

/// Over soon, where a test waits for it. What has to be quicker than this is not asserted.
const SHORT: Duration = Duration::from_millis(60);

fn impatient() -> Context {
    server_builder().identity(identity(&issue(&["localhost"]))).handshake_deadline(SHORT).build().unwrap()
}

/// The bytes of a handshake's beginning: the header of a record with 512 bytes, and 80 of these.
fn beginning() -> Vec<u8> {
    let mut bytes = vec![22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3];
    bytes.resize(80, 0);
    bytes
}

/// Sends one byte at a time, far more often than the deadline is long, as long as the server lets it.
async fn dribble(client: &TcpStream) {
    for byte in beginning() {
        if client.write(&[byte]).await.is_err() || client.is_closed() {
            return;
        }
        sleep(SHORT / 10).await;
    }
}

#[test]
fn a_silent_client_is_let_go_and_counted_as_timed_out() {
    check(async {
        let server = serve_with(&impatient(), ServerOptions::default()).await;
        let began = now();
        let silent = raw(&server).await;
        until(|| server.counters().failed.timed_out == 1).await;
        assert!(now() - began >= SHORT, "not before the deadline");
        assert_eq!(silent.read(ReadMode::All).await.unwrap(), b"");
        let counters = server.counters();
        assert_eq!((counters.accepted, counters.handshakes_started, counters.failed.total()), (1, 1, 1));
    });
}

#[test]
fn a_client_that_sends_a_byte_at_a_time_gains_no_time_by_it() {
    check(async {
        let server = serve_with(&impatient(), ServerOptions::default()).await;
        let slow = Rc::new(raw(&server).await);
        let sending = slow.clone();
        let bytes = Rc::new(Cell::new(0));
        let count = bytes.clone();
        let dribbling = spawn(async move {
            dribble(&sending).await;
            count.set(sending.bytes_written());
        });
        // Eighty bytes at six milliseconds each take eight times as long as the deadline.
        until(|| server.counters().failed.timed_out == 1).await;
        dribbling.await.unwrap();
        assert_eq!(server.counters().failed.total(), 1);
        assert_eq!(server.counters().open, 0);
    });
}

#[test]
fn the_deadline_of_one_client_holds_up_no_other() {
    check(async {
        let context = server_builder().identity(identity(&issue(&["localhost"]))).build().unwrap();
        let server = serve_with(&context, ServerOptions::default()).await;
        let mut silent = Vec::new();
        for _ in 0..30 {
            silent.push(raw(&server).await);
        }
        until(|| server.counters().handshakes_started == 30).await;
        is_answered(&server).await;
        is_answered(&server).await;
        let counters = server.counters();
        assert_eq!((counters.handshakes_finished, counters.failed.total()), (2, 0));
    });
}

#[test]
fn a_timeout_names_the_phase_and_the_client() {
    check(async {
        let server = serve_with(&impatient(), ServerOptions::default()).await;
        let told = Rc::new(Cell::new(None));
        let tell = told.clone();
        server.on_event(move |event| {
            if let ServerEvent::HandshakeFailed { peer, error } = event {
                assert_eq!(Error::timed_out(error), Some(Phase::Handshake));
                tell.set(Some((peer.to_string(), event.to_string())));
            }
        });
        let silent = raw(&server).await;
        until(|| server.counters().failed.timed_out == 1).await;
        let (peer, message) = told.take().expect("the event is told before it is counted, or in the same turn");
        assert_eq!(peer, silent.local_addr().unwrap().to_string());
        assert!(message.contains(&peer) && message.contains("handshake"), "{message}");
    });
}
