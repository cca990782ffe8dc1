//! What the two ends can agree on: suites, groups, kinds of keys, application protocols.
//!
//! OpenSSL 3.0 does not know X25519MLKEM768, which our client offers first: with it as a peer everything here goes by
//! the classic groups.

use lem_ssl_rs::{AlertDescription, CipherSuite, Context, ContextBuilder, NamedGroup, Roots, TlsError, Version};
use lem_ssl_tests::pki::KeyKind;

use crate::support::certificates::Certificates;
use crate::support::curl::curl;
use crate::support::openssl::{s_client, s_server};
use crate::support::{VERSIONS, client, get, greet, listen, listen_with, run};

#[test]
fn our_client_speaks_every_suite_with_openssl() {
    for kind in [KeyKind::EcdsaP256, KeyKind::Rsa2048] {
        let certificates = Certificates::with_key(kind);
        for (version, option, name, suite) in suites(kind) {
            let (_server, port) = s_server(&certificates.server, &["-www", option, name]);
            run(async {
                let stream = client(&certificates.roots_pem, version).connect(("localhost", port)).await.unwrap();
                assert_eq!(stream.info().unwrap().cipher_suite, Some(suite));
                assert!(get(&stream, "/").await.unwrap().contains(name));
            });
        }
    }
}

#[test]
fn our_server_speaks_every_suite_with_openssl() {
    for kind in [KeyKind::EcdsaP256, KeyKind::Rsa2048] {
        let certificates = Certificates::with_key(kind);
        for (version, option, name, suite) in suites(kind) {
            run(async {
                let (server, port) = listen(&certificates.server, version).await;
                let mut peer = s_client(port, &certificates.roots_file, &["-ign_eof", option, name]);
                peer.tell("hello\n");
                let stream = server.accept().await.unwrap();
                assert_eq!(stream.info().unwrap().cipher_suite, Some(suite));
                greet(&stream).await;
                assert!(peer.succeeds().await.contains(&format!("Cipher is {name}")));
            });
        }
    }
}

#[test]
fn our_client_exchanges_keys_in_every_group_of_openssl_s() {
    // With RSA: in TLS 1.2 a group that is not offered cannot be that of a certificate either.
    let certificates = Certificates::with_key(KeyKind::Rsa2048);
    for (name, group) in GROUPS {
        let (_server, port) = s_server(&certificates.server, &["-www", "-groups", name]);
        for version in VERSIONS {
            run(async {
                let stream = client(&certificates.roots_pem, version).connect(("localhost", port)).await.unwrap();
                assert_eq!(stream.info().unwrap().key_exchange_group, Some(group), "{version:?}");
                assert!(get(&stream, "/").await.unwrap().contains("New, TLSv1."));
            });
        }
    }
}

#[test]
fn our_server_exchanges_keys_in_every_group_of_openssl_s() {
    let certificates = Certificates::with_key(KeyKind::Rsa2048);
    for (name, group) in GROUPS {
        for version in VERSIONS {
            run(async {
                let (server, port) = listen(&certificates.server, version).await;
                let mut peer = s_client(port, &certificates.roots_file, &["-ign_eof", "-groups", name]);
                peer.tell("hello\n");
                let stream = server.accept().await.unwrap();
                assert_eq!(stream.info().unwrap().key_exchange_group, Some(group), "{version:?}");
                greet(&stream).await;
                peer.succeeds().await;
            });
        }
    }
}

#[test]
fn a_group_that_was_not_guessed_costs_a_round_and_works() {
    // Our server has a key share of P-384 only when it asked for one (RFC 8446 section 4.1.4).
    let certificates = Certificates::new();
    run(async {
        let (server, port) = listen(&certificates.server, Version::Tls13).await;
        // The first is the one that OpenSSL sends a share of, and ours does not know it.
        let mut peer = s_client(port, &certificates.roots_file, &["-ign_eof", "-groups", "X448:P-384", "-msg"]);
        peer.tell("hello\n");
        let stream = server.accept().await.unwrap();
        assert_eq!(stream.info().unwrap().key_exchange_group, Some(NamedGroup::Secp384r1));
        greet(&stream).await;
        let said = peer.succeeds().await;
        assert_eq!(said.matches(">>> TLS 1.3, Handshake").count(), 3, "two hellos and a finish");
    });
}

