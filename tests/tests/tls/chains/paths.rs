//! Ways to a root, or to none.

use lem_ssl_rs::CertificateCheck::{Authority, Chain, NameConstraints, PathLength, Signature};
use lem_ssl_tests::pki::draft::{DIRECTORY_NAME, DNS_NAME, Draft, DraftKey, EMAIL_NAME, IP_NAME, URI_NAME, element};
use rustls::pki_types::CertificateDer;

use super::kit::{Kit, accepted, refused};
use super::{Case, Expected};

pub(super) fn cases() -> Vec<Case> {
    [lost(), order(), authorities(), constraints()].into_iter().flatten().collect()
}

fn lost() -> Vec<Case> {
    let mut cases = Vec::new();
    let kit = Kit::new();
    let chain = vec![Draft::leaf(&["localhost"], "leaf", &kit.leaf).sign(&kit.leaf)];
    cases.push(kit.case(
        "a self-signed leaf",
        chain,
        refused(Chain, 0, &["(CN=leaf) is self-signed", "add it to them"]),
    ));
    let kit = Kit::new();
    let chain = vec![Draft::leaf(&["localhost"], "Stranger", &kit.leaf).sign(&kit.middle)];
    let words = ["(CN=leaf) was issued by \"CN=Stranger\"", "no intermediate certificate"];
    cases.push(kit.case("an unknown issuer", chain, refused(Chain, 0, &words)));
    let kit = Kit::new();
    let chain = vec![kit.below().sign(&kit.middle)];
    let words = ["(CN=leaf) was issued by \"CN=Middle\"", "presented no intermediate certificate"];
    cases.push(kit.case("a missing intermediate", chain, refused(Chain, 0, &words)));
    let kit = Kit::new();
    let stranger = DraftKey::new();
    let chain = vec![
        kit.below().sign(&kit.middle),
        Draft::authority("Middle", "Stranger", &kit.middle).sign(&stranger),
        Draft::authority("Stranger", "Stranger", &stranger).sign(&stranger),
    ];
    let words = ["certificate 2 of the peer's chain (CN=Middle) was issued by \"CN=Stranger\"", "trusted roots"];
    cases.push(kit.case("an untrusted root that was presented", chain, refused(Chain, 1, &words)));
    let kit = Kit::new();
    let chain = vec![kit.below().sign(&kit.middle), Draft::authority("Else", "Root", &kit.root).sign(&kit.root)];
    let words = ["(CN=leaf) was issued by \"CN=Middle\""];
    cases.push(kit.case("an intermediate of somebody else's", chain, refused(Chain, 0, &words)));
    let kit = Kit::new();
    let (a, b) = (DraftKey::new(), DraftKey::new());
    let chain = vec![
        Draft::leaf(&["localhost"], "A", &kit.leaf).sign(&a),
        Draft::authority("A", "B", &a).sign(&b),
        Draft::authority("B", "A", &b).sign(&a),
    ];
    let words = ["certificate 3 of the peer's chain (CN=B) was issued by \"CN=A\""];
    cases.push(kit.case("two intermediates in a circle", chain, refused(Chain, 2, &words)));
    let kit = Kit::new();
    let keys: Vec<DraftKey> = (0..40).map(|_| DraftKey::new()).collect();
    let mut chain = vec![Draft::leaf(&["localhost"], "A", &kit.leaf).sign(&keys[0])];
    chain.extend(keys.iter().map(|key| Draft::authority("A", "A", key).sign(&keys[0])));
    let words = ["(CN=leaf) comes with 41 certificates that name each other", "only those up to a root"];
    cases.push(kit.case("forty intermediates of one name", chain, refused(Chain, 0, &words)));
    cases
}

