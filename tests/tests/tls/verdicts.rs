//! What is said about a certificate that is refused, to our caller and to the peer.

use std::sync::Arc;
use std::time::Duration;

use lem_ssl_rs::{CertificateFault, CertificateProblem, Context, Error, Roots, TlsError, Version, danger, spawn};
use lem_ssl_tests::pki::{Authority, Issued, Leaf, self_signed};
use rustls::AlertDescription;

use crate::support::{Peer, client, identity, pki, provider, run, says, server, tls, wire};

const BOTH: [Version; 2] = [Version::Tls12, Version::Tls13];

/// Connects to a server with `issued`, as `name`, trusting `roots`; gives the error and the alert that the server got.
async fn refused(issued: &Issued, name: &str, roots: &str, version: Version) -> (Error, AlertDescription) {
    let context = trusting(roots, version);
    let (near, far) = wire();
    let name = name.to_owned();
    let us = spawn(async move { context.upgrade(near, &name).await.unwrap_err() });
    let mut peer = Peer::new(server(&Arc::new(pki().server_config(issued, &[version]))), far).await;
    assert!(!peer.shake_hands().await);
    let Some(rustls::Error::AlertReceived(alert)) = peer.failure else { panic!("no alert: {:?}", peer.failure) };
    (us.await.unwrap(), alert)
}

fn trusting(roots: &str, version: Version) -> Context {
    let roots = Roots::Pem(roots.as_bytes().to_vec());
    danger::provider(Context::builder(), provider()).roots(roots).versions([version]).build().unwrap()
}

#[track_caller]
fn problem(error: &Error) -> &CertificateProblem {
    TlsError::certificate(error).unwrap_or_else(|| panic!("no certificate problem: {error:?}"))
}

#[test]
fn an_expired_certificate_is_refused_with_its_date() {
    run(async {
        let pki = pki();
        let issued = pki.root.issue(Leaf::server(&["localhost"]).expired());
        for version in BOTH {
            let (error, alert) = refused(&issued, "localhost", &pki.root.certificate_pem(), version).await;
            assert_eq!(alert, AlertDescription::CertificateExpired);
            let CertificateFault::Expired { checked, not_after } = problem(&error).fault() else { panic!("{error:?}") };
            let ago = *checked - *not_after;
            assert!(ago >= DAY && ago < DAY + Duration::from_secs(600), "{ago:?}");
            says(&error, &["(CN=localhost)", "expired on 20", "UTC, 1 day ago"]);
            assert_eq!(problem(&error).chain(), &issued.chain_der[..]);
            assert_eq!(problem(&error).subject(), Some("CN=localhost"));
        }
    });
}

#[test]
fn a_certificate_of_tomorrow_is_refused_with_its_date() {
    run(async {
        let pki = pki();
        let issued = pki.root.issue(Leaf::server(&["localhost"]).not_yet_valid());
        for version in BOTH {
            let (error, alert) = refused(&issued, "localhost", &pki.root.certificate_pem(), version).await;
            assert_eq!(alert, AlertDescription::CertificateExpired);
            let CertificateFault::NotYetValid { checked, not_before } = problem(&error).fault() else {
                panic!("{error:?}")
            };
            assert!(*not_before > *checked && *not_before - *checked <= DAY);
            says(&error, &["is valid only from 20", "is the clock right?"]);
        }
    });
}

#[test]
fn a_wrong_name_is_refused_with_the_names_that_would_be_right() {
    run(async {
        let pki = pki();
        let names = ["one.test", "*.two.test", "192.0.2.7", "2001:db8::7"];
        let issued = pki.root.issue(Leaf::server(&names));
        let wrong = ["localhost", "two.test", "a.b.two.test", "192.0.2.8", "2001:db8::8", "one.test.evil.test"];
        for name in wrong {
            let (error, alert) = refused(&issued, name, &pki.root.certificate_pem(), Version::Tls13).await;
            assert_eq!(alert, AlertDescription::BadCertificate);
            let CertificateFault::WrongName { expected, presented } = problem(&error).fault() else {
                panic!("{error:?}")
            };
            assert_eq!(expected, name);
            assert_eq!(presented[..2], ["one.test", "*.two.test"]);
            assert_eq!(presented.len(), 4, "{presented:?}");
            says(&error, &["is not valid for the name", name, "it is valid for one.test, *.two.test", "192.0.2.7"]);
        }
    });
}

#[test]
fn a_certificate_without_names_is_refused_as_nobodys() {
    run(async {
        let pki = pki();
        let issued = pki.root.issue(Leaf::server(&[]));
        let (error, _) = refused(&issued, "localhost", &pki.root.certificate_pem(), Version::Tls13).await;
        says(&error, &["(CN=nameless)", "is not valid for the name localhost; it names nobody at all"]);
    });
}

