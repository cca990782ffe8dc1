//! Our client and the certificates that other programs' servers show.

use lem_ssl_rs::{Context, TlsError, Version};

use crate::support::certificates::{Certificates, Flaw, OnFile};
use crate::support::nginx::nginx;
use crate::support::openssl::s_server;
use crate::support::program::Program;
use crate::support::{VERSIONS, client, get, python, run, text};

#[test]
fn openssl_s_good_certificate_is_accepted() {
    let certificates = Certificates::new();
    let (_server, port) = s_server(&certificates.server, &["-www"]);
    for version in VERSIONS {
        run(async {
            let context = client(&certificates.roots_pem, version);
            let answer = get(&context.connect(("localhost", port)).await.unwrap(), "/").await.unwrap();
            assert!(answer.starts_with("HTTP/1.0 200 ok"), "{answer}");
            assert!(answer.contains(openssl_name(version)), "{answer}");
        });
    }
}

#[test]
fn openssl_s_bad_certificates_are_refused_and_it_is_told_why() {
    refuses_every_flaw(|_, identity| s_server(identity, &["-www"]));
}

#[test]
fn nginx_s_good_certificate_is_accepted() {
    let certificates = Certificates::new();
    let (_server, port) = nginx(&certificates, &certificates.server, "");
    for version in VERSIONS {
        run(async {
            let context = client(&certificates.roots_pem, version);
            // By address too: the certificate has it.
            for host in ["localhost", "127.0.0.1"] {
                let answer = get(&context.connect((host, port)).await.unwrap(), "/").await.unwrap();
                assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
                assert!(answer.ends_with("\r\n\r\nhello from nginx\n"), "{answer}");
            }
        });
    }
}

#[test]
fn nginx_s_bad_certificates_are_refused_and_it_is_told_why() {
    refuses_every_flaw(|certificates, identity| nginx(certificates, identity, ""));
}

#[test]
fn python_s_good_certificate_is_accepted() {
    let certificates = Certificates::new();
    let (server, port) = python::server("serve_lines", &certificates.server, &[]);
    for version in VERSIONS {
        run(async {
            let stream = client(&certificates.roots_pem, version).connect(("localhost", port)).await.unwrap();
            stream.write("hello, python\n").await.unwrap();
            assert_eq!(text(stream.read(lem_ssl_rs::ReadMode::Line).await.unwrap()), "HELLO, PYTHON\n");
            stream.shutdown().await.unwrap();
            server.says("GOODBYE").await;
        });
    }
}

#[test]
fn python_s_bad_certificates_are_refused_and_it_is_told_why() {
    refuses_every_flaw(|_, identity| python::server("serve_lines", identity, &[]));
}

#[test]
fn a_missing_intermediate_is_named_when_openssl_does_not_send_it() {
    let certificates = Certificates::new();
    let alone = certificates.server.issued.without_intermediates();
    let (_server, port) = s_server(&OnFile::write(&certificates.scratch, "alone", alone), &["-www"]);
    run(async {
        let context = client(&certificates.roots_pem, Version::Tls13);
        let error = context.connect(("localhost", port)).await.unwrap_err().to_string();
        for words in ["\"CN=Interop Intermediate\"", "presented no intermediate certificate"] {
            assert!(error.contains(words), "{error}");
        }
    });
}

#[test]
fn a_context_with_the_default_roots_trusts_no_authority_of_ours() {
    let certificates = Certificates::new();
    let (server, port) = s_server(&certificates.server, &["-www"]);
    run(async {
        let error = Context::new().unwrap().connect(("localhost", port)).await.unwrap_err();
        assert!(error.to_string().contains("\"CN=Interop Root\", which is not among the trusted roots"), "{error}");
        server.says("alert unknown ca").await;
    });
}

/// Connects to servers that `start` starts with one bad certificate after the other: our client must say what is
/// wrong, and tell the server by the right alert.
#[track_caller]
fn refuses_every_flaw(start: impl Fn(&Certificates, &OnFile) -> (Program, u16)) {
    let certificates = Certificates::new();
    for flaw in Flaw::ALL {
        let identity = certificates.flawed(flaw);
        for version in VERSIONS {
            // One for each version, so that its log tells of this handshake.
            let (server, port) = start(&certificates, &identity);
            run(async {
                let context = client(&certificates.roots_pem, version);
                let error = context.connect(("localhost", port)).await.expect_err("it has a flaw");
                let problem = TlsError::certificate(&error).unwrap_or_else(|| panic!("{flaw:?}: {error}"));
                assert!(flaw.is_told_by(problem.fault()), "{flaw:?}: {:?}", problem.fault());
                let message = error.to_string();
                for words in flaw.words() {
                    assert!(message.contains(words), "{flaw:?}: {message}");
                }
                assert_eq!(problem.chain(), identity.issued.chain_der);
                server.says(flaw.alert()).await;
            });
        }
    }
}

fn openssl_name(version: Version) -> &'static str {
    match version {
        Version::Tls12 => "TLSv1.2",
        _ => "TLSv1.3",
    }
}
