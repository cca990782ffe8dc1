//! What comes in one piece with the last message of the handshake belongs to the stream. In a full handshake of TLS 1.2
//! the server has the last word, so there a server has nothing to test.

use std::sync::Arc;
use std::time::Duration;

use lem_ssl_rs::{ReadMode, Version, spawn, timeout};

use crate::support::{Peer, Role, client, pki, run, says, server, tls, upgrade, wire};

/// What follows the handshake's last message in the same piece.
#[derive(Clone, Copy)]
enum Then {
    /// `close_notify`, and the connection's end.
    Goodbye,
    /// A record that cannot be opened.
    Nonsense,
}

/// The peer's last message of the handshake, its content, and `then`, all in one piece.
fn one_piece(role: Role, version: Version, then: Then) {
    run(async {
        let pki = pki();
        let ours = pki.context(role).versions([version]).build().unwrap();
        let mut server_config = pki.server_config(&pki.server, &[version]);
        server_config.send_half_rtt_data = true;
        let tls_peer = match role {
            Role::Client => server(&Arc::new(server_config)),
            Role::Server => client(&Arc::new(pki.client_config(&[version]))),
        };
        let (near, far) = wire();
        let us = spawn(async move {
            let stream = upgrade(&ours, role, near).await.expect("the handshake was complete");
            assert_eq!(stream.read(ReadMode::Line).await.unwrap(), b"hello\n");
            match then {
                Then::Goodbye => {
                    assert_eq!(stream.read(ReadMode::All).await.unwrap(), b"all");
                    assert_eq!(stream.read(ReadMode::Available).await.unwrap_err().to_string(), "closed");
                    stream.write("answer").await.unwrap();
                }
                Then::Nonsense => {
                    assert_eq!(stream.read(ReadMode::Exact(3)).await.unwrap(), b"all");
                    let error = stream.read(ReadMode::Available).await.unwrap_err();
                    says(tls(&error), &["broke the protocol"]);
                    assert_eq!(stream.read(ReadMode::Available).await.unwrap_err().to_string(), "closed");
                }
            }
            stream.close().unwrap();
        });
        let mut peer = Peer::new(tls_peer, far).await;
        loop {
            if peer.tls.wants_write() && (!peer.tls.is_handshaking() || may_speak(role, version)) {
                break;
            }
            peer.flush().await;
            assert!(peer.receive().await);
        }
        std::io::Write::write_all(&mut peer.tls.writer(), b"hello\nall").unwrap();
        if matches!(then, Then::Goodbye) {
            peer.tls.send_close_notify();
        }
        let mut piece = peer.ciphertext();
        if matches!(then, Then::Nonsense) {
            piece.extend([23, 3, 3, 0, 20]);
            piece.extend([7; 20]);
        }
        peer.send(&piece).await;
        while peer.failure.is_none() && peer.receive().await {}
        match then {
            Then::Goodbye => assert_eq!(peer.plaintext, b"answer"),
            Then::Nonsense => {
                let alert = rustls::AlertDescription::BadRecordMac;
                assert_eq!(peer.failure, Some(rustls::Error::AlertReceived(alert)));
            }
        }
        peer.fin();
        us.await.unwrap();
    });
}

/// A server of TLS 1.3 may send its content right behind its Finished.
fn may_speak(role: Role, version: Version) -> bool {
    role == Role::Client && version == Version::Tls13
}

#[test]
fn a_client_hears_a_server_that_says_everything_behind_its_finished() {
    one_piece(Role::Client, Version::Tls13, Then::Goodbye);
    one_piece(Role::Client, Version::Tls12, Then::Goodbye);
}

#[test]
fn a_server_hears_a_client_that_says_everything_behind_its_finished() {
    one_piece(Role::Server, Version::Tls13, Then::Goodbye);
}

#[test]
fn a_client_reads_what_came_before_nonsense_in_the_servers_last_flight() {
    one_piece(Role::Client, Version::Tls12, Then::Nonsense);
}

#[test]
fn a_server_reads_what_came_before_nonsense_in_the_clients_last_flight() {
    one_piece(Role::Server, Version::Tls13, Then::Nonsense);
}

#[test]
fn a_servers_tickets_leave_in_one_piece_with_its_first_words() {
    run(async {
        let ours = pki().server_context().versions([Version::Tls13]).build().unwrap();
        let (near, far) = wire();
        let us = spawn(async move { upgrade(&ours, Role::Server, near).await.unwrap() });
        let mut peer = Peer::new(client(&Arc::new(pki().client_config(&[Version::Tls13]))), far).await;
        assert!(peer.shake_hands().await);
        let stream = us.await.unwrap();
        assert!(timeout(Duration::from_millis(5), peer.receive()).await.is_err(), "nobody waits for tickets");
        stream.write("hello").await.unwrap();
        assert!(peer.receive().await);
        assert_eq!(peer.plaintext, b"hello");
        stream.close().unwrap();
        peer.finish().await;
    });
}