#[test]
fn our_client_verifies_openssl_s_key_of_every_kind() {
    for kind in KINDS {
        let certificates = Certificates::with_key(kind);
        let (_server, port) = s_server(&certificates.server, &["-www"]);
        for version in VERSIONS {
            run(async {
                let connected = client(&certificates.roots_pem, version).connect(("localhost", port)).await;
                if (kind, version) == (KeyKind::Ed25519, Version::Tls12) {
                    // graviola 0.4 offers Ed25519 but has no suite of TLS 1.2 for it: OpenSSL takes the offer.
                    let error = connected.expect_err("if this works now, strike the exception out").to_string();
                    assert!(error.contains("no signature scheme for this certificate's key"), "{error}");
                    return;
                }
                let stream = connected.unwrap_or_else(|error| panic!("{kind:?}, {version:?}: {error}"));
                assert!(get(&stream, "/").await.unwrap().starts_with("HTTP/1.0 200 ok"));
            });
        }
    }
}

#[test]
fn openssl_verifies_our_server_s_key_of_every_kind() {
    for kind in KINDS {
        let certificates = Certificates::with_key(kind);
        for version in VERSIONS {
            if (kind, version) == (KeyKind::Ed25519, Version::Tls12) {
                // graviola 0.4 does not sign with Ed25519 in TLS 1.2; see the next test.
                continue;
            }
            run(async {
                let (server, port) = listen(&certificates.server, version).await;
                let mut peer = s_client(port, &certificates.roots_file, &["-ign_eof"]);
                peer.tell("hello\n");
                greet(&server.accept().await.unwrap()).await;
                let said = peer.succeeds().await;
                assert!(said.contains("Verify return code: 0 (ok)"), "{kind:?}, {version:?}");
            });
        }
    }
}

#[test]
fn a_server_of_ours_with_a_key_on_ed25519_refuses_tls_1_2_and_goes_on_with_1_3() {
    let certificates = Certificates::with_key(KeyKind::Ed25519);
    run(async {
        let (server, port) = listen_with(Context::builder(), &certificates.server).await;
        let old = s_client(port, &certificates.roots_file, &["-ign_eof", "-tls1_2"]);
        let (content, said) = old.ends().await;
        assert!(!content && said.contains("alert handshake failure"), "{said}");
        let mut new = s_client(port, &certificates.roots_file, &["-ign_eof"]);
        new.tell("hello\n");
        greet(&server.accept().await.unwrap()).await;
        new.succeeds().await;
        assert_eq!(server.counters().failed.incompatible, 1);
    });
}

#[test]
fn a_server_that_speaks_only_old_suites_shares_nothing_with_us() {
    let certificates = Certificates::new();
    let old = ["-www", "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"];
    let (server, port) = s_server(&certificates.server, &old);
    run(async {
        let context = client(&certificates.roots_pem, Version::Tls12);
        let error = context.connect(("localhost", port)).await.unwrap_err();
        assert!(error.to_string().contains("no protocol version, suite or signature in common"), "{error}");
        server.says("no shared cipher").await;
    });
}

#[test]
fn an_openssl_client_that_speaks_only_tls_1_1_is_refused_and_the_next_one_served() {
    let certificates = Certificates::new();
    run(async {
        let (server, port) = listen_with(Context::builder(), &certificates.server).await;
        let old = ["-ign_eof", "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"];
        let (content, said) = s_client(port, &certificates.roots_file, &old).ends().await;
        // rustls misses the signature algorithms of TLS 1.2 before it looks at the version.
        assert!(!content && said.contains("alert handshake failure"), "{said}");
        let mut new = s_client(port, &certificates.roots_file, &["-ign_eof"]);
        new.tell("hello\n");
        greet(&server.accept().await.unwrap()).await;
        new.succeeds().await;
    });
}

#[test]
fn our_client_and_openssl_agree_on_an_application_protocol() {
    let certificates = Certificates::new();
    // The server's wish decides: OpenSSL's first that we offer.
    let (_server, port) = s_server(&certificates.server, &["-www", "-alpn", "http/1.1,h2"]);
    for version in VERSIONS {
        run(async {
            let context = offering(&certificates, version, &["h2", "http/1.1"]);
            let stream = context.connect(("localhost", port)).await.unwrap();
            assert_eq!(stream.info().unwrap().alpn.as_deref(), Some(&b"http/1.1"[..]));
            // It serves one after the other.
            drop(stream);
            let context = offering(&certificates, version, &["gopher"]);
            let error = context.connect(("localhost", port)).await.unwrap_err();
            let alert = AlertDescription::NoApplicationProtocol;
            assert!(matches!(TlsError::of(&error), Some(TlsError::Alert { alert: a, .. }) if *a == alert), "{error}");
        });
    }
}

