//! New keys of a peer, and our answers: what they say, when they are due, and where they stand.

use std::rc::Rc;

use lem_ssl_rs::{ReadMode, spawn, yield_now};
use lem_ssl_tests::raw::{ALERT, CONTENT, HANDSHAKE};
use lem_ssl_tests::records::on_both_records;

use crate::support::{Role, key_updates, raw, run};

const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// More than the 32 that other libraries take without content from us.
const ROUNDS: usize = 100;

#[test]
fn a_download_whose_sender_changes_its_keys_all_the_time_is_answered_once() {
    on_both_records(|_| {
        run(async {
            for role in ROLES {
                let (stream, mut other) = raw(role).await;
                let reader = spawn(async move {
                    let heard = stream.read(ReadMode::Exact(ROUNDS)).await.unwrap();
                    stream.write("thanks").await.unwrap();
                    // Content went out: the next request is answered again, and only once.
                    let more = stream.read(ReadMode::Exact(ROUNDS)).await.unwrap();
                    stream.close().unwrap();
                    (heard.len(), more.len())
                });
                let mut records = Vec::new();
                for round in 0..ROUNDS {
                    let message = [other.peer.key_update(), other.peer.seal(CONTENT, b"x")].concat();
                    other.send(&message).await;
                    // The first answer comes at once, behind a server's tickets.
                    while round == 0 && key_updates(&records) == 0 {
                        let bytes = other.wire.read(ReadMode::Available).await.unwrap();
                        records.extend(other.peer.open(&bytes));
                    }
                }
                while !records.contains(&(CONTENT, b"thanks".to_vec())) {
                    let bytes = other.wire.read(ReadMode::Available).await.unwrap();
                    records.extend(other.peer.open(&bytes));
                }
                // The second is the one that belongs in front of our content: for the requests after the first.
                assert!((1..=2).contains(&key_updates(&records)), "{role:?}: {records:?}");
                for _ in 0..ROUNDS {
                    let message = [other.peer.key_update(), other.peer.seal(CONTENT, b"x")].concat();
                    other.send(&message).await;
                }
                let rest = other.everything().await;
                assert!((1..=2).contains(&key_updates(&rest)), "{role:?}: {rest:?}");
                other.wire.close().unwrap();
                assert_eq!(reader.await.unwrap(), (ROUNDS, ROUNDS));
            }
        });
    });
}

#[test]
fn the_answer_to_new_keys_leaves_with_the_read_that_met_them() {
    on_both_records(|records| {
        run(async {
            // A server has tickets to send, with which the answer may wait.
            let (stream, mut other) = raw(Role::Client).await;
            let message = [other.peer.key_update(), other.peer.seal(CONTENT, b"x")].concat();
            other.send(&message).await;
            // It gives what is there, and waits for nothing more.
            assert_eq!(stream.read(1).await.unwrap(), b"x");
            let bytes = other.wire.read(ReadMode::Available).await.unwrap();
            assert_eq!(key_updates(&other.peer.open(&bytes)), 1, "{records:?}");
        });
    });
}

/// An answer asks for nothing.
const ANSWER: [u8; 5] = [24, 0, 0, 1, 0];

#[test]
fn the_first_request_for_new_keys_is_answered_at_once_and_the_second_before_our_content() {
    on_both_records(|_| {
        run(async {
            for role in ROLES {
                let (stream, mut other) = raw(role).await;
                let (reader, writer) = stream.split();
                let reading = spawn(async move {
                    let five = reader.read(ReadMode::Exact(5)).await.unwrap();
                    (reader, five)
                });
                let update = other.peer.key_update();
                other.send(&update).await;
                // Behind a server's tickets.
                let mut records = Vec::new();
                while key_updates(&records) == 0 {
                    let bytes = other.wire.read(ReadMode::Available).await.unwrap();
                    records.extend(other.peer.open(&bytes));
                }
                assert!(records.iter().any(|(_, payload)| *payload == ANSWER), "{role:?}: {records:?}");
                for _ in 0..5 {
                    let update = [other.peer.key_update(), other.peer.seal(CONTENT, b"x")].concat();
                    other.send(&update).await;
                }
                let (reader, five) = reading.await.unwrap();
                assert_eq!(five, b"xxxxx");
                writer.write("content").await.unwrap();
                writer.write("more").await.unwrap();
                writer.close().unwrap();
                // After our goodbye, none.
                for _ in 0..5 {
                    let update = [other.peer.key_update(), other.peer.seal(CONTENT, b"x")].concat();
                    other.send(&update).await;
                }
                let goodbye = other.peer.seal(21, &[1, 0]);
                other.send(&goodbye).await;
                assert_eq!(reader.read(ReadMode::All).await.unwrap(), b"xxxxx");
                let records = other.everything().await;
                let inner: Vec<u8> = records.iter().map(|(inner, _)| *inner).collect();
                assert_eq!(inner, [HANDSHAKE, CONTENT, CONTENT, ALERT], "{role:?}: {records:?}");
                assert_eq!(records[0].1, ANSWER, "{role:?}");
            }
        });
    });
}

