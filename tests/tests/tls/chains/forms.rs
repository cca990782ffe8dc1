//! Forms, keys and signatures.

use lem_ssl_rs::CertificateCheck::{Algorithm, Authority, Extensions, Format, Purpose, Signature, Version};
use lem_ssl_tests::pki::KeyKind;
use lem_ssl_tests::pki::draft::{
    Draft, DraftKey, ECDSA_SHA1, ECDSA_SHA256, FOR_ANYTHING, FOR_CODE, RSA_MD5, RSA_SHA1, RSA_SHA256, SEQUENCE,
    element, public_key,
};
use rustls::pki_types::CertificateDer;

use super::Case;
use super::kit::{Kit, accepted, refused};

/// Contents of the algorithm identifiers of keys.
const P521: &[u8] = &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 5, 0x2b, 0x81, 4, 0, 35];
const SECP256K1: &[u8] = &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 5, 0x2b, 0x81, 4, 0, 10];
const RSA: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
const ED448: &[u8] = &[6, 3, 0x2b, 101, 113];

pub(super) fn cases() -> Vec<Case> {
    [encodings(), versions(), signatures(), keys(), purposes()].into_iter().flatten().collect()
}

fn encodings() -> Vec<Case> {
    let mut cases = Vec::new();
    for (what, garbage) in [
        ("garbage for a leaf", b"this is no certificate".to_vec()),
        ("an empty sequence for a leaf", vec![0x30, 0]),
        ("one byte for a leaf", vec![0x30]),
    ] {
        let expected = refused(Format, 0, &["the peer's certificate cannot be read"]);
        cases.push(Kit::new().case(what, vec![garbage.into()], expected));
    }
    let kit = Kit::new();
    let cut: CertificateDer<'_> = {
        let whole = kit.leaf().sign(&kit.root);
        whole[..whole.len() - 20].to_vec().into()
    };
    cases.push(kit.case("a leaf that is cut off", vec![cut], refused(Format, 0, &["cannot be read", "cut off"])));
    let kit = Kit::new();
    let long: CertificateDer<'_> = [&kit.leaf().sign(&kit.root)[..], &[0, 0]].concat().into();
    cases.push(kit.case("bytes after a leaf", vec![long], refused(Format, 0, &["bytes follow its end"])));
    let kit = Kit::new();
    let chain = vec![kit.below().sign(&kit.middle), b"no certificate".to_vec().into()];
    let words = ["certificate 2 of the peer's chain cannot be read", "besides", "issued by \"CN=Middle\""];
    cases.push(kit.case("garbage for an intermediate", chain, refused(Format, 1, &words)));
    let kit = Kit::new();
    let chain = vec![kit.below().sign(&kit.middle), kit.middle().sign(&kit.root), b"no certificate".to_vec().into()];
    cases.push(kit.case("garbage besides", chain, accepted(&[0, 1])));
    let kit = Kit::new();
    let leaf = Draft { inner_algorithm: RSA_SHA256.to_vec(), ..kit.leaf() };
    cases.push(kit.alone(
        "a leaf of two algorithms",
        leaf,
        refused(Format, 0, &["two different signature algorithms"]),
    ));
    let kit = Kit::new();
    let leaf = kit.leaf().with(&[0x2a, 3, 4], true, &element(SEQUENCE, &[]));
    cases.push(kit.alone(
        "an unknown critical extension",
        leaf,
        refused(Extensions, 0, &["critical extension (1.2.3.4)"]),
    ));
    let kit = Kit::new();
    let middle = kit.middle().with(&[0x2a, 3, 4], true, &element(SEQUENCE, &[]));
    let words = ["certificate 2 of the peer's chain (CN=Middle) has a critical extension (1.2.3.4)"];
    cases.push(kit.under("an unknown critical extension of an intermediate", middle, refused(Extensions, 1, &words)));
    let kit = Kit::new();
    let leaf = kit.leaf().with(&[0x2a, 3, 4], false, &element(SEQUENCE, &[]));
    cases.push(kit.alone("an unknown extension", leaf, accepted(&[0])));
    let kit = Kit::new();
    let leaf = Draft::new("leaf", "Root", &kit.leaf).with(&[0x55, 0x1d, 17], false, &[4, 1, 0]);
    cases.push(kit.alone("alternative names that are no list", leaf, refused(Format, 0, &["its alternative names"])));
    let kit = Kit::new();
    let leaf = Draft { subject: String::new(), ..kit.leaf().between(-9, -2) };
    let expected = refused(lem_ssl_rs::CertificateCheck::Dates, 0, &["the peer's certificate expired on"]);
    cases.push(kit.alone("an expired leaf without a subject", leaf, expected));
    let kit = Kit::new();
    let leaf = Draft { subject: "\u{1b}[2J\u{202e}evil".into(), ..kit.leaf().between(-9, -2) };
    let expected = refused(lem_ssl_rs::CertificateCheck::Dates, 0, &["(CN=\u{fffd}[2J\u{fffd}evil) expired"]);
    cases.push(kit.alone("a subject that would steer a terminal", leaf, expected));
    cases
}

