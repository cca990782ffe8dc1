//! Early data that are not taken: the client says them again after the handshake, or is somebody who must not.

use std::io::{Read, Write};

use lem_ssl_rs::{FleetSecret, RevocationLists, Roots, ServerOptions, Tickets, Version, serve_threads, unblock};
use lem_ssl_tests::pki::{Authority, Leaf};
use rustls::AlertDescription;

use super::{MAX_EARLY_DATA, by_hand, early_context, listen, returning, tell};
use crate::support::{Returning, at_once, check, echo, identity, issue, says, serve_with, server_builder, until};

#[test]
fn by_default_no_client_is_offered_to_send_early_data() {
    check(async {
        let context = server_builder().identity(identity(&issue(&["localhost"]))).build().unwrap();
        let server = serve_with(&context, ServerOptions::default()).await;
        let client = Returning::new();
        for _ in 0..3 {
            let visit = client.visit(&server, "request\n", "").await;
            assert!(!visit.offered && visit.heard == "request\n", "{visit:?}");
        }
        let counters = server.counters();
        assert_eq!((counters.handshakes_early, counters.handshakes_resumed), (0, 2));
    });
}

#[test]
fn a_server_that_was_not_told_to_receive_early_data_refuses_them_and_loses_nothing() {
    check(async {
        let context = early_context();
        let plain = server_builder().identity(identity(&issue(&["localhost"]))).build().unwrap();
        for refusing in [&context, &plain] {
            let early = tell(&context).await;
            let ordinary = serve_with(refusing, ServerOptions::default()).await;
            let client = returning(&early).await;
            let visit = client.visit(&ordinary, "request\n", "more\n").await;
            assert!(visit.offered && !visit.accepted);
            assert_eq!(visit.heard, "request\nmore\n", "the client sends them again, after the handshake");
            let counters = ordinary.counters();
            assert_eq!((counters.handshakes_finished, counters.handshakes_early), (1, 0));
        }
    });
}

#[test]
fn a_first_flight_that_is_sent_again_brings_no_early_data() {
    check(async {
        let (server, client) = by_hand().await;
        let address = server.local_addr().ip().unwrap();
        let (mut visitor, offered) = client.begin(address, "pay 5");
        assert!(offered);
        let flight = visitor.flight();
        visitor.socket.write_all(&flight).unwrap();
        let mut early = server.accept_early().await.unwrap();
        assert_eq!(early.read().await.unwrap().unwrap().look(), b"pay 5");
        // Somebody who has listened says it again.
        let replays = [(); 3].map(|()| {
            let mut socket = std::net::TcpStream::connect(address).unwrap();
            socket.write_all(&flight).unwrap();
            socket
        });
        // Each is answered like a stranger: by a whole handshake, which nobody can finish.
        let answered = unblock(move || {
            replays.map(|mut socket| {
                socket.read_exact(&mut [0; 500]).unwrap();
                socket
            })
        });
        drop(answered.await.unwrap());
        until(|| server.counters().failed.total() == 3).await;
        assert_eq!(server.counters().handshakes_early, 1, "none of these was handed out");
        assert!(at_once(server.accept_early()).await.is_none());
        drop(visitor);
    });
}

#[test]
fn more_early_data_than_allowed_end_the_handshake() {
    check(async {
        let context = early_context();
        let server = tell(&context).await;
        let client = returning(&server).await;
        // The client's session still allows more.
        let less = server_builder().identity(identity(&issue(&["localhost"]))).early_data(1_000).build().unwrap();
        server.context().replace(less).unwrap();
        let address = server.local_addr().ip().unwrap();
        let failed = unblock(move || {
            let (mut visitor, offered) = client.begin(address, &"x".repeat(10_000));
            assert!(offered);
            while visitor.tls.is_handshaking() {
                if let Err(error) = visitor.tls.complete_io(&mut visitor.socket) {
                    return error.to_string();
                }
            }
            // The server's alert comes behind its flight.
            visitor.tls.complete_io(&mut visitor.socket).unwrap_err().to_string()
        });
        let message = failed.await.unwrap();
        assert!(message.contains("UnexpectedMessage") || message.contains("reset"), "{message}");
        until(|| server.counters().failed.protocol == 1).await;
        assert_eq!(server.counters().handshakes_finished, 1);
    });
}