fn order() -> Vec<Case> {
    let mut cases = Vec::new();
    let kit = Kit::new();
    let chain = vec![kit.below().sign(&kit.middle), kit.root(), kit.middle().sign(&kit.root)];
    cases.push(kit.case("a chain out of order", chain, accepted(&[0, 2])));
    let kit = Kit::new();
    let chain = vec![kit.middle().sign(&kit.root), kit.below().sign(&kit.middle)];
    let words = ["the peer's certificate (CN=Middle) is that of a certificate authority"];
    cases.push(kit.case("a chain that begins with the intermediate", chain, refused(Authority, 0, &words)));
    let kit = Kit::new();
    let leaf = kit.leaf().sign(&kit.root);
    let chain = vec![leaf.clone(), leaf.clone(), leaf];
    cases.push(kit.case("a leaf three times", chain, accepted(&[0])));
    let kit = Kit::new();
    let mut chain = vec![kit.below().sign(&kit.middle)];
    chain.extend(vec![kit.middle().sign(&kit.root); 40]);
    cases.push(kit.case("an intermediate forty times", chain, accepted(&[0, 1])));
    // As where a program that renews certificates has appended to the file each time.
    let kit = Kit::new();
    let (leaf, middle) = (kit.below().sign(&kit.middle), kit.middle().sign(&kit.root));
    let mut chain = vec![[leaf, middle]; 20].concat();
    chain[2..].reverse();
    cases.push(kit.case("a chain twenty times", chain, accepted(&[0, 1])));
    let kit = Kit::new();
    let chain = [vec![kit.below().sign(&kit.middle)], vec![kit.middle().sign(&DraftKey::new()); 40]].concat();
    let words = ["is not signed by the key that is known under that name"];
    cases.push(kit.case("an intermediate of another root's key forty times", chain, refused(Signature, 1, &words)));
    let kit = Kit::new();
    let chain = vec![kit.below().sign(&kit.middle), kit.middle().sign(&kit.root)];
    let roots = (0..40).map(|_| kit.root()).collect();
    cases.push(Case { roots, ..kit.case("a root that is given forty times", chain, accepted(&[0, 1])) });
    let kit = Kit::new();
    let other = DraftKey::new();
    let chain = vec![
        kit.below().sign(&kit.middle),
        Draft::authority("Middle", "Root", &other).sign(&kit.root),
        kit.middle().sign(&kit.root),
    ];
    cases.push(kit.case("another intermediate of the same name in front", chain, accepted(&[0, 2])));
    let kit = Kit::new();
    let old = DraftKey::new();
    let chain = vec![
        kit.below().sign(&kit.middle),
        Draft::authority("Middle", "Middle", &kit.middle).sign(&old),
        Draft::authority("Middle", "Root", &old).sign(&kit.root),
    ];
    cases.push(kit.case("an intermediate with a new key that its old one has signed", chain, accepted(&[0, 1, 2])));
    cases
}

fn authorities() -> Vec<Case> {
    let mut cases = Vec::new();
    let kit = Kit::new();
    let leaf = Draft::authority("leaf", "Root", &kit.leaf);
    let words = ["(CN=leaf) is that of a certificate authority (CA:TRUE)"];
    cases.push(kit.alone("an authority for a leaf", leaf, refused(Authority, 0, &words)));
    let kit = Kit::new();
    let chain = vec![Draft::authority("leaf", "leaf", &kit.leaf).sign(&kit.leaf)];
    let words = ["(CN=leaf) is that of a certificate authority", "besides", "self-signed"];
    cases.push(kit.case("a self-signed authority for a leaf", chain, refused(Authority, 0, &words)));
    let kit = Kit::new();
    let middle = Draft::new("Middle", "Root", &kit.middle);
    let words = ["certificate 2 of the peer's chain (CN=Middle) is not an authority's"];
    cases.push(kit.under("a leaf for an authority", middle, refused(Authority, 1, &words)));
    let kit = Kit::new();
    let middle = Draft::new("Middle", "Root", &kit.middle).with(&[0x55, 0x1d, 19], true, &element(0x30, &[]));
    let words = ["certificate 2 of the peer's chain (CN=Middle) is not an authority's (CA:TRUE is missing)"];
    cases.push(kit.under("an intermediate with CA:FALSE", middle, refused(Authority, 1, &words)));
    let kit = Kit::new();
    let low = DraftKey::new();
    let chain = vec![
        Draft::leaf(&["localhost"], "Low", &kit.leaf).sign(&low),
        Draft::authority("Low", "Middle", &low).sign(&kit.middle),
        kit.middle().with_path_length(0).sign(&kit.root),
    ];
    let words = ["certificate 3 of the peer's chain (CN=Middle) allows 0 intermediate authorities below it, and 1"];
    cases.push(kit.case("more authorities than one allows", chain, refused(PathLength, 2, &words)));
    let kit = Kit::new();
    let middle = kit.middle().with_path_length(0);
    cases.push(kit.under("an authority that allows none below it", middle, accepted(&[0, 1])));
    for (what, count, words) in [
        ("seven intermediates", 7, "comes with 7 intermediate certificates up to a root, more than are supported"),
        ("eleven intermediates", 11, "comes with 11 intermediate certificates up to a root"),
        ("twelve intermediates", 12, "comes with 12 intermediate certificates up to a root"),
        ("thirteen intermediates", 13, "comes with 13 intermediate certificates up to a root"),
        ("forty intermediates", 40, "comes with 40 intermediate certificates up to a root"),
    ] {
        let kit = Kit::new();
        let chain = straight(count, &kit);
        cases.push(kit.case(what, chain, refused(Chain, 0, &[words])));
    }
    // One more that is no part of it, and another order.
    let kit = Kit::new();
    let mut chain = straight(15, &kit);
    chain[1..].reverse();
    chain.push(kit.root());
    let words = ["comes with 15 intermediate certificates up to a root"];
    cases.push(kit.case("fifteen intermediates in another order", chain, refused(Chain, 0, &words)));
    // The root is not trusted: its certificate is what is missing, however long the way to it.
    let kit = Kit::new();
    let mut chain = straight(14, &kit);
    chain.pop();
    let words = ["certificate 14 of the peer's chain (CN=A12) was issued by \"CN=A13\"", "not among the trusted roots"];
    cases.push(kit.case("fourteen intermediates, and the last one is missing", chain, refused(Chain, 13, &words)));
    // webpki does not look at what the key is for, nor do browsers; what it says of authorities decides.
    let kit = Kit::new();
    let middle = kit.middle().with(&[0x55, 0x1d, 15], true, &[3, 2, 7, 0x80]);
    cases.push(kit.under("an intermediate whose key is not for signing certificates", middle, accepted(&[0, 1])));
    cases
}