#[test]
fn the_names_of_a_certificate_are_accepted_in_every_spelling() {
    run(async {
        let pki = pki();
        let names = ["one.test", "*.two.test", "192.0.2.7", "2001:db8::7"];
        let config = Arc::new(pki.server_config(&pki.root.issue(Leaf::server(&names)), &BOTH));
        let right = ["one.test", "one.test.", "ONE.test", "a.two.test", "A.Two.Test.", "192.0.2.7", "2001:db8::7"];
        for name in right {
            let context = trusting(&pki.root.certificate_pem(), Version::Tls13);
            let (near, far) = wire();
            let us = spawn(async move { context.upgrade(near, name).await.map(drop) });
            let mut peer = Peer::new(server(&config), far).await;
            assert!(peer.shake_hands().await, "{name}: {:?}", peer.failure);
            us.await.unwrap().unwrap();
        }
    });
}

#[test]
fn what_is_no_name_is_a_fault_of_the_configuration() {
    run(async {
        for name in ["", "..", "a b", "exa_mple..test", "-", "name:443", "[::1]", "https://name/"] {
            let (near, _far) = wire();
            let context = trusting(&pki().root.certificate_pem(), Version::Tls13);
            let error = context.upgrade(near, name).await.unwrap_err();
            assert!(matches!(tls(&error), TlsError::Config(_)), "{name:?}: {error:?}");
            says(&error, &[&format!("{name:?} is no name")]);
        }
    });
}

#[test]
fn an_unknown_issuer_is_named() {
    run(async {
        let other = Authority::new("Other Root");
        for version in BOTH {
            let issued = other.issue(Leaf::server(&["localhost"]));
            let (error, alert) = refused(&issued, "localhost", &pki().root.certificate_pem(), version).await;
            assert_eq!(alert, AlertDescription::UnknownCA);
            let CertificateFault::UnknownIssuer { issuer, presented: 1, roots } = problem(&error).fault() else {
                panic!("{error:?}")
            };
            assert_eq!(issuer.as_deref(), Some("CN=Other Root"));
            assert_eq!(roots, "the roots that were given");
            let words =
                "was issued by \"CN=Other Root\", which is not among the trusted roots (the roots that were given)";
            says(&error, &["cannot connect to localhost: ", words, "to trust it, add it to them"]);
        }
    });
}

#[test]
fn a_missing_intermediate_is_named() {
    run(async {
        let pki = pki();
        let issued = pki.root.intermediate("Middle One").intermediate("Middle Two").issue(Leaf::server(&["localhost"]));
        let bare = issued.without_intermediates();
        let (error, _) = refused(&bare, "localhost", &pki.root.certificate_pem(), Version::Tls13).await;
        says(&error, &["issued by \"CN=Middle Two\"", "the peer presented no intermediate certificate"]);
        // The upper one alone is missing.
        let mut broken = issued.clone();
        broken.chain_der.pop();
        let (error, _) = refused(&broken, "localhost", &pki.root.certificate_pem(), Version::Tls13).await;
        says(&error, &["issued by \"CN=Middle One\""]);
        for absent in ["no intermediate", "left out"] {
            assert!(!error.to_string().contains(absent), "{error}");
        }
        assert_eq!(problem(&error).chain().len(), 2);
        // The lower one alone is missing: what is there shows that the roots are right.
        for above in [issued.chain_der[2].clone(), pki.root.certificate_der().clone()] {
            let mut broken = issued.clone();
            broken.chain_der = vec![issued.chain_der[0].clone(), above];
            let (error, _) = refused(&broken, "localhost", &pki.root.certificate_pem(), Version::Tls13).await;
            let found = &problem(&error).explanation().findings;
            assert!(matches!(found[0].fault, CertificateFault::UnknownIssuer { .. }), "{found:?}");
            let missing = Some("CN=Middle Two".to_owned());
            let root = Some("CN=Test Root".to_owned());
            assert_eq!(
                (&found[1].fault, found[1].position),
                (&CertificateFault::Unconnected { root, missing }, Some(1))
            );
            let words = "besides, certificate 2 of the peer's chain (CN=";
            says(&error, &["issued by \"CN=Middle Two\"", words, "has left out the certificate of \"CN=Middle Two\""]);
        }
        // One of another authority says nothing.
        let mut broken = bare.clone();
        broken.chain_der.push(Authority::new("Other Root").intermediate("Other").certificate_der().clone());
        let (error, _) = refused(&broken, "localhost", &pki.root.certificate_pem(), Version::Tls13).await;
        assert!(!error.to_string().contains("left out"), "{error}");
    });
}

#[test]
fn a_self_signed_certificate_is_called_so() {
    run(async {
        let issued = self_signed(Leaf::server(&["localhost"]));
        let (error, alert) = refused(&issued, "localhost", &pki().root.certificate_pem(), Version::Tls13).await;
        assert_eq!(alert, AlertDescription::UnknownCA);
        assert!(matches!(problem(&error).fault(), CertificateFault::SelfSigned), "{error:?}");
        says(&error, &["(CN=localhost) is self-signed", "add it to them"]);
    });
}

#[test]
fn a_client_certificate_that_a_server_shows_is_refused() {
    run(async {
        let pki = pki();
        let issued = pki.root.issue(Leaf::client(&["localhost"]));
        let (error, _) = refused(&issued, "localhost", &pki.root.certificate_pem(), Version::Tls13).await;
        assert!(matches!(problem(&error).fault(), CertificateFault::WrongPurpose { .. }), "{error:?}");
        says(&error, &["(CN=localhost) is not for servers, but for clients"]);
    });
}