#[test]
fn our_server_and_openssl_agree_on_an_application_protocol() {
    let certificates = Certificates::new();
    for version in VERSIONS {
        run(async {
            let (server, port) = listen_with(accepting(version, &["http/1.1", "h2"]), &certificates.server).await;
            let stranger = s_client(port, &certificates.roots_file, &["-ign_eof", "-alpn", "gopher"]);
            let (content, said) = stranger.ends().await;
            assert!(!content && said.contains("alert no application protocol"), "{said}");
            for (offer, expected) in [(Some("h2,http/1.1"), Some("http/1.1")), (Some("h2"), Some("h2")), (None, None)] {
                let arguments = offer.map_or(vec!["-ign_eof"], |offer| vec!["-ign_eof", "-alpn", offer]);
                let mut peer = s_client(port, &certificates.roots_file, &arguments);
                peer.tell("hello\n");
                let stream = server.accept().await.unwrap();
                assert_eq!(stream.info().unwrap().alpn.as_deref(), expected.map(str::as_bytes));
                greet(&stream).await;
                let told = expected.map_or("No ALPN negotiated".into(), |name| format!("ALPN protocol: {name}"));
                assert!(peer.succeeds().await.contains(&told), "{told}");
            }
        });
    }
}

#[test]
fn curl_offers_what_it_is_told_to_and_our_server_knows_it() {
    let certificates = Certificates::new();
    for (option, expected) in [("--http1.1", "http/1.1"), ("--http2", "h2")] {
        run(async {
            let (server, port) =
                listen_with(accepting(Version::Tls13, &["h2", "http/1.1"]), &certificates.server).await;
            let _peer = curl(port, &certificates.roots_file, &["/"], &[option]);
            let alpn = server.accept().await.unwrap().info().unwrap().alpn;
            assert_eq!(alpn.as_deref(), Some(expected.as_bytes()));
        });
    }
}

fn offering(certificates: &Certificates, version: Version, protocols: &[&str]) -> Context {
    let builder = accepting(version, protocols).roots(Roots::Pem(certificates.roots_pem.clone().into()));
    builder.build().expect("the client's configuration is good")
}

fn accepting(version: Version, protocols: &[&str]) -> ContextBuilder {
    Context::builder().versions([version]).alpn(protocols.iter().copied())
}

/// Every suite that can be used with a key of this kind: its version, the option that OpenSSL has for suites of that
/// version, its name there and its name here.
fn suites(kind: KeyKind) -> [(Version, &'static str, &'static str, CipherSuite); 6] {
    use CipherSuite as Suite;
    let (new, old) = ((Version::Tls13, "-ciphersuites"), (Version::Tls12, "-cipher"));
    let rsa = kind == KeyKind::Rsa2048;
    let of_key = |ecdsa, with_rsa| if rsa { with_rsa } else { ecdsa };
    let aes_128 = of_key(
        ("ECDHE-ECDSA-AES128-GCM-SHA256", Suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
        ("ECDHE-RSA-AES128-GCM-SHA256", Suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    );
    let aes_256 = of_key(
        ("ECDHE-ECDSA-AES256-GCM-SHA384", Suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
        ("ECDHE-RSA-AES256-GCM-SHA384", Suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    );
    let chacha = of_key(
        ("ECDHE-ECDSA-CHACHA20-POLY1305", Suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
        ("ECDHE-RSA-CHACHA20-POLY1305", Suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
    );
    [
        (new.0, new.1, "TLS_AES_128_GCM_SHA256", Suite::TLS_AES_128_GCM_SHA256),
        (new.0, new.1, "TLS_AES_256_GCM_SHA384", Suite::TLS_AES_256_GCM_SHA384),
        (new.0, new.1, "TLS_CHACHA20_POLY1305_SHA256", Suite::TLS_CHACHA20_POLY1305_SHA256),
        (old.0, old.1, aes_128.0, aes_128.1),
        (old.0, old.1, aes_256.0, aes_256.1),
        (old.0, old.1, chacha.0, chacha.1),
    ]
}

const GROUPS: [(&str, NamedGroup); 3] =
    [("X25519", NamedGroup::X25519), ("P-256", NamedGroup::Secp256r1), ("P-384", NamedGroup::Secp384r1)];

const KINDS: [KeyKind; 4] = [KeyKind::EcdsaP256, KeyKind::EcdsaP384, KeyKind::Ed25519, KeyKind::Rsa2048];