fn versions() -> Vec<Case> {
    let mut cases = Vec::new();
    let kit = Kit::new();
    let leaf = Draft { version: 1, extensions: Vec::new(), ..kit.leaf() };
    cases.push(kit.alone(
        "a leaf of version 1",
        leaf,
        refused(Version, 0, &["(CN=leaf) is of version 1", "issue it again"]),
    ));
    let kit = Kit::new();
    let leaf = Draft { version: 2, ..kit.leaf() };
    cases.push(kit.alone("a leaf of version 2", leaf, refused(Version, 0, &["(CN=leaf) is of version 2"])));
    let kit = Kit::new();
    let middle = Draft { version: 1, extensions: Vec::new(), ..kit.middle() };
    let words = ["certificate 2 of the peer's chain (CN=Middle)", "is of version 1"];
    cases.push(kit.under("an intermediate of version 1", middle, refused(Authority, 1, &words)));
    cases
}

fn signatures() -> Vec<Case> {
    let mut cases = Vec::new();
    for (what, algorithm, name) in [
        ("SHA-1 with ECDSA", ECDSA_SHA1, "SHA-1 with ECDSA"),
        ("SHA-1 with RSA", RSA_SHA1, "SHA-1 with RSA"),
        ("MD5", RSA_MD5, "MD5 with RSA"),
        ("an unknown signature", &[0x30, 5, 6, 3, 0x2a, 3, 4], "1.2.3.4"),
    ] {
        let kit = Kit::new();
        let leaf = kit.leaf().with_algorithm(algorithm);
        let expected = refused(Algorithm, 0, &["(CN=leaf) is signed with", name, "not supported", "issued again"]);
        cases.push(kit.alone(what, leaf, expected));
    }
    let kit = Kit::new();
    let middle = kit.middle().with_algorithm(ECDSA_SHA1);
    let words = ["certificate 2 of the peer's chain (CN=Middle) is signed with SHA-1 with ECDSA"];
    cases.push(kit.under("SHA-1 on an intermediate", middle, refused(Algorithm, 1, &words)));
    let kit = Kit::new();
    let other = DraftKey::new();
    let chain = vec![kit.leaf().sign(&other)];
    let words = ["(CN=leaf) names \"CN=Root\" as its issuer, but is not signed by the key"];
    cases.push(kit.case("another authority of the root's name", chain, refused(Signature, 0, &words)));
    let kit = Kit::new();
    let other = DraftKey::new();
    let chain = vec![kit.below().sign(&other), kit.middle().sign(&kit.root)];
    let words = ["the peer's certificate (CN=leaf) names \"CN=Middle\" as its issuer"];
    cases.push(kit.case("another authority of the intermediate's name", chain, refused(Signature, 0, &words)));
    let kit = Kit::new();
    let other = DraftKey::new();
    let chain = vec![kit.below().sign(&kit.middle), kit.middle().sign(&other)];
    let words = ["certificate 2 of the peer's chain (CN=Middle) names \"CN=Root\" as its issuer"];
    cases.push(kit.case(
        "an intermediate of another authority of the root's name",
        chain,
        refused(Signature, 1, &words),
    ));
    let kit = Kit::new();
    let mut changed = kit.leaf().sign(&kit.root).to_vec();
    let at = changed.windows(9).position(|window| window == b"localhost").unwrap();
    changed[at] = b'L';
    cases.push(kit.case("a leaf that was changed", vec![changed.into()], refused(Signature, 0, &["it was changed"])));
    let kit = Kit::new();
    let leaf = kit.leaf().with_algorithm(RSA_SHA256);
    let expected = super::Expected::Refused {
        check: Algorithm,
        position: None,
        words: vec!["the trusted root (CN=Root) has a key (ECDSA P-256)", "not for the kind of signature"],
    };
    cases.push(kit.alone("a signature of RSA by a key on a curve", leaf, expected));
    let mut kit = Kit::new();
    let leaf = kit.leaf();
    let stolen = vec![leaf.sign(&kit.root)];
    kit.leaf = DraftKey::new();
    let words = ["(CN=leaf) does not go with the key that signed the handshake"];
    cases.push(kit.case("a certificate of somebody else's", stolen, refused(Signature, 0, &words)));
    let kit = Kit::new();
    let leaf = kit.leaf().with_algorithm(ECDSA_SHA256);
    cases.push(kit.alone("a good leaf", leaf, accepted(&[0])));
    let mut kit = Kit::new();
    kit.leaf = DraftKey::of_kind(KeyKind::Rsa2048);
    let leaf = kit.leaf();
    cases.push(kit.alone("a leaf with an RSA key", leaf, accepted(&[0])));
    cases
}

