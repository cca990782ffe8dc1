//! Client certificates: asked for by others, and asked for by us.

use lem_ssl_rs::{AlertDescription, Context, Error, Identity, ReadMode, Roots, Stream, TlsError, Version};
use lem_ssl_tests::pki::{Authority, Leaf};

use crate::support::certificates::{Certificates, OnFile};
use crate::support::nginx::nginx;
use crate::support::openssl::{own_arguments, s_client, s_server};
use crate::support::{VERSIONS, get, greet, listen_with, run, text};

#[test]
fn nginx_learns_who_our_client_is() {
    let certificates = Certificates::new();
    let (_server, port) = nginx(&certificates, &certificates.server, &required_by_nginx(&certificates));
    let identity = certificates.client().identity();
    for version in VERSIONS {
        run(async {
            let stream = connect(&certificates, version, Some(&identity), port).await.unwrap();
            let answer = get(&stream, "/client").await.unwrap();
            assert!(answer.ends_with("client: CN=a client\n"), "{answer}");
        });
    }
}

#[test]
fn nginx_sends_clients_away_that_show_nothing_or_a_stranger_s_certificate() {
    let certificates = Certificates::new();
    let (_server, port) = nginx(&certificates, &certificates.server, &required_by_nginx(&certificates));
    let stranger = stranger(&certificates).identity();
    for version in VERSIONS {
        for (identity, reason) in
            [(None, "No required SSL certificate was sent"), (Some(&stranger), "The SSL certificate error")]
        {
            run(async {
                // nginx finishes every handshake and refuses in HTTP.
                let stream = connect(&certificates, version, identity, port).await.unwrap();
                let answer = get(&stream, "/client").await.unwrap();
                assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains(reason), "{answer}");
            });
        }
    }
}

#[test]
fn openssl_learns_who_our_client_is() {
    let certificates = Certificates::new();
    let (_server, port) = s_server(&certificates.server, &required_by_openssl(&certificates));
    let identity = certificates.client().identity();
    for version in VERSIONS {
        run(async {
            let stream = connect(&certificates, version, Some(&identity), port).await.unwrap();
            let answer = get(&stream, "/").await.unwrap();
            assert!(answer.contains("Subject: CN=a client"), "{answer}");
        });
    }
}

#[test]
fn openssl_s_refusal_of_a_client_without_certificate_is_told() {
    let certificates = Certificates::new();
    let (_server, port) = s_server(&certificates.server, &required_by_openssl(&certificates));
    for version in VERSIONS {
        run(async {
            let error = refusal(connect(&certificates, version, None, port).await).await;
            let (alert, words) = match version {
                // TLS 1.2 has no alert of its own for that.
                Version::Tls12 => (AlertDescription::HandshakeFailure, "it wants a client certificate"),
                _ => (AlertDescription::CertificateRequired, "certificate required"),
            };
            assert_eq!(alert_in(&error), alert);
            assert!(error.to_string().contains(words), "{error}");
        });
    }
}

#[test]
fn openssl_s_refusal_of_a_stranger_s_certificate_is_told() {
    let certificates = Certificates::new();
    let (_server, port) = s_server(&certificates.server, &required_by_openssl(&certificates));
    let identity = stranger(&certificates).identity();
    for version in VERSIONS {
        run(async {
            let error = refusal(connect(&certificates, version, Some(&identity), port).await).await;
            assert_eq!(alert_in(&error), AlertDescription::UnknownCa);
            assert!(error.to_string().contains("it does not trust the issuer of our certificate"), "{error}");
        });
    }
}

#[test]
fn our_server_learns_who_openssl_s_client_is() {
    let certificates = Certificates::new();
    let client = certificates.client();
    for version in VERSIONS {
        run(async {
            let (server, port) = listen_with(asking(&certificates, version), &certificates.server).await;
            let arguments = [vec!["-ign_eof".into()], own_arguments(&client)].concat();
            let mut peer = s_client(port, &certificates.roots_file, &arguments);
            peer.tell("hello\n");
            let stream = server.accept().await.unwrap();
            // OpenSSL completes the chain by itself, with the root.
            assert_eq!(stream.info().unwrap().peer_certificates[0], *client.issued.leaf_der());
            greet(&stream).await;
            peer.succeeds().await;
        });
    }
}

#[test]
fn openssl_clients_without_a_good_certificate_are_refused_and_told_why() {
    let certificates = Certificates::new();
    let (client, stranger) = (certificates.client(), stranger(&certificates));
    for version in VERSIONS {
        run(async {
            let (server, port) = listen_with(asking(&certificates, version), &certificates.server).await;
            // TLS 1.2 knows the first of these alerts only by its number; OpenSSL understands it all the same.
            for (own, alert) in [(vec![], "alert certificate required"), (own_arguments(&stranger), "alert unknown ca")]
            {
                let arguments = [vec!["-ign_eof".into()], own].concat();
                let (content, said) = s_client(port, &certificates.roots_file, &arguments).ends().await;
                assert!(!content && said.contains(alert), "{version:?}, {alert}: {said}");
            }
            // The first stream that there is, is that of the one who may come in.
            let arguments = [vec!["-ign_eof".into()], own_arguments(&client)].concat();
            let mut peer = s_client(port, &certificates.roots_file, &arguments);
            peer.tell("let me in\n");
            assert_eq!(greet(&server.accept().await.unwrap()).await, "let me in");
            peer.succeeds().await;
        });
    }
}

async fn connect(
    certificates: &Certificates,
    version: Version,
    identity: Option<&Identity>,
    port: u16,
) -> Result<Stream, Error> {
    let mut builder = Context::builder().roots(Roots::Pem(certificates.roots_pem.clone().into())).versions([version]);
    if let Some(identity) = identity {
        builder = builder.identity(identity.clone());
    }
    builder.build()?.connect(("localhost", port)).await
}

/// The error by which the client learns that it was refused: with TLS 1.3 its own handshake is over before that.
async fn refusal(connected: Result<Stream, Error>) -> Error {
    match connected {
        Err(error) => error,
        Ok(stream) => match stream.read(ReadMode::Available).await {
            Err(error) => error,
            Ok(bytes) => panic!("it should have been refused, and got {}", text(bytes)),
        },
    }
}

#[track_caller]
fn alert_in(error: &Error) -> AlertDescription {
    match TlsError::of(error) {
        Some(TlsError::Alert { alert, .. }) => *alert,
        _ => panic!("this tells of no alert: {error}"),
    }
}

fn asking(certificates: &Certificates, version: Version) -> lem_ssl_rs::ContextBuilder {
    Context::builder().versions([version]).client_roots(Roots::Pem(certificates.roots_pem.clone().into()))
}

fn stranger(certificates: &Certificates) -> OnFile {
    let issued = Authority::new("Stranger Root").issue(Leaf::client(&["a stranger"]));
    OnFile::write(&certificates.scratch, "stranger", issued)
}

fn required_by_nginx(certificates: &Certificates) -> String {
    format!("ssl_verify_client on; ssl_client_certificate {};", certificates.roots_file.display())
}

fn required_by_openssl(certificates: &Certificates) -> [&str; 6] {
    let roots = certificates.roots_file.to_str().expect("scratch paths are text");
    ["-www", "-Verify", "4", "-verify_return_error", "-CAfile", roots]
}
