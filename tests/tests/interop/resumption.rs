//! Sessions that are resumed: no certificate is shown the second time.

use std::path::Path;

use lem_ssl_rs::{Context, FleetSecret, ReadMode, Tickets, Version};
use lem_ssl_tests::pki::Leaf;

use crate::support::certificates::{Certificates, OnFile};
use crate::support::nginx::nginx;
use crate::support::openssl::{s_client, s_server};
use crate::support::{VERSIONS, client, get, greet, listen, listen_with, run};

#[test]
fn our_client_resumes_its_session_with_openssl() {
    let certificates = Certificates::new();
    let (_server, port) = s_server(&certificates.server, &["-www"]);
    for version in VERSIONS {
        let context = client(&certificates.roots_pem, version);
        run(async {
            for resumed in [false, true, true] {
                let answer = visit(&context, port, "/", resumed).await;
                assert_eq!(answer.contains("Reused, TLSv1."), resumed, "{answer}");
            }
        });
    }
}

#[test]
fn our_client_resumes_its_session_with_nginx() {
    let certificates = Certificates::new();
    for tickets in ["ssl_session_tickets on;", "ssl_session_tickets off; ssl_session_cache shared:sessions:1m;"] {
        let (_server, port) = nginx(&certificates, &certificates.server, tickets);
        for version in VERSIONS {
            let context = client(&certificates.roots_pem, version);
            run(async {
                for resumed in [false, true, true] {
                    let answer = visit(&context, port, "/reused", resumed).await;
                    let expected = if resumed { "reused: r\n" } else { "reused: .\n" };
                    assert!(answer.ends_with(expected), "{tickets} {version:?}: {answer}");
                }
            });
        }
    }
}

#[test]
fn contexts_do_not_share_their_sessions() {
    let certificates = Certificates::new();
    let (_server, port) = s_server(&certificates.server, &["-www"]);
    for version in VERSIONS {
        run(async {
            for _ in 0..2 {
                visit(&client(&certificates.roots_pem, version), port, "/", false).await;
            }
        });
    }
}

#[test]
fn openssl_s_client_resumes_its_session_with_our_server() {
    let certificates = Certificates::new();
    for version in VERSIONS {
        let session = certificates.scratch.path().join(format!("session-{version:?}.pem"));
        let file: &Path = &session;
        run(async {
            let (server, port) = listen(&certificates.server, version).await;
            for resumed in [false, true] {
                let option = if resumed { "-sess_in" } else { "-sess_out" };
                let arguments = ["-ign_eof".as_ref(), option.as_ref(), file.as_os_str()];
                let mut peer = s_client(port, &certificates.roots_file, &arguments);
                peer.tell("hello\n");
                let stream = server.accept().await.unwrap();
                assert_eq!(stream.info().unwrap().resumed, resumed, "{version:?}");
                greet(&stream).await;
                let said = peer.succeeds().await;
                let (expected, number) = if resumed { ("Reused, ", "again") } else { ("New, ", "first") };
                assert!(said.contains(&format!("{expected}{}", openssl_name(version))), "{version:?} {number}: {said}");
            }
        });
    }
}

#[test]
fn openssl_s_client_without_tickets_resumes_its_session_with_our_server() {
    let certificates = Certificates::new();
    let session = certificates.scratch.path().join("session-id.pem");
    run(async {
        let (server, port) = listen(&certificates.server, Version::Tls12).await;
        for resumed in [false, true, true] {
            let option = if resumed { "-sess_in" } else { "-sess_out" };
            let arguments =
                ["-ign_eof".as_ref(), "-no_ticket".as_ref(), "-tls1_2".as_ref(), option.as_ref(), session.as_os_str()];
            let mut peer = s_client(port, &certificates.roots_file, &arguments);
            peer.tell("hello\n");
            let stream = server.accept().await.unwrap();
            assert_eq!(stream.info().unwrap().resumed, resumed);
            greet(&stream).await;
            let expected = if resumed { "Reused, TLSv1.2" } else { "New, TLSv1.2" };
            let said = peer.succeeds().await;
            assert!(said.contains(expected), "{said}");
        }
    });
}

#[test]
fn openssl_s_client_resumes_its_session_with_another_server_of_the_fleet() {
    let certificates = Certificates::new();
    let own = certificates.root.issue(Leaf::server(&["localhost"]));
    let other = OnFile::write(&certificates.scratch, "other", own);
    for version in VERSIONS {
        let session = certificates.scratch.path().join(format!("fleet-{version:?}.pem"));
        run(async {
            // Built apart, each from its own copy of the secret and with its own certificate.
            let member = || {
                let secret = FleetSecret::new("0123456789abcdef0123456789abcdef").unwrap();
                Context::builder().versions([version]).tickets(Tickets::Fleet(secret))
            };
            let one = listen_with(member(), &certificates.server).await;
            let two = listen_with(member(), &other).await;
            for (server, port, option, resumed) in
                [(&one.0, one.1, "-sess_out", false), (&two.0, two.1, "-sess_in", true)]
            {
                let arguments = ["-ign_eof".as_ref(), option.as_ref(), session.as_os_str()];
                let mut peer = s_client(port, &certificates.roots_file, &arguments);
                peer.tell("hello\n");
                let stream = server.accept().await.unwrap();
                assert_eq!(stream.info().unwrap().resumed, resumed, "{version:?}");
                greet(&stream).await;
                let expected = if resumed { "Reused, " } else { "New, " };
                assert!(peer.succeeds().await.contains(&format!("{expected}{}", openssl_name(version))));
            }
        });
    }
}

/// Connects, gets a page, and says goodbye, so that whatever the server sent after the handshake has been read.
async fn visit(context: &Context, port: u16, path: &str, resumed: bool) -> String {
    let stream = context.connect(("localhost", port)).await.unwrap();
    let info = stream.info().unwrap();
    assert_eq!(info.resumed, resumed, "{info}");
    assert!(!info.peer_certificates.is_empty(), "it is known who the peer is, resumed or not");
    let answer = get(&stream, path).await.unwrap();
    assert!(stream.read(ReadMode::Available).await.is_err());
    // Nobody waits for our goodbye here.
    stream.close().unwrap();
    answer
}

fn openssl_name(version: Version) -> &'static str {
    match version {
        Version::Tls12 => "TLSv1.2",
        _ => "TLSv1.3",
    }
}
