//! What peers will hold against an identity.

use std::time::{Duration, SystemTime};

use lem_ssl_rs::{Context, Identity, IdentityWarning, Roots};
use lem_ssl_tests::pki::draft::{
    Draft, DraftKey, FOR_CLIENTS, FOR_SERVERS, PRINTABLE_STRING, SEQUENCE, UTC_TIME, UTF8_STRING, element,
};
use lem_ssl_tests::pki::{Authority, KeyKind, Leaf, self_signed};
use rustls::pki_types::CertificateDer;

use crate::support::pki;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const DECADE: u32 = 3650;

fn warnings(chain: &str, now: SystemTime) -> Vec<String> {
    let identity = Identity::from_pem(chain, &pki().server.key_pem).unwrap();
    identity.warnings(now).iter().map(ToString::to_string).collect()
}

#[test]
fn a_certificate_whose_time_is_over_or_has_not_come_is_told_with_its_dates() {
    let now = SystemTime::now();
    let root = &pki().root;
    let of = |leaf: Leaf<'_>| warnings(&root.issue(leaf).chain_pem, now);
    let good = Leaf::server(&["localhost"]);
    assert!(of(good).is_empty());
    let expired = of(good.expired());
    assert!(expired[0].starts_with("the certificate (CN=localhost) expired on 20"), "{expired:?}");
    assert!(expired[0].ends_with(" UTC, 1 day ago") && expired.len() == 1, "{expired:?}");
    let early = of(good.not_yet_valid());
    assert!(early[0].starts_with("the certificate (CN=localhost) is not valid before 20"), "{early:?}");
    // Of thirty days, two are left.
    let soon = warnings(&root.issue(good).chain_pem, now + 28 * DAY);
    assert!(soon[0].starts_with("the certificate (CN=localhost) expires on 20"), "{soon:?}");
    assert!(soon[0].ends_with("UTC, in 1 day") || soon[0].ends_with("UTC, in 2 days"), "{soon:?}");
    assert!(warnings(&root.issue(good).chain_pem, now + 26 * DAY).is_empty());
}

#[test]
fn of_a_chain_the_certificate_is_named() {
    let between = pki().root.intermediate("Between");
    let leaf = Leaf { not_after: SystemTime::now() + 30 * DECADE * DAY, ..Leaf::server(&["localhost"]) };
    let issued = between.issue(leaf);
    let identity = Identity::from_der(issued.chain_der.clone(), issued.private_key());
    assert!(identity.warnings(SystemTime::now()).is_empty());
    // The leaf is good for longer than its issuer.
    let told = identity.warnings(SystemTime::now() + 2 * DECADE * DAY);
    let [IdentityWarning::Expired { certificate: 2, subject, .. }] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(subject.as_deref(), Some("CN=Between"));
    assert!(told[0].to_string().starts_with("certificate number 2 of the chain (CN=Between) expired on "));
}

#[test]
fn a_chain_in_another_order_or_of_other_issuers_is_told() {
    let upper = Authority::new("Upper").intermediate("Middle");
    let issued = upper.intermediate("Lower").issue(Leaf::server(&["localhost"]));
    let pem: Vec<_> = issued.chain_pem.split_inclusive("-----END CERTIFICATE-----\n").collect();
    let now = SystemTime::now();
    assert!(warnings(&pem.concat(), now).is_empty());
    let told = warnings(&[pem[0], pem[2], pem[1]].concat(), now);
    assert_eq!(
        told[0],
        "certificate number 2 of the chain (CN=Middle) is not that of the issuer of the one before it (CN=Lower): some \
         clients will refuse the chain"
    );
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(warnings(&[pem[0], &pki().other.certificate_pem()].concat(), now).len(), 1);
}

/// Other libraries take the two for one name, and ours does not: neither a wrong order is to blame, nor is nothing.
#[test]
fn an_issuer_whose_name_is_written_in_another_way_is_told_as_that_and_what_is_above_is_looked_at() {
    let [root, upper, middle, leaf] = [(); 4].map(|()| DraftKey::new());
    let months = |draft: Draft| draft.between(-10, 300);
    let own = months(Draft::leaf(&["localhost"], "Middle", &leaf)).sign(&middle);
    for (name, string_type) in [("Middle", PRINTABLE_STRING), ("MIDDLE", UTF8_STRING)] {
        let between = |key| Draft { subject_type: string_type, ..Draft::authority(name, "Upper", key) };
        let told = of_server(vec![own.clone(), months(between(&middle)).sign(&upper)], &leaf);
        let words = format!(
            "certificate number 2 of the chain (CN={name}) writes its name in another way than the one before it, which \
             it has issued (another string type, or capitals): some clients will refuse the chain; the authority has to \
             issue one of the two again"
        );
        assert_eq!(told, [words.as_str()]);
        let plain = months(Draft::new("Upper", "Root", &upper)).sign(&root);
        let told = of_server(vec![own.clone(), months(between(&middle)).sign(&upper), plain], &leaf);
        assert!(told.len() == 2 && told[1].contains("(CN=Upper) is not an authority's"), "{told:?}");
        // Another authority of such a name is another.
        let told = of_server(vec![own.clone(), months(between(&upper)).sign(&upper)], &leaf);
        assert!(told.len() == 1 && told[0].contains("is not that of the issuer of the one before it"), "{told:?}");
    }
}

/// What a server's log says of this chain.
fn of_server(chain: Vec<CertificateDer<'static>>, key: &DraftKey) -> Vec<String> {
    let identity = Identity::from_der(chain, key.private());
    identity.server_warnings(SystemTime::now()).iter().map(ToString::to_string).collect()
}

