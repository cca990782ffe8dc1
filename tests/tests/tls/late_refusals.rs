//! A peer that gives the connection up behind all that we had to say: a shutdown says why.

use std::rc::Rc;
use std::time::Duration;

use lem_ssl_rs::{AlertDescription, Error, ReadMode, Stream, TlsError, spawn, yield_now};
use lem_ssl_tests::raw::{ALERT, CONTENT};

use crate::support::{Raw, Role, alerts, raw, run, tls};

const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// `certificate_required`, fatal.
const REFUSAL: [u8; 2] = [2, 116];

/// The largest content of a record.
const FULL: usize = 16 * 1024;

#[track_caller]
fn is_refusal(result: Result<(), Error>) {
    let error = result.expect_err("the peer has refused us");
    let TlsError::Alert { alert, during_handshake } = tls(&error) else { panic!("{error:?}") };
    assert_eq!((*alert, *during_handshake), (AlertDescription::CertificateRequired, false));
}

/// Ends `stream` while its peer sends `records`, then ends its side; the result of the shutdown.
async fn shut_down(stream: Stream, mut other: Raw, records: &[u8]) -> Result<(), Error> {
    let closing = spawn(async move { stream.shutdown().await });
    // All that we say comes first.
    assert_eq!(alerts(&other.everything().await), [0]);
    other.send(records).await;
    other.wire.close().unwrap();
    closing.await.unwrap()
}

#[test]
fn a_shutdown_says_which_alert_came_behind_our_goodbye_and_whatever_the_peer_has_sent() {
    run(async {
        for role in ROLES {
            for length in [0, 1, FULL, 100 * FULL] {
                let (stream, mut other) = raw(role).await;
                stream.write("all that we have to say").await.unwrap();
                let mut records = Vec::new();
                for content in vec![b'x'; length].chunks(FULL) {
                    records.extend(other.peer.seal(CONTENT, content));
                }
                records.extend(other.peer.key_update());
                records.extend(other.peer.seal(ALERT, &REFUSAL));
                is_refusal(shut_down(stream, other, &records).await);
            }
        }
    });
}

#[test]
fn a_shutdown_says_which_alert_was_there_before_it() {
    run(async {
        for role in ROLES {
            let (stream, mut other) = raw(role).await;
            let refusal = other.peer.seal(ALERT, &REFUSAL);
            other.send(&refusal).await;
            other.wire.close_write().unwrap();
            is_refusal(stream.shutdown().await);
        }
    });
}

#[test]
fn a_shutdown_of_a_stream_that_was_closed_before_says_which_alert_came() {
    run(async {
        for role in ROLES {
            let (stream, mut other) = raw(role).await;
            stream.close().unwrap();
            let refusal = other.peer.seal(ALERT, &REFUSAL);
            is_refusal(shut_down(stream, other, &refusal).await);
        }
    });
}

#[test]
fn a_shutdown_says_which_alert_came_however_it_is_cut() {
    run(async {
        for role in ROLES {
            let (stream, mut other) = raw(role).await;
            let refusal = other.peer.seal(ALERT, &REFUSAL);
            let closing = spawn(async move { stream.shutdown().await });
            other.everything().await;
            for byte in refusal {
                other.send(&[byte]).await;
                yield_now().await;
            }
            other.wire.close().unwrap();
            is_refusal(closing.await.unwrap());
        }
    });
}

#[test]
fn a_shutdown_says_which_alert_came_from_a_peer_that_never_ends_its_side() {
    run(async {
        for role in ROLES {
            let (stream, mut other) = raw(role).await;
            stream.set_close_deadline(Duration::from_millis(50));
            let refusal = other.peer.seal(ALERT, &REFUSAL);
            other.send(&refusal).await;
            is_refusal(stream.shutdown().await);
        }
    });
}

#[test]
fn a_shutdown_says_again_which_alert_a_read_or_a_write_has_met() {
    run(async {
        for role in ROLES {
            let (stream, mut other) = raw(role).await;
            let refusal = other.peer.seal(ALERT, &REFUSAL);
            other.send(&refusal).await;
            other.wire.close().unwrap();
            is_refusal(stream.read(ReadMode::Available).await.map(drop));
            is_refusal(stream.shutdown().await);

            let (stream, mut other) = raw(role).await;
            let refusal = other.peer.seal(ALERT, &REFUSAL);
            other.send(&refusal).await;
            other.wire.abort();
            is_refusal(stream.write("too late").await);
            is_refusal(stream.shutdown().await);
        }
    });
}

#[test]
fn a_shutdown_behind_a_write_that_was_given_up_says_which_alert_ended_that() {
    run(async {
        for (role, closes_first) in ROLES.into_iter().flat_map(|role| [(role, false), (role, true)]) {
            let (stream, mut other) = raw(role).await;
            let stream = Rc::new(stream);
            let writer = stream.clone();
            let content = vec![0; 8 * 1024 * 1024];
            let writing = spawn(async move { writer.write(&content).await });
            while !stream.is_busy() {
                yield_now().await;
            }
            stream.interrupt().unwrap();
            writing.await.unwrap().unwrap_err();
            // What the write had handed over goes on in the background, until nobody takes it.
            if closes_first {
                stream.close().unwrap();
            }
            let refusal = other.peer.seal(ALERT, &REFUSAL);
            other.send(&refusal).await;
            other.wire.abort();
            for _ in 0..100 {
                yield_now().await;
            }
            is_refusal(stream.shutdown().await);
        }
    });
}

#[test]
fn a_shutdown_says_that_what_came_behind_our_goodbye_was_broken() {
    run(async {
        for role in ROLES {
            let (stream, mut other) = raw(role).await;
            let mut record = other.peer.seal(CONTENT, b"not as it was sent");
            *record.last_mut().unwrap() ^= 1;
            let error = shut_down(stream, other, &record).await.unwrap_err();
            assert!(matches!(tls(&error), TlsError::Protocol(_)), "{error:?}");
        }
    });
}

#[test]
fn content_that_nobody_reads_is_no_failure_of_a_shutdown_and_neither_is_the_rest_of_a_record() {
    run(async {
        for role in ROLES {
            for cut in [0, 1] {
                let (stream, mut other) = raw(role).await;
                let record = other.peer.seal(CONTENT, b"nobody reads this");
                shut_down(stream, other, &record[..record.len() - cut]).await.unwrap();
            }
        }
    });
}
