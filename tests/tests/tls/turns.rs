//! Turns: what a peer sends costs it its share, whatever it is that it sends.

use std::rc::Rc;

use lem_ssl_rs::{ReadMode, spawn, yield_now};
use lem_ssl_tests::raw::{CONTENT, HANDSHAKE, RawPeer};

use crate::support::{Role, raw, run};

/// What fits into a socket.
const MUCH: usize = 120_000;

/// The most content that comes to a stream between two turns of its neighbour, when the peer has filled the socket with
/// what `next` seals, one byte of content each.
async fn most_in_a_turn(role: Role, next: impl Fn(&mut RawPeer) -> Vec<u8>) -> u64 {
    let (stream, mut other) = raw(role).await;
    let mut bytes = Vec::new();
    let mut content = 0_u64;
    while bytes.len() < MUCH {
        bytes.extend(next(&mut other.peer));
        content += 1;
    }
    bytes.extend(other.peer.seal(21, &[1, 0]));
    other.send(&bytes).await;
    let stream = Rc::new(stream);
    let reader = spawn({
        let stream = stream.clone();
        async move { stream.read(ReadMode::All).await }
    });
    let (mut most, mut before) = (0, 0);
    while before < content {
        yield_now().await;
        most = most.max(stream.bytes_read() - before);
        before = stream.bytes_read();
    }
    assert_eq!(reader.await.unwrap().unwrap().len() as u64, content);
    most
}

#[test]
fn new_keys_cost_a_peer_its_share_of_the_loop() {
    run(async {
        for role in [Role::Client, Role::Server] {
            let most = most_in_a_turn(role, |peer| {
                let updates: Vec<u8> = (0..30).flat_map(|_| peer.key_update()).collect();
                [updates, peer.seal(CONTENT, b"x")].concat()
            })
            .await;
            assert!(most <= 4, "{role:?}: {most} times thirty new keys in one turn");
        }
    });
}

#[test]
fn tiny_records_cost_a_peer_its_share_of_the_loop() {
    run(async {
        for role in [Role::Client, Role::Server] {
            let most = most_in_a_turn(role, |peer| peer.seal(CONTENT, b"x")).await;
            assert!(most <= 1_600, "{role:?}: {most} records in one turn");
        }
    });
}

#[test]
fn empty_records_cost_a_peer_its_share_of_the_loop() {
    run(async {
        for role in [Role::Client, Role::Server] {
            let most = most_in_a_turn(role, |peer| {
                let empty: Vec<u8> = (0..30).flat_map(|_| peer.seal(CONTENT, &[])).collect();
                [empty, peer.seal(CONTENT, b"x")].concat()
            })
            .await;
            assert!(most <= 60, "{role:?}: {most} times thirty empty records in one turn");
        }
    });
}

#[test]
fn tickets_cost_a_server_its_share_of_the_loop() {
    run(async {
        // One day, no nonce, a ticket of one byte, no extensions (RFC 8446 section 4.6.1).
        const TICKET: [u8; 18] = [4, 0, 0, 14, 0, 1, 81, 128, 0, 0, 0, 0, 0, 0, 1, 7, 0, 0];
        let most = most_in_a_turn(Role::Client, |peer| {
            [peer.seal(HANDSHAKE, &TICKET.repeat(100)), peer.seal(CONTENT, b"x")].concat()
        })
        .await;
        assert!(most <= 4, "{most} times a hundred tickets in one turn");
    });
}