#[test]
fn what_makes_clients_refuse_a_server_is_told_before_any_comes() {
    const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
    let [root, upper, middle, leaf, other] = [(); 5].map(|()| DraftKey::new());
    let good = || Draft::leaf(&["localhost"], "Middle", &leaf);
    let between = || Draft::authority("Middle", "Root", &middle);
    let use_of = |bits: u8| element(3, &[0, bits]);
    let months = |draft: Draft| draft.between(-10, 300);
    let told = |own: Draft, above: Draft| of_server(vec![months(own).sign(&middle), months(above).sign(&root)], &leaf);
    assert_eq!(told(good(), between()), Vec::<String>::new());
    let everything = good().with_purposes(&[FOR_CLIENTS, FOR_SERVERS]).with(KEY_USAGE, true, &use_of(0x80));
    assert_eq!(told(everything, between().with(KEY_USAGE, true, &use_of(0x06))), Vec::<String>::new());
    let nameless = Draft::new("localhost", "Middle", &leaf);
    let authority = Draft::authority("leaf", "Middle", &leaf).with_names(&[(0x82, b"localhost")]);
    for (name, own, above, words) in [
        (
            "purpose",
            good().with_purposes(&[FOR_CLIENTS]),
            between(),
            "the certificate (CN=leaf) is not for servers, but for clients",
        ),
        (
            "purpose above",
            good(),
            between().with_purposes(&[FOR_CLIENTS]),
            "certificate number 2 of the chain (CN=Middle) is not for servers",
        ),
        ("no names", nameless, between(), "(CN=localhost) has neither a DNS name nor an IP address"),
        ("an authority", authority, between(), "the certificate (CN=leaf) is that of a certificate authority"),
        (
            "no authority",
            good(),
            Draft::new("Middle", "Root", &middle),
            "certificate number 2 of the chain (CN=Middle) is not an authority's",
        ),
        (
            "another key",
            good(),
            Draft::authority("Middle", "Root", &other),
            "the certificate (CN=leaf) is not signed with the key of the next",
        ),
        (
            "extension",
            good().with(&[0x2a, 3, 4], true, &element(SEQUENCE, &[])),
            between(),
            "(CN=leaf) has a critical extension (1.2.3.4)",
        ),
        (
            "extension above",
            good(),
            between().with(&[0x2a, 3, 4], true, &[5, 0]),
            "(CN=Middle) has a critical extension (1.2.3.4)",
        ),
        (
            "key usage",
            good().with(KEY_USAGE, true, &use_of(0x20)),
            between(),
            "(CN=leaf) has a key that is not for signatures",
        ),
        (
            "key usage above",
            good(),
            between().with(KEY_USAGE, true, &use_of(0x02)),
            "(CN=Middle) has a key that is not for signing certificates",
        ),
    ] {
        let told = told(own, above);
        assert!(told.len() == 1 && told[0].contains(words), "{name}: {told:?}");
    }
    let chain = vec![
        months(good()).sign(&middle),
        months(Draft::authority("Middle", "Upper", &middle)).sign(&upper),
        months(Draft::authority("Upper", "Root", &upper).with_path_length(0)).sign(&root),
    ];
    let told = of_server(chain, &leaf);
    assert!(
        told.len() == 1 && told[0].contains("(CN=Upper) allows 0 intermediate authorities below it, and 1"),
        "{told:?}"
    );
}

/// A client's certificate needs no names, and is not for servers.
#[test]
fn a_client_is_not_told_what_only_servers_need() {
    let key = DraftKey::new();
    let own = Draft::new("me", "Root", &key).with_purposes(&[FOR_CLIENTS]).between(-10, 300).sign(&DraftKey::new());
    let identity = Identity::from_der(vec![own], key.private());
    assert_eq!(identity.warnings(SystemTime::now()), []);
    assert_eq!(identity.server_warnings(SystemTime::now()).len(), 2);
    let own = self_signed(Leaf::server(&["localhost"]));
    assert_eq!(Identity::from_der(own.chain_der.clone(), own.private_key()).server_warnings(SystemTime::now()), []);
}

/// Peers refuse such a certificate, so it must be told; and nothing of it may count as checked.
#[test]
fn a_certificate_whose_dates_cannot_be_read_is_told_and_its_key_is_checked_all_the_same() {
    let [root, own, foreign] = [(); 3].map(|()| DraftKey::new());
    let rsa = DraftKey::of_kind(KeyKind::Rsa2048);
    for date in ["2601010000Z", "261301000000Z", ""] {
        let mut draft = Draft::leaf(&["localhost"], "Root", &own);
        draft.not_before = (UTC_TIME, date.to_owned());
        let chain = vec![draft.sign(&root), Draft::authority("Root", "Root", &root).between(-10, 300).sign(&root)];
        let identity = |key: &DraftKey| Identity::from_der(chain.clone(), key.private());
        let build = |key| Context::builder().roots(Roots::None).identity(identity(key)).build().map(drop);
        build(&own).unwrap();
        for other in [&foreign, &rsa] {
            let error = build(other).unwrap_err().to_string();
            assert!(error.contains("does not belong to the first certificate") && error.contains("CN=leaf"), "{error}");
        }
        let told = identity(&own).server_warnings(SystemTime::now());
        let [IdentityWarning::Unreadable { certificate: 1, part: "its dates", .. }] = told.as_slice() else {
            panic!("{date:?}: {told:?}")
        };
        assert_eq!(
            told[0].to_string(),
            "the certificate (CN=leaf) cannot be read (its dates): nothing else of it was checked, and peers will refuse it"
        );
    }
    // A public key alone has no dates.
    let raw = Identity::raw_public_key(&pki().server.key_pem).unwrap();
    assert_eq!(raw.server_warnings(SystemTime::now()), []);
}