#[test]
fn our_new_keys_keep_their_place_between_records_that_the_kernel_has_not_taken() {
    on_both_records(|records| {
        run(async move {
            for role in ROLES {
                let (stream, mut other) = raw(role).await;
                let (reader, writer) = stream.split();
                let content: Vec<u8> = (0..600_000_u32).map(|number| (number >> 3) as u8).collect();
                let expected = content.clone();
                // The peer reads nothing yet, so a part of this waits on our side.
                let writing = spawn(async move {
                    writer.write(&content).await.unwrap();
                    writer.close().unwrap();
                });
                let (mut said, mut updates) = (Vec::new(), 0);
                for round in 0..10_u8 {
                    let update = [other.peer.key_update(), other.peer.seal(CONTENT, &[round])].concat();
                    other.send(&update).await;
                    assert_eq!(reader.read(1).await.unwrap(), [round]);
                    let bytes = other.wire.read(ReadMode::Exact(20_000)).await.unwrap();
                    for (inner, payload) in other.peer.open(&bytes) {
                        updates += usize::from(payload == ANSWER);
                        said.extend(if inner == CONTENT { payload } else { Vec::new() });
                    }
                }
                assert!(said.len() < expected.len(), "{records:?}: the wire takes all at once");
                for (inner, payload) in other.everything().await {
                    updates += usize::from(payload == ANSWER);
                    said.extend(if inner == CONTENT { payload } else { Vec::new() });
                }
                assert!(said == expected, "{records:?}, {role:?}");
                assert!(updates >= 2, "{records:?}, {role:?}: {updates}");
                writing.await.unwrap();
            }
        });
    });
}

#[test]
fn new_keys_get_no_answer_behind_a_goodbye_that_the_kernel_has_not_taken() {
    on_both_records(|records| {
        run(async move {
            for role in ROLES {
                let (stream, mut other) = raw(role).await;
                let (reader, writer) = stream.split();
                let writer = Rc::new(writer);
                let writing = spawn({
                    let writer = writer.clone();
                    async move { writer.write(&vec![7; 2_000_000]).await }
                });
                while !writer.is_busy() {
                    yield_now().await;
                }
                writer.interrupt().unwrap();
                assert_eq!(writing.await.unwrap().unwrap_err().to_string(), "interrupted");
                writer.close().unwrap();
                let update = [other.peer.key_update(), other.peer.seal(CONTENT, b"x")].concat();
                other.send(&update).await;
                assert_eq!(reader.read(1).await.unwrap(), b"x");
                let said = other.everything().await;
                assert_eq!(said.last(), Some(&(ALERT, vec![1, 0])), "{records:?}, {role:?}");
                assert_eq!(key_updates(&said), 0, "{records:?}, {role:?}");
            }
        });
    });
}

#[test]
fn a_peer_that_never_reads_and_asks_for_new_keys_makes_us_keep_one_answer() {
    on_both_records(|_| {
        run(async {
            for role in ROLES {
                let (stream, mut other) = raw(role).await;
                let reader = spawn(async move { stream.read(ReadMode::All).await.map(|all| (stream, all.len())) });
                for _ in 0..20 {
                    let message: Vec<u8> = (0..ROUNDS)
                        .flat_map(|_| [other.peer.key_update(), other.peer.seal(CONTENT, b"x")].concat())
                        .collect();
                    other.send(&message).await;
                }
                let goodbye = other.peer.seal(21, &[1, 0]);
                other.send(&goodbye).await;
                let (stream, heard) = reader.await.unwrap().unwrap();
                assert_eq!(heard, 20 * ROUNDS);
                stream.close().unwrap();
                assert!(key_updates(&other.everything().await) <= 2, "{role:?}");
            }
        });
    });
}

#[test]
fn behind_our_content_the_next_request_is_answered_at_once_again() {
    on_both_records(|_| {
        run(async {
            for role in ROLES {
                let (stream, mut other) = raw(role).await;
                let (reader, writer) = stream.split();
                let reading = spawn(async move { reader.read(ReadMode::All).await });
                for _ in 0..3 {
                    let update = other.peer.key_update();
                    other.send(&update).await;
                    let mut records = Vec::new();
                    while key_updates(&records) == 0 {
                        let bytes = other.wire.read(ReadMode::Available).await.unwrap();
                        records.extend(other.peer.open(&bytes));
                    }
                    writer.write("content").await.unwrap();
                }
                let goodbye = other.peer.seal(ALERT, &[1, 0]);
                other.send(&goodbye).await;
                assert_eq!(reading.await.unwrap().unwrap(), b"", "{role:?}");
            }
        });
    });
}
