//! Which certificate other programs' clients are shown, and what browsers offer.

use lem_ssl_rs::{CipherSuite, Context, NamedGroup, Version};
use lem_ssl_tests::pki::{KeyKind, Leaf};

use crate::support::certificates::{Certificates, OnFile};
use crate::support::curl::curl;
use crate::support::openssl::s_client;
use crate::support::{VERSIONS, greet, listen_with, run};

#[test]
fn openssl_s_client_is_shown_the_certificate_of_the_name_that_it_asks_for() {
    let certificates = Certificates::new();
    let named = |name| OnFile::write(&certificates.scratch, name, certificates.root.issue(Leaf::server(&[name])));
    let (one, many) = (named("one.test"), named("*.many.test"));
    for version in VERSIONS {
        run(async {
            let builder = Context::builder().versions([version]);
            // The first identity is that of `localhost`, which names that nobody knows get, too.
            let builder = builder.identity(certificates.server.identity()).identity(one.identity());
            let (server, port) = listen_with(builder, &many).await;
            let cases = [
                ("one.test", "one.test", "CN = one.test"),
                ("a.many.test", "a.many.test", "CN = *.many.test"),
                ("b.many.test", "b.many.test", "CN = *.many.test"),
                ("localhost", "localhost", "CN = localhost"),
                ("unknown.test", "localhost", "CN = localhost"),
            ];
            for (asked, verified, subject) in cases {
                // The later of two options counts.
                let arguments = ["-ign_eof", "-servername", asked, "-verify_hostname", verified];
                let mut peer = s_client(port, &certificates.roots_file, &arguments);
                peer.tell("hello\n");
                let stream = server.accept().await.unwrap();
                assert_eq!(stream.info().unwrap().requested_name.as_deref(), Some(asked));
                greet(&stream).await;
                let said = peer.succeeds().await;
                assert!(said.contains(&format!("subject={subject}")), "{version:?}, {asked}: {said}");
                assert!(said.contains("Verify return code: 0 (ok)"), "{version:?}, {asked}: {said}");
            }
        });
    }
}

/// What browsers offer in TLS 1.2, in their order, with what only old servers take; OpenSSL's names.
const BROWSER_SUITES: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:\
    ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:\
    ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES256-SHA:AES128-GCM-SHA256:AES256-GCM-SHA384:\
    AES128-SHA:AES256-SHA";

const BROWSER_SUITES_13: &str = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

const BROWSER_SIGNATURES: &str = "ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256:RSA+SHA256:ecdsa_secp384r1_sha384:\
    rsa_pss_rsae_sha384:RSA+SHA384:rsa_pss_rsae_sha512:RSA+SHA512";

#[test]
fn a_client_that_offers_what_browsers_offer_gets_a_modern_suite() {
    for kind in [KeyKind::EcdsaP256, KeyKind::Rsa2048] {
        let certificates = Certificates::with_key(kind);
        for version in VERSIONS {
            run(async {
                let builder = Context::builder().versions([version]).alpn(["h2", "http/1.1"]);
                let (server, port) = listen_with(builder, &certificates.server).await;
                let arguments = [
                    &["-ign_eof", "-cipher", BROWSER_SUITES, "-ciphersuites", BROWSER_SUITES_13][..],
                    &["-sigalgs", BROWSER_SIGNATURES, "-curves", "X25519:P-256:P-384"],
                    &["-alpn", "h2,http/1.1", "-status"],
                ]
                .concat();
                let mut peer = s_client(port, &certificates.roots_file, &arguments);
                peer.tell("hello\n");
                let stream = server.accept().await.unwrap();
                let info = stream.info().unwrap();
                assert_eq!(info.cipher_suite, Some(suite(kind, version)), "{info}");
                assert_eq!(info.key_exchange_group, Some(NamedGroup::X25519));
                assert_eq!(info.alpn.as_deref(), Some(&b"h2"[..]));
                greet(&stream).await;
                peer.succeeds().await;
            });
        }
    }
}

#[test]
fn curl_with_a_browser_s_suites_gets_its_page() {
    let certificates = Certificates::new();
    run(async {
        let (server, port) = listen_with(Context::builder().alpn(["http/1.1"]), &certificates.server).await;
        let arguments = ["--ciphers", BROWSER_SUITES, "--tls13-ciphers", BROWSER_SUITES_13, "--http1.1"];
        let peer = curl(port, &certificates.roots_file, &["/"], &arguments);
        let stream = server.accept().await.unwrap();
        while !stream.read_line_trimmed().await.unwrap().is_empty() {}
        stream.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\npage\n").await.unwrap();
        stream.close().unwrap();
        assert_eq!(peer.succeeds().await, "page\n");
    });
}

/// The one that we take of those: the client's first.
fn suite(kind: KeyKind, version: Version) -> CipherSuite {
    match (kind, version) {
        (KeyKind::EcdsaP256, Version::Tls12) => CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        (_, Version::Tls12) => CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        _ => CipherSuite::TLS_AES_128_GCM_SHA256,
    }
}
