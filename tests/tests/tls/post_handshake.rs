//! What the protocol sends after the handshake: new keys, tickets, and parts of them.

use std::rc::Rc;
use std::sync::Arc;

use lem_ssl_rs::{ReadMode, Stream, Version, spawn};
use lem_ssl_tests::records::on_both_records;

use crate::support::{Cuts, End, Peer, Role, client, pki, run, says, server, tls, upgrade, wire};

/// A connection of TLS 1.3 with a scripted peer.
async fn connect(role: Role) -> (Stream, Peer) {
    connect_cut(role, Cuts::Whole).await
}

async fn connect_cut(role: Role, cuts: Cuts) -> (Stream, Peer) {
    let pki = pki();
    let versions = [Version::Tls13];
    let tls = match role {
        Role::Client => server(&Arc::new(pki.server_config(&pki.server, &versions))),
        Role::Server => client(&Arc::new(pki.client_config(&versions))),
    };
    let context = pki.context(role).versions(versions).build().unwrap();
    let (near, far) = wire();
    let us = spawn(async move { upgrade(&context, role, near).await.unwrap() });
    let mut peer = Peer::new(tls, far).await.cut(cuts);
    assert!(peer.shake_hands().await);
    (us.await.unwrap(), peer)
}

const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// Receives what the handshake still had to say, so that what comes next is the answer to what the peer does next.
async fn receive_tickets(peer: &mut Peer) {
    if let rustls::Connection::Client(_) = &peer.tls {
        while matches!(&peer.tls, rustls::Connection::Client(client) if client.tls13_tickets_received() < 2) {
            assert!(peer.receive().await);
        }
    }
}

#[test]
fn a_key_update_is_answered_while_we_only_read() {
    on_both_records(|_| {
        run(async {
            for role in ROLES {
                let (stream, mut peer) = connect(role).await;
                let reader = spawn(async move {
                    let heard = stream.read(ReadMode::All).await;
                    (stream, heard)
                });
                receive_tickets(&mut peer).await;
                peer.tls.refresh_traffic_keys().unwrap();
                peer.flush().await;
                // We have nothing else to send.
                assert!(peer.receive().await, "{role:?}: no answer");
                peer.write(b"under new keys").await;
                peer.finish().await;
                let (stream, heard) = reader.await.unwrap();
                assert_eq!(heard.unwrap(), b"under new keys");
                stream.write("and ours").await.unwrap();
                stream.close().unwrap();
                peer.drain().await;
                assert_eq!((peer.failure.as_ref(), &peer.plaintext[..]), (None, &b"and ours"[..]));
            }
        });
    });
}

#[test]
fn a_key_update_in_the_middle_of_our_writing_harms_nothing() {
    on_both_records(|_| {
        run(async {
            for role in ROLES {
                let (stream, mut peer) = connect(role).await;
                let text: Vec<u8> = (0..1_000_000_u32).map(|index| index as u8).collect();
                let expected = text.clone();
                let writer = spawn(async move {
                    stream.write(&text).await.unwrap();
                    assert_eq!(stream.read(ReadMode::Available).await.unwrap(), b"heard");
                    stream.write("last").await.unwrap();
                    stream.close().unwrap();
                });
                while peer.plaintext.len() < expected.len() {
                    if peer.plaintext.len() < expected.len() / 2 {
                        peer.tls.refresh_traffic_keys().unwrap();
                        peer.flush().await;
                    }
                    assert!(peer.receive().await, "{:?}", peer.failure);
                }
                peer.write(b"heard").await;
                peer.finish().await;
                peer.drain().await;
                assert_eq!(peer.failure, None);
                assert!(peer.plaintext == [&expected[..], b"last"].concat());
                writer.await.unwrap();
            }
        });
    });
}

#[test]
fn many_key_updates_with_content_between_them_are_followed() {
    on_both_records(|_| {
        run(async {
            for role in ROLES {
                let (stream, mut peer) = connect_cut(role, Cuts::Every(5)).await;
                let us = spawn(async move {
                    for _ in 0..UPDATES {
                        let line = stream.read(ReadMode::Line).await.unwrap();
                        stream.write(&line).await.unwrap();
                    }
                    stream.close().unwrap();
                });
                for index in 0..UPDATES {
                    peer.tls.refresh_traffic_keys().unwrap();
                    peer.write(format!("line {index}\n").as_bytes()).await;
                }
                peer.drain().await;
                let lines: String = (0..UPDATES).map(|index| format!("line {index}\n")).collect();
                assert_eq!((peer.failure.as_ref(), String::from_utf8_lossy(&peer.plaintext)), (None, lines.into()));
                peer.go(End::Fin);
                us.await.unwrap();
            }
        });
    });
}