#[test]
fn a_reload_keeps_the_sessions_and_another_policy_does_not() {
    check(async {
        let server = tell(&early_context()).await;
        let client = returning(&server).await;
        server.context().replace(early_context()).unwrap();
        assert!(client.visit(&server, "request", "").await.accepted);
        let other =
            server_builder().identity(identity(&issue(&["localhost"]))).early_data(MAX_EARLY_DATA).alpn(["other"]);
        server.context().replace(other.build().unwrap()).unwrap();
        let visit = client.visit(&server, "request", "").await;
        assert!(visit.offered && !visit.accepted);
        assert_eq!(visit.heard, "early: , content: request");
        // Back again, the sessions of before have been forgotten.
        server.context().replace(early_context()).unwrap();
        let visit = client.visit(&server, "request", "").await;
        assert!(visit.offered && !visit.accepted);
    });
}

#[test]
fn contexts_that_were_built_apart_refuse_each_other_s_early_data() {
    check(async {
        let (one, other) = (tell(&early_context()).await, tell(&early_context()).await);
        let client = returning(&one).await;
        let visit = client.visit(&other, "request", "").await;
        assert!(visit.offered && !visit.accepted);
        assert_eq!(visit.heard, "early: , content: request");
    });
}

#[test]
fn other_applications_early_data_are_refused() {
    check(async {
        let builder = || server_builder().identity(identity(&issue(&["localhost"]))).early_data(MAX_EARLY_DATA);
        let server = tell(&builder().alpn(["a", "b"]).build().unwrap()).await;
        let client = Returning::with_alpn(&["a"]);
        client.visit(&server, "", "").await;
        assert!(client.visit(&server, "request", "").await.accepted, "the same one is fine");
    });
}

#[test]
fn a_server_of_early_data_gives_no_stream_without_them() {
    check(async {
        let server = listen(&early_context()).await;
        says(server.accept().await, &["early data", "accept_early"]);
        says(server.autospawn(echo).await, &["early data", "accept_early"]);
        assert!(at_once(server.accept_early()).await.is_none(), "that does it no harm");
    });
}

#[test]
fn what_cannot_be_had_together_is_refused_with_a_reason() {
    check(async {
        let builder = || server_builder().identity(identity(&issue(&["localhost"]))).early_data(MAX_EARLY_DATA);
        let fleet = Tickets::Fleet(FleetSecret::new([7; 32]).unwrap());
        says(builder().tickets(fleet).build(), &["early data", "fleet"]);
        says(builder().tickets(Tickets::Off).build(), &["early data", "off"]);
        says(builder().versions([Version::Tls12]).build(), &["early data", "TLS 1.3"]);
        let options = ServerOptions::default().early_data(true);
        let without = server_builder().identity(identity(&issue(&["localhost"]))).build().unwrap();
        says(without.listen_with("127.0.0.1:0", options).await, &["early data", "early_data on its builder"]);
        let handlers = |_| echo;
        says(serve_threads(1, "127.0.0.1:0", early_context(), options, handlers), &["serve_threads", "early data"]);
    });
}

#[test]
fn a_client_that_was_revoked_since_is_refused_before_anybody_sees_its_early_data() {
    check(async {
        let club = Authority::new("Club");
        let member = club.issue(Leaf::client(&["member.test"]));
        let builder = || {
            let roots = Roots::Pem(club.certificate_pem().into_bytes());
            server_builder().identity(identity(&issue(&["localhost"]))).client_roots(roots).early_data(MAX_EARLY_DATA)
        };
        let server = tell(&builder().build().unwrap()).await;
        let client = Returning::with_certificate(&member);
        client.visit(&server, "", "").await;
        assert!(client.visit(&server, "request", "").await.accepted);
        let list = RevocationLists::Pem(club.revocation_list_pem(&[&member]).into_bytes());
        server.context().replace(builder().revocation_lists(list).build().unwrap()).unwrap();
        let address = server.local_addr().ip().unwrap();
        let (mut visitor, offered) = client.begin(address, "request");
        assert!(offered);
        let flight = visitor.flight();
        visitor.socket.write_all(&flight).unwrap();
        until(|| server.counters().failed.certificate == 1).await;
        assert_eq!(server.counters().handshakes_early, 1, "only the one before");
        // It is told why once it has shown that it is there.
        let refused = unblock(move || visitor.refused()).await.unwrap();
        assert_eq!(refused, rustls::Error::AlertReceived(AlertDescription::CertificateRevoked));
    });
}
