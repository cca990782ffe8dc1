//! Other programs accept the certificates that all other tests rest on.

use std::path::Path;
use std::process::Command;

use lem_ssl_tests::pki::{Authority, KeyKind, Leaf};
use lem_ssl_tests::scratch::Scratch;

#[test]
fn openssl_accepts_a_chain_of_every_kind_under_its_strictest_rules() {
    for kind in KINDS {
        let root = Authority::with_key("Test Root", kind);
        let issued = root.intermediate("Test Intermediate").issue(Leaf::server(&["localhost"]).with_key(kind));
        let scratch = Scratch::new("openssl-verify");
        let anchor = scratch.write("root.pem", root.certificate_pem());
        let (chain, _) = scratch.write_identity("server", &issued);
        openssl(&[
            "verify".as_ref(),
            "-x509_strict".as_ref(),
            "-purpose".as_ref(),
            "sslserver".as_ref(),
            "-verify_hostname".as_ref(),
            "localhost".as_ref(),
            "-CAfile".as_ref(),
            &anchor,
            "-untrusted".as_ref(),
            &chain,
            &chain,
        ]);
    }
}

#[test]
fn openssl_reads_a_private_key_of_every_kind() {
    let root = Authority::new("Test Root");
    for kind in KINDS {
        let issued = root.issue(Leaf::server(&["localhost"]).with_key(kind));
        let scratch = Scratch::new("openssl-pkey");
        let (_, key) = scratch.write_identity("server", &issued);
        openssl(&["pkey".as_ref(), "-check".as_ref(), "-noout".as_ref(), "-in".as_ref(), &key]);
    }
}

const KINDS: [KeyKind; 4] = [KeyKind::EcdsaP256, KeyKind::EcdsaP384, KeyKind::Ed25519, KeyKind::Rsa2048];

#[track_caller]
fn openssl(arguments: &[&Path]) {
    let output = Command::new("openssl").args(arguments).output().expect("the interop tests need the program openssl");
    assert!(
        output.status.success(),
        "openssl {arguments:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