/// A scripted client with `issued`, or none, meets our server that wants one of the authority's.
async fn client_refused(issued: Option<&Issued>, version: Version) -> (Error, Option<rustls::Error>) {
    let pki = pki();
    let context = pki
        .server_context()
        .client_roots(Roots::Pem(pki.root.certificate_pem().into_bytes()))
        .versions([version])
        .build()
        .unwrap();
    let mut config = pki.client_config(&[version]);
    if let Some(issued) = issued {
        let key = rustls::sign::CertifiedKey::from_der(issued.chain_der.clone(), issued.private_key(), &provider());
        config.client_auth_cert_resolver = Arc::new(rustls::sign::SingleCertAndKey::from(key.unwrap()));
    }
    let (near, far) = wire();
    let us = spawn(async move { context.upgrade_server(near).await.unwrap_err() });
    let mut peer = Peer::new(client(&Arc::new(config)), far).await;
    peer.shake_hands().await;
    peer.drain().await;
    (us.await.unwrap(), peer.failure)
}

#[test]
fn a_client_without_a_certificate_is_refused_and_told() {
    run(async {
        for version in BOTH {
            let (error, told) = client_refused(None, version).await;
            says(&error, &["the peer", "certificate"]);
            let expected = AlertDescription::CertificateRequired;
            assert_eq!(told, Some(rustls::Error::AlertReceived(expected)));
        }
    });
}

#[test]
fn a_client_with_a_bad_certificate_is_refused_and_told() {
    run(async {
        let pki = pki();
        let stranger = Authority::new("Strangers").issue(Leaf::client(&["stranger.test"]));
        let late = pki.root.issue(Leaf::client(&["late.test"]).expired());
        for version in BOTH {
            let (error, told) = client_refused(Some(&stranger), version).await;
            assert_eq!(told, Some(rustls::Error::AlertReceived(AlertDescription::UnknownCA)));
            says(&error, &["(CN=stranger.test) was issued by \"CN=Strangers\""]);
            let (error, told) = client_refused(Some(&late), version).await;
            assert_eq!(told, Some(rustls::Error::AlertReceived(AlertDescription::CertificateExpired)));
            says(&error, &["(CN=late.test) expired on"]);
        }
    });
}

#[test]
fn mutual_tls_shows_each_end_the_others_certificate() {
    run(async {
        let pki = pki();
        for version in BOTH {
            let roots = Roots::Pem(pki.root.certificate_pem().into_bytes());
            let server = pki.server_context().client_roots(roots).versions([version]).build().unwrap();
            let client = pki.client_context().identity(identity(&pki.client)).versions([version]).build().unwrap();
            let (near, far) = wire();
            let serving = spawn(async move { server.upgrade_server(near).await.unwrap() });
            let connected = client.upgrade(far, "localhost").await.unwrap();
            let served = serving.await.unwrap();
            assert_eq!(served.info().unwrap().peer_certificates, pki.client.chain_der);
            assert_eq!(connected.info().unwrap().peer_certificates, pki.server.chain_der);
        }
    });
}

#[test]
fn the_certificate_of_an_authority_is_no_servers() {
    run(async {
        let pki = pki();
        // The authority's own key is not given out: the message that carries its certificate is enough, because the
        // certificate is checked before the signature.
        let mut issued = pki.server.clone();
        issued.chain_der = vec![pki.root.certificate_der().clone()];
        let context = trusting(&pki.root.certificate_pem(), Version::Tls13);
        let key = rustls::sign::CertifiedKey::new(
            issued.chain_der.clone(),
            provider().key_provider.load_private_key(issued.private_key()).unwrap(),
        );
        let mut config = pki.server_config(&pki.server, &[Version::Tls13]);
        config.cert_resolver = Arc::new(rustls::sign::SingleCertAndKey::from(key));
        let (near, far) = wire();
        let us = spawn(async move { context.upgrade(near, "localhost").await.unwrap_err() });
        let mut peer = Peer::new(server(&Arc::new(config)), far).await;
        assert!(!peer.shake_hands().await);
        let error = us.await.unwrap();
        assert!(matches!(problem(&error).fault(), CertificateFault::IsAuthority), "{error:?}");
        says(&error, &["CN=Test Root", "certificate authority (CA:TRUE)"]);
    });
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[test]
fn a_validity_that_ends_before_it_begins_is_told_as_what_it_is() {
    run(async {
        let pki = pki();
        let leaf = Leaf::server(&["localhost"]);
        let never = Leaf { not_after: leaf.not_before - Duration::from_secs(3600), ..leaf };
        let (error, _) =
            refused(&pki.root.issue(never), "localhost", &pki.root.certificate_pem(), Version::Tls13).await;
        assert_eq!(problem(&error).fault(), &CertificateFault::NeverValid);
        says(&error, &["was never valid", "ends before it begins"]);
    });
}