const UPDATES: usize = 100;

#[test]
fn a_flood_of_key_updates_ends_the_connection() {
    on_both_records(|_| {
        run(async {
            let (stream, mut peer) = connect(Role::Server).await;
            let us = spawn(async move {
                let error = stream.read(ReadMode::Available).await.unwrap_err();
                says(tls(&error), &["broke the protocol"]);
            });
            for _ in 0..1000 {
                peer.tls.refresh_traffic_keys().unwrap();
            }
            peer.flush().await;
            peer.drain().await;
            assert!(!peer.clean_end);
            peer.go(End::Fin);
            us.await.unwrap();
        });
    });
}

#[test]
fn writing_and_closing_between_the_parts_of_a_key_update_are_safe() {
    on_both_records(|_| {
        run(async {
            for role in ROLES {
                let length = part_of_a_record(role, 0).await;
                for part in 1..length {
                    part_of_a_record(role, part).await;
                }
            }
        });
    });
}

/// The peer sends `part` bytes of new keys; then we write, it sends the rest, and we close. Says how many there are.
async fn part_of_a_record(role: Role, part: usize) -> usize {
    let (stream, mut peer) = connect(role).await;
    peer.tls.refresh_traffic_keys().unwrap();
    let update = peer.ciphertext();
    between_the_parts(stream, peer, &update, part).await;
    update.len()
}

#[test]
fn writing_and_closing_between_the_fragments_of_a_ticket_are_safe() {
    on_both_records(|_| {
        run(async {
            let pki = pki();
            let context = pki.client_context().versions([Version::Tls13]).build().unwrap();
            let mut config = pki.server_config(&pki.server, &[Version::Tls13]);
            // The least that rustls takes: a ticket becomes several records.
            config.max_fragment_size = Some(37);
            let config = Arc::new(config);
            let mut length = usize::MAX;
            let mut part = 0;
            while part < length {
                let (near, far) = wire();
                let ours = context.clone();
                let us = spawn(async move { upgrade(&ours, Role::Client, near).await.unwrap() });
                let mut peer = Peer::new(server(&config), far).await;
                while peer.tls.is_handshaking() {
                    assert!(peer.flush().await && peer.receive().await);
                }
                let tickets = peer.ciphertext();
                assert!(tickets.len() > 2 * 37, "the tickets are not in fragments");
                between_the_parts(us.await.unwrap(), peer, &tickets, part).await;
                length = tickets.len();
                part += 1;
            }
        });
    });
}

async fn between_the_parts(stream: Stream, mut peer: Peer, message: &[u8], part: usize) {
    let stream = Rc::new(stream);
    let reader = spawn({
        let stream = stream.clone();
        async move { stream.read(ReadMode::Available).await }
    });
    peer.send(&message[..part]).await;
    peer.beat().await;
    if part.is_multiple_of(2) {
        stream.interrupt().unwrap();
        assert_eq!(reader.await.unwrap().unwrap_err().to_string(), "interrupted");
    } else {
        reader.cancel();
        peer.beat().await;
    }
    stream.write("ours").await.unwrap();
    assert!(peer.expect(b"ours").await, "after {part} bytes: {:?}", peer.failure);
    if part.is_multiple_of(3) {
        // Never the rest: we close with half a message in our hands.
        peer.fin();
    } else {
        peer.send(&message[part..]).await;
        peer.write(b"theirs").await;
        assert_eq!(stream.read(ReadMode::Exact(6)).await.unwrap(), b"theirs");
        peer.finish().await;
    }
    stream.write("again").await.unwrap();
    stream.close().unwrap();
    peer.drain().await;
    assert_eq!((peer.failure.as_ref(), &peer.plaintext[..]), (None, &b"oursagain"[..]), "after {part} bytes");
    assert!(peer.clean_end, "after {part} bytes");
}