fn keys() -> Vec<Case> {
    let weak = element(SEQUENCE, &[element(2, &[&[0, 0xc5], &[0x5b; 127][..]].concat()), vec![2, 3, 1, 0, 1]].concat());
    let mut cases = Vec::new();
    for (what, key, name) in [
        ("an intermediate on P-521", public_key(P521, &[4; 133]), "ECDSA P-521"),
        ("an intermediate on an unknown curve", public_key(SECP256K1, &[4; 65]), "ECDSA secp256k1"),
        ("an intermediate with an Ed448 key", public_key(ED448, &[4; 57]), "Ed448"),
    ] {
        let kit = Kit::new();
        let middle = Draft { key, ..kit.middle() };
        let words = ["certificate 2 of the peer's chain (CN=Middle) has a key", name, "not supported"];
        cases.push(kit.under(what, middle, refused(Algorithm, 1, &words)));
    }
    let kit = Kit::new();
    let middle = Draft { key: public_key(RSA, &weak), ..kit.middle() };
    let chain = vec![kit.below().with_algorithm(RSA_SHA256).sign(&kit.middle), middle.sign(&kit.root)];
    let words = ["certificate 2 of the peer's chain (CN=Middle) has an RSA key of 1024 bits", "too short"];
    cases.push(kit.case("an intermediate with an RSA key of 1024 bits", chain, refused(Algorithm, 1, &words)));
    cases
}

fn purposes() -> Vec<Case> {
    let mut cases = Vec::new();
    for (what, purposes, words) in [
        ("a leaf for signing code", &[FOR_CODE][..], &["(CN=leaf) is not for", "but for signing code"][..]),
        ("a leaf for anything", &[FOR_ANYTHING], &["(CN=leaf) is not for", "but for any purpose"]),
        ("a leaf for nothing", &[], &["(CN=leaf) is not for", "no purpose at all"]),
        ("a leaf for an unknown purpose", &[&[0x2a, 3, 4]], &["but for 1.2.3.4"]),
    ] {
        let kit = Kit::new();
        let leaf = kit.leaf().with_purposes(purposes);
        cases.push(kit.alone(what, leaf, refused(Purpose, 0, words)));
    }
    let kit = Kit::new();
    let middle = kit.middle().with_purposes(&[FOR_CODE]);
    let words = ["certificate 2 of the peer's chain (CN=Middle) is not for", "but for signing code"];
    cases.push(kit.under("an intermediate for signing code", middle, refused(Purpose, 1, &words)));
    cases
}
