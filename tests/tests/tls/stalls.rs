//! Peers that stop in the middle of the handshake: the deadline ends it and says where.

use std::sync::Arc;
use std::time::Duration;

use lem_ssl_rs::{Phase, Version, spawn};

use crate::support::{Peer, Role, client, pki, run, says, server, upgrade, wire};

/// The peer says so many bytes of each flight of its handshake, and then nothing; it stays there until we have gone.
fn stalled(role: Role, version: Version) {
    run(async {
        let pki = pki();
        let deadline = Duration::from_millis(20);
        let context = pki.context(role).versions([version]).handshake_deadline(deadline).build().unwrap();
        // So many flights the peer has in its handshake; it stalls in each of them, at once and in the middle.
        let flights = if version == Version::Tls12 || role == Role::Server { 2 } else { 1 };
        for flight in 0..flights {
            for half in [false, true] {
                let (near, far) = wire();
                let context = context.clone();
                let us = spawn(async move { upgrade(&context, role, near).await.unwrap_err() });
                let tls = match role {
                    Role::Client => server(&Arc::new(pki.server_config(&pki.server, &[version]))),
                    Role::Server => client(&Arc::new(pki.client_config(&[version]))),
                };
                let mut peer = Peer::new(tls, far).await;
                let mut said = 0;
                loop {
                    let words = peer.ciphertext();
                    if !words.is_empty() && said == flight {
                        peer.send(&words[..if half { words.len() / 2 } else { 0 }]).await;
                        break;
                    }
                    said += usize::from(!words.is_empty());
                    peer.send(&words).await;
                    assert!(peer.receive().await, "{flight}");
                }
                let error = us.await.unwrap();
                assert_eq!(error.timed_out(), Some(Phase::Handshake), "{error:?}");
                says(&error, &["handshake with ", " timed out after "]);
            }
        }
    });
}

#[test]
fn a_server_that_stalls_in_any_flight_ends_in_a_timeout() {
    stalled(Role::Client, Version::Tls13);
    stalled(Role::Client, Version::Tls12);
}

#[test]
fn a_client_that_stalls_in_any_flight_ends_in_a_timeout() {
    stalled(Role::Server, Version::Tls13);
    stalled(Role::Server, Version::Tls12);
}
