//! Our server and other programs' clients: those that trust it, and those that do not.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use lem_ssl_rs::Stream;

use crate::support::certificates::{Certificates, Flaw};
use crate::support::curl::curl;
use crate::support::openssl::s_client;
use crate::support::program::Program;
use crate::support::{VERSIONS, greet, listen, python, run};

#[test]
fn openssl_s_client_is_answered_and_ends_cleanly() {
    let certificates = Certificates::new();
    for version in VERSIONS {
        run(async {
            let (server, port) = listen(&certificates.server, version).await;
            let mut peer = s_client(port, &certificates.roots_file, &["-ign_eof"]);
            peer.tell("hello from openssl\n");
            assert_eq!(greet(&server.accept().await.unwrap()).await, "hello from openssl");
            let said = peer.succeeds().await;
            for words in ["you said: hello from openssl", "Verify return code: 0 (ok)", "closed"] {
                assert!(said.contains(words), "{words}");
            }
        });
    }
}

#[test]
fn python_s_client_is_answered_and_ends_cleanly() {
    let certificates = Certificates::new();
    for version in VERSIONS {
        run(async {
            let (server, port) = listen(&certificates.server, version).await;
            let peer = python::client("client_greet", port, &certificates.roots_file, &[]);
            assert_eq!(greet(&server.accept().await.unwrap()).await, "hello from python");
            let said = peer.succeeds().await;
            assert!(said.contains("ANSWER b'you said: hello from python\\n'\nGOODBYE"));
        });
    }
}

#[test]
fn openssl_clients_that_refuse_us_hold_up_nobody() {
    refused_then_served(
        |port, roots| s_client(port, roots, &["-ign_eof"]),
        |port| {
            let mut command = Command::new("openssl");
            // Without -verify_return_error it tells of what is wrong and goes on.
            command.args(["s_client", "-ign_eof", "-connect", &format!("127.0.0.1:{port}")]);
            let mut peer = Program::start(&mut command);
            peer.tell("hello all the same\n");
            peer
        },
        |flaw| match flaw {
            Flaw::Expired => "verify error:num=10:certificate has expired",
            Flaw::NotYetValid => "verify error:num=9:certificate is not yet valid",
            Flaw::WrongName => "verify error:num=62:hostname mismatch",
            Flaw::UnknownIssuer => "verify error:num=20:unable to get local issuer certificate",
            Flaw::SelfSigned => "verify error:num=18:self-signed certificate",
        },
        async |stream| greet(&stream).await == "hello all the same",
    );
}

#[test]
fn curls_that_refuse_us_hold_up_nobody() {
    refused_then_served(
        |port, roots| curl(port, roots, &["/"], &[]),
        |port| curl(port, Path::new("/dev/null"), &["/"], &["--insecure"]),
        |flaw| match flaw {
            Flaw::Expired => "certificate has expired",
            Flaw::NotYetValid => "certificate is not yet valid",
            Flaw::WrongName => "no alternative certificate subject name matches target host name 'localhost'",
            Flaw::UnknownIssuer => "unable to get local issuer certificate",
            Flaw::SelfSigned => "self-signed certificate",
        },
        async |stream| {
            // curl looks at the name only after the handshake, and leaves without a request then.
            let Ok(mut line) = stream.read_line_trimmed().await else { return false };
            while !line.is_empty() {
                line = stream.read_line_trimmed().await.unwrap();
            }
            stream.write("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nyes").await.unwrap();
            // curl does not wait for our goodbye.
            stream.close().unwrap();
            true
        },
    );
}

#[test]
fn python_clients_that_refuse_us_hold_up_nobody() {
    refused_then_served(
        |port, roots| python::client("client_greet", port, roots, &[]),
        |port| python::client("client_greet", port, Path::new("any"), &[] as &[&OsStr]),
        |flaw| match flaw {
            Flaw::Expired => "REFUSED certificate has expired",
            Flaw::NotYetValid => "REFUSED certificate is not yet valid",
            Flaw::WrongName => "REFUSED Hostname mismatch, certificate is not valid for 'localhost'",
            Flaw::UnknownIssuer => "REFUSED unable to get local issuer certificate",
            Flaw::SelfSigned => "REFUSED self-signed certificate",
        },
        async |stream| greet(&stream).await == "hello from python",
    );
}

/// For every flaw: a client that verifies refuses our server, which gives no stream for it; the next client, which
/// does not verify, is served by the same server.
#[track_caller]
fn refused_then_served(
    strict: impl Fn(u16, &Path) -> Program,
    careless: impl Fn(u16) -> Program,
    reason: impl Fn(Flaw) -> &'static str,
    serve: impl AsyncFn(Stream) -> bool,
) {
    let certificates = Certificates::new();
    for flaw in Flaw::ALL {
        let identity = certificates.flawed(flaw);
        for version in VERSIONS {
            run(async {
                let (server, port) = listen(&identity, version).await;
                let refusing = strict(port, &certificates.roots_file);
                let (content, said) = refusing.ends().await;
                assert!(!content, "{flaw:?}: it should refuse us");
                assert!(said.contains(reason(flaw)), "{flaw:?}: {said}");
                let accepting = careless(port);
                while !serve(server.accept().await.unwrap()).await {
                    assert_eq!(flaw, Flaw::WrongName, "a refused handshake gives no stream");
                }
                accepting.succeeds().await;
            });
        }
    }
}
