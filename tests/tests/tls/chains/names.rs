//! What is for servers or for clients alone: names, purposes, revocation.

use lem_ssl_rs::CertificateCheck::{Chain, Name, Purpose, Revocation};
use lem_ssl_tests::pki::draft::{DNS_NAME, Draft, DraftKey, FOR_CLIENTS, FOR_SERVERS, IP_NAME};
use lem_ssl_tests::pki::{Authority, Leaf};
use rustls::pki_types::CertificateDer;

use super::kit::{Kit, accepted, refused};
use super::{Case, Expected};

type Names = &'static [(u8, &'static [u8])];

pub(super) fn for_servers() -> Vec<Case> {
    let table: &[(&'static str, &'static str, Names, bool, &'static str)] = &[
        ("another name", "localhost", &[(DNS_NAME, b"other.test")], false, "it is valid for other.test"),
        ("no names", "localhost", &[], false, "it names nobody at all"),
        ("a name below", "localhost", &[(DNS_NAME, b"www.localhost")], false, "it is valid for www.localhost"),
        ("a wildcard for its own domain", "good.test", &[(DNS_NAME, b"*.good.test")], false, "*.good.test"),
        ("a wildcard for two labels", "a.b.good.test", &[(DNS_NAME, b"*.good.test")], false, "*.good.test"),
        ("a wildcard inside of a label", "www.good.test", &[(DNS_NAME, b"w*.good.test")], false, "w*.good.test"),
        ("another address", "192.0.2.7", &[(IP_NAME, &[192, 0, 2, 8])], false, "192.0.2.8"),
        ("an address as a name", "192.0.2.7", &[(DNS_NAME, b"192.0.2.7")], false, "192.0.2.7"),
        ("an address of six as one of four", "::ffff:192.0.2.7", &[(IP_NAME, &[192, 0, 2, 7])], false, "192.0.2.7"),
        ("a wildcard", "www.good.test", &[(DNS_NAME, b"*.good.test")], true, ""),
        ("an address", "192.0.2.7", &[(IP_NAME, &[192, 0, 2, 7])], true, ""),
    ];
    let mut cases: Vec<Case> = table
        .iter()
        .map(|(what, name, names, is_good, word)| {
            let kit = Kit::new();
            let leaf = match names {
                [] => Draft::new("localhost", "Root", &kit.leaf),
                names => Draft::new("leaf", "Root", &kit.leaf).with_names(names),
            };
            let expected =
                if *is_good { accepted(&[0]) } else { refused(Name, 0, &["is not valid for the name", word]) };
            Case { name, ..kit.alone(what, leaf, expected) }
        })
        .collect();
    let kit = Kit::new();
    let leaf = kit.leaf().with_purposes(&[FOR_CLIENTS]);
    cases.push(kit.alone(
        "a client's certificate",
        leaf,
        refused(Purpose, 0, &["(CN=leaf) is not for servers, but for clients"]),
    ));
    let kit = Kit::new();
    let leaf = kit.leaf().with_purposes(&[FOR_CLIENTS, FOR_SERVERS]);
    cases.push(kit.alone("a certificate for both", leaf, accepted(&[0])));
    let kit = Kit::new();
    let leaf = Draft::leaf(&["other.test"], "Root", &kit.leaf).between(-9, -2);
    let words = ["expired on", "besides, the peer's certificate (CN=leaf) is not valid for the name localhost"];
    let expected = refused(lem_ssl_rs::CertificateCheck::Dates, 0, &words);
    cases.push(kit.alone("an expired leaf of another name", leaf, expected));
    let kit = Kit::new();
    let chain = vec![Draft::leaf(&["other.test"], "Stranger", &kit.leaf).sign(&kit.middle)];
    let words = ["(CN=leaf) was issued by \"CN=Stranger\"", "besides", "is not valid for the name localhost"];
    cases.push(kit.case("an untrusted leaf of another name", chain, refused(Chain, 0, &words)));
    cases
}

pub(super) fn for_clients() -> Vec<Case> {
    let mut cases = Vec::new();
    let kit = Kit::new();
    let leaf = kit.leaf().with_purposes(&[FOR_SERVERS]);
    cases.push(kit.alone(
        "a server's certificate",
        leaf,
        refused(Purpose, 0, &["(CN=leaf) is not for clients, but for servers"]),
    ));
    cases.push(Kit::new().case(
        "no certificate",
        Vec::new(),
        Expected::Refused {
            check: Chain,
            position: None,
            words: vec!["the peer presented no certificate, and has to present one"],
        },
    ));
    cases.extend([revoked_leaf(), revoked_intermediate()]);
    cases
}

fn revoked_leaf() -> Case {
    let root = Authority::new("Root");
    let issued = root.issue(Leaf::client(&["me.test"]));
    let lists = root.revocation_list_pem(&[&issued]);
    of_authority("a revoked leaf", root, issued.chain_der, lists, refused(Revocation, 0, &["(CN=me.test) was revoked"]))
}

fn revoked_intermediate() -> Case {
    let root = Authority::new("Root");
    let middle = root.intermediate("Middle");
    let issued = middle.issue(Leaf::client(&["me.test"]));
    let lists = root.revocation_list_of_authorities_pem(&[&middle]);
    let words = ["certificate 2 of the peer's chain (CN=Middle) was revoked"];
    of_authority("a revoked intermediate", root, issued.chain_der, lists, refused(Revocation, 1, &words))
}

fn of_authority(
    what: &'static str,
    root: Authority,
    chain: Vec<CertificateDer<'static>>,
    lists: String,
    expected: Expected,
) -> Case {
    let roots = vec![root.certificate_der().clone()];
    // The key does not matter: the chain is refused before it is asked for.
    Case { what, chain, key: DraftKey::new(), roots, name: "localhost", lists: Some(lists), expected }
}
