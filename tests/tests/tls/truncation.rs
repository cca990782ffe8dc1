//! A peer that goes away after any byte: nothing hangs, nothing that arrived is lost, and the error says what happened.

use std::sync::Arc;

use lem_ssl_rs::{Context, Cut, Error, ReadMode, TlsError, Version, spawn};

use crate::support::{Cuts, End, Peer, Role, client, pki, run, server, upgrade, wire};

const SPEECH: [&[u8]; 3] = [b"first record\n", b"second", b"third\n"];

/// What our side saw.
struct Seen {
    handshake: Option<Error>,
    heard: Vec<u8>,
    end: Option<Error>,
}

struct Ends {
    role: Role,
    context: Context,
    server: Arc<rustls::ServerConfig>,
    client: Arc<rustls::ClientConfig>,
}

impl Ends {
    fn new(role: Role, version: Version) -> Self {
        let pki = pki();
        let context = pki.context(role);
        // Without resumption, so that every connection has the same records.
        let mut client = pki.client_config(&[version]);
        client.resumption = rustls::client::Resumption::disabled();
        let mut server = pki.server_config(&pki.server, &[version]);
        server.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        Self {
            role,
            context: context.versions([version]).build().unwrap(),
            server: Arc::new(server),
            client: Arc::new(client),
        }
    }
}

/// One conversation; the peer goes away after `stop`. Returns what we saw, and how much ciphertext the peer had sent
/// when its handshake was over, after each record, and in all.
async fn converse(ends: &Ends, stop: Option<(usize, End)>) -> (Seen, Vec<usize>) {
    let (near, far) = wire();
    let (context, role) = (ends.context.clone(), ends.role);
    let us = spawn(async move {
        let stream = match upgrade(&context, role, near).await {
            Ok(stream) => stream,
            Err(error) => return Seen { handshake: Some(error), heard: Vec::new(), end: None },
        };
        // It may be gone already: reading says so.
        let _ = stream.write("ours").await;
        let mut heard = Vec::new();
        let end = loop {
            match stream.read(ReadMode::Available).await {
                Ok(bytes) => heard.extend(bytes),
                Err(error) => break error,
            }
        };
        let later = stream.read(ReadMode::Available).await.unwrap_err();
        assert_eq!(later.to_string(), "closed", "the end is told once");
        assert_eq!(stream.bytes_read(), heard.len() as u64);
        Seen { handshake: None, heard, end: Some(end) }
    });
    let tls = match role {
        Role::Client => server(&ends.server),
        Role::Server => client(&ends.client),
    };
    let mut peer = Peer::new(tls, far).await.cut(Cuts::Whole);
    if let Some((after, end)) = stop {
        peer = peer.stop(after, end);
    }
    let mut marks = Vec::new();
    if peer.shake_hands().await {
        marks.push(peer.sent);
        for record in SPEECH {
            if !peer.write(record).await {
                break;
            }
            marks.push(peer.sent);
        }
        if peer.finish().await {
            marks.push(peer.sent);
            peer.drain().await;
        }
    }
    peer.go(End::Fin);
    (us.await.unwrap(), marks)
}

fn every_byte(role: Role, version: Version, end: End) {
    run(async {
        let ends = Ends::new(role, version);
        let (seen, marks) = converse(&ends, None).await;
        assert_eq!(seen.heard, SPEECH.concat());
        assert_eq!(seen.end.unwrap().to_string(), "closed");
        let [handshake, first, second, third, all] = marks[..] else { panic!("{marks:?}") };
        // An ECDSA signature is some bytes longer or shorter each time, so the edges are not exact in the handshake.
        let slack = 4;
        let mut resets = 0;
        for after in 0..all - slack {
            let (seen, _) = converse(&ends, Some((after, end))).await;
            let place = format!("{role:?} {version:?} {end:?} after {after} bytes of {marks:?}");
            let complete = SPEECH.iter().zip([first, second, third]);
            let certain = complete.filter(|(_, mark)| after >= *mark + slack).map(|(record, _)| record.len()).sum();
            assert!(SPEECH.concat().starts_with(&seen.heard), "{place}");
            assert!(seen.heard.len() >= certain, "{place}: only {:?}", String::from_utf8_lossy(&seen.heard));
            match (seen.handshake, seen.end) {
                (Some(error), None) => {
                    assert!(after < handshake + slack, "{place}: {error:?}");
                    assert!(matches!(TlsError::of(&error), Some(TlsError::HandshakeCut { .. })), "{place}: {error:?}");
                }
                (None, Some(Error::Truncated(cut))) => {
                    resets += usize::from(cut == Cut::Reset);
                    assert!(after + slack >= handshake, "{place}");
                }
                (handshake, end) => panic!("{place}: {handshake:?} {end:?}"),
            }
        }
        // A client does not read our word before it goes; a server may have read it with the end of the handshake.
        match (role, end) {
            (_, End::Fin) => assert_eq!(resets, 0),
            (Role::Server, End::Gone) => assert!(resets > 0),
            (Role::Client, End::Gone) => {}
        }
    });
}

#[test]
fn a_server_of_tls_1_3_may_end_after_any_byte() {
    every_byte(Role::Client, Version::Tls13, End::Fin);
}

#[test]
fn a_server_of_tls_1_2_may_end_after_any_byte() {
    every_byte(Role::Client, Version::Tls12, End::Fin);
}

#[test]
fn a_client_of_tls_1_3_may_end_after_any_byte() {
    every_byte(Role::Server, Version::Tls13, End::Fin);
}

#[test]
fn a_client_of_tls_1_2_may_end_after_any_byte() {
    every_byte(Role::Server, Version::Tls12, End::Fin);
}

#[test]
fn a_server_may_vanish_after_any_byte() {
    every_byte(Role::Client, Version::Tls13, End::Gone);
    every_byte(Role::Client, Version::Tls12, End::Gone);
}

#[test]
fn a_client_may_vanish_after_any_byte() {
    every_byte(Role::Server, Version::Tls13, End::Gone);
    every_byte(Role::Server, Version::Tls12, End::Gone);
}