/// A leaf and so many intermediates up to the root.
fn straight(count: usize, kit: &Kit) -> Vec<CertificateDer<'static>> {
    let keys: Vec<DraftKey> = (0..count).map(|_| DraftKey::new()).collect();
    let mut chain = vec![Draft::leaf(&["localhost"], "A0", &kit.leaf).sign(&keys[0])];
    for (at, key) in keys.iter().enumerate() {
        let (name, issuer) = (format!("A{at}"), format!("A{}", at + 1));
        chain.push(match keys.get(at + 1) {
            Some(above) => Draft::authority(&name, &issuer, key).sign(above),
            None => Draft::authority(&name, "Root", key).sign(&kit.root),
        });
    }
    chain
}

type Names = &'static [(u8, &'static [u8])];

fn constraints() -> Vec<Case> {
    let table: &[(&'static str, Names, Names, Names, Option<&'static str>)] = &[
        ("a name that is not permitted", &[(DNS_NAME, b"good.test")], &[], &[], Some("localhost")),
        ("a name that is excluded", &[], &[(DNS_NAME, b"localhost")], &[], Some("localhost")),
        (
            "a name below an excluded one",
            &[],
            &[(DNS_NAME, b"bad.test")],
            &[(DNS_NAME, b"www.bad.test")],
            Some("www.bad.test"),
        ),
        (
            "an excluded name in other letters",
            &[],
            &[(DNS_NAME, b"BAD.test")],
            &[(DNS_NAME, b"bad.TEST")],
            Some("bad.TEST"),
        ),
        ("every name is excluded", &[], &[(DNS_NAME, b"")], &[], Some("localhost")),
        (
            "an address that is not permitted",
            &[(IP_NAME, &[192, 0, 2, 0, 255, 255, 255, 0])],
            &[],
            &[(IP_NAME, &[198, 51, 100, 7])],
            Some("198.51.100.7"),
        ),
        (
            "an address that is excluded",
            &[],
            &[(IP_NAME, &[192, 0, 2, 0, 255, 255, 255, 0])],
            &[(IP_NAME, &[192, 0, 2, 7])],
            Some("192.0.2.7"),
        ),
        ("a constraint on subjects", &[(DIRECTORY_NAME, &[0x30, 0])], &[], &[], Some("constraints on subjects")),
        (
            "a constraint on URIs",
            &[(URI_NAME, b"good.test")],
            &[],
            &[(URI_NAME, b"https://good.test/")],
            Some("https://good.test/"),
        ),
        (
            "a constraint on e-mail addresses",
            &[],
            &[(EMAIL_NAME, b"good.test")],
            &[(EMAIL_NAME, b"me@else.test")],
            Some("me@else.test"),
        ),
        ("a name that is permitted", &[(DNS_NAME, b"localhost"), (DNS_NAME, b"good.test")], &[], &[], None),
        (
            "an address that is permitted",
            &[(IP_NAME, &[192, 0, 2, 0, 255, 255, 255, 0])],
            &[],
            &[(IP_NAME, &[192, 0, 2, 7])],
            None,
        ),
        (
            "a name below a permitted one",
            &[(DNS_NAME, b"localhost"), (DNS_NAME, b".good.test")],
            &[],
            &[(DNS_NAME, b"www.good.test")],
            None,
        ),
    ];
    let mut cases: Vec<Case> = table
        .iter()
        .map(|(what, permitted, excluded, names, violated)| {
            let kit = Kit::new();
            let names = [&[(DNS_NAME, &b"localhost"[..])], *names].concat();
            let middle = kit.middle().with_constraints(permitted, excluded).sign(&kit.root);
            let leaf = Draft::new("leaf", "Middle", &kit.leaf).with_names(&names).sign(&kit.middle);
            let expected = match violated {
                Some(name) => refused(NameConstraints, 0, &["(CN=leaf) is for", name, "\"CN=Middle\" may not vouch"]),
                None => accepted(&[0, 1]),
            };
            kit.case(what, vec![leaf, middle], expected)
        })
        .collect();
    let kit = Kit::new();
    let root: CertificateDer<'_> =
        Draft::authority("Root", "Root", &kit.root).with_constraints(&[(DNS_NAME, b"good.test")], &[]).sign(&kit.root);
    let chain = vec![kit.leaf().sign(&kit.root)];
    let expected: Expected =
        refused(NameConstraints, 0, &["localhost", "\"CN=Root\" may not vouch (name constraints)"]);
    cases.push(Case { roots: vec![root], ..kit.case("a constraint of the trusted root", chain, expected) });
    cases
}
