//! How often a whole revocation list is hashed: it may have many megabytes, and a loop waits meanwhile.

use std::cell::Cell;
use std::sync::Arc;

use lem_ssl_rs::{
    CertificateCheck, CertificateFault, CertificateProblem, Context, RevocationLists, Roots, TlsError, danger,
};
use lem_ssl_tests::pki::draft::{Draft, DraftKey, GENERALIZED_TIME, UTF8_STRING, revocation_list};
use rustls::SignatureScheme;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm};

use crate::support::{armour, meet_at, server};

/// The lists here are longer, and no certificate is.
const LONG: usize = 40_000;

thread_local! {
    /// How many signatures of something long were checked.
    static HASHED: Cell<usize> = const { Cell::new(0) };
}

#[derive(Debug)]
struct Counting(&'static dyn SignatureVerificationAlgorithm);

impl SignatureVerificationAlgorithm for Counting {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        HASHED.set(HASHED.get() + usize::from(message.len() > LONG));
        self.0.verify_signature(key, message, signature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.0.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.0.signature_alg_id()
    }
}

type Algorithms = &'static [&'static dyn SignatureVerificationAlgorithm];

fn counting() -> Arc<CryptoProvider> {
    let mut provider = rustls_graviola::default_provider();
    let all = |algorithms: Algorithms| -> Algorithms {
        let counting = algorithms.iter().map(|one| &*Box::leak(Box::new(Counting(*one))) as _);
        Box::leak(counting.collect::<Vec<_>>().into())
    };
    let found = provider.signature_verification_algorithms;
    let mapping: Vec<(SignatureScheme, Algorithms)> =
        found.mapping.iter().map(|(scheme, algorithms)| (*scheme, all(algorithms))).collect();
    provider.signature_verification_algorithms =
        WebPkiSupportedAlgorithms { all: all(found.all), mapping: Box::leak(mapping.into()) };
    Arc::new(provider)
}

/// What happens, and how often a list was hashed meanwhile.
fn count<T>(act: impl FnOnce() -> T) -> (T, usize) {
    let before = HASHED.get();
    let value = act();
    (value, HASHED.get() - before)
}

fn authority(subject: &str, issuer: &str, key: &DraftKey, by: &DraftKey) -> String {
    armour("CERTIFICATE", &Draft::authority(subject, issuer, key).sign(by))
}

fn leaf(serial: u8, issuer: &str, key: &DraftKey, by: &DraftKey) -> String {
    let draft = Draft { serial, ..Draft::leaf(&["client.test"], issuer, key) };
    armour("CERTIFICATE", &draft.sign(by))
}

/// A list with the number 9 on it, often.
fn long_list(issuer: &str, key: &DraftKey) -> String {
    let stranger = Draft { serial: 9, ..Draft::leaf(&["stranger.test"], issuer, key) };
    armour("X509 CRL", &revocation_list(issuer, UTF8_STRING, &vec![&stranger; LONG / 20], key))
}

fn build(roots: &str, lists: &str) -> Context {
    danger::provider(server(), counting())
        .client_roots(Roots::Pem(roots.into()))
        .revocation_lists(RevocationLists::Pem(lists.into()))
        .build()
        .unwrap()
}

fn private(key: &DraftKey) -> String {
    armour("PRIVATE KEY", key.private().secret_der())
}

/// What was told of a client that was refused, and how often a list was hashed meanwhile.
#[track_caller]
fn refusal(context: &Context, chain: &str, key: &str) -> (CertificateProblem, usize) {
    let (verdict, hashed) = count(|| meet_at(context, chain, key));
    (TlsError::certificate(&verdict.unwrap_err()).unwrap().clone(), hashed)
}

#[test]
fn a_list_is_hashed_once_for_each_key_and_never_for_a_key_that_nobody_vouches_for() {
    let [root, between, client, forger] = [(); 4].map(|()| DraftKey::new());
    let lists = long_list("Club", &root) + &long_list("Between", &between);
    let key = private(&client);
    let leaf = |serial: u8, issuer: &str, by: &DraftKey| leaf(serial, issuer, &client, by);
    let (context, hashed) = count(|| build(&authority("Club", "Club", &root, &root), &lists));
    assert_eq!(hashed, 1, "the root's list, with the root's key");

    let between_by_root = authority("Between", "Club", &between, &root);
    let namesakes = |name: &str| -> String {
        (0..8).map(|_| authority(name, "Another", &DraftKey::new(), &forger)).collect::<Vec<_>>().concat()
    };
    let above = DraftKey::new();
    let chained = [
        leaf(7, "Between", &forger),
        authority("Between", "Between", &forger, &above),
        authority("Between", "Club", &above, &forger),
    ];
    for (name, chain) in [
        ("the root's name", leaf(7, "Club", &forger)),
        ("the root's name, and others that have it", leaf(7, "Club", &forger) + &namesakes("Club")),
        ("an authority's name", leaf(7, "Between", &forger) + &between_by_root + &namesakes("Between")),
        ("keys that sign each other", chained.concat()),
    ] {
        let (problem, hashed) = refusal(&context, &chain, &key);
        assert!(*problem.fault() != CertificateFault::Revoked, "{name}: {problem}");
        assert_eq!(hashed, 0, "{name}");
    }

    let good = leaf(7, "Between", &between) + &between_by_root;
    for expected in [1, 0, 0] {
        let (verdict, hashed) = count(|| meet_at(&context, &good, &key));
        verdict.unwrap();
        assert_eq!(hashed, expected);
    }
    for chain in [leaf(9, "Between", &between) + &between_by_root, leaf(9, "Club", &root)] {
        let (problem, hashed) = refusal(&context, &chain, &key);
        assert_eq!((problem.fault(), hashed), (&CertificateFault::Revoked, 0));
    }
}

/// The name with other capitals for each number.
fn capitalised(name: &str, number: usize) -> String {
    let letters = name.to_lowercase();
    letters.char_indices().map(|(at, one)| if number >> at & 1 == 1 { one.to_ascii_uppercase() } else { one }).collect()
}

/// Each signature is good, up to the root.
#[test]
fn no_list_is_hashed_for_a_client_whose_chain_is_not_good() {
    let [root, between, client, member] = [(); 4].map(|()| DraftKey::new());
    let context = build(&authority("Club", "Club", &root, &root), &long_list("Between", &between));
    // What a client of the root has signed, who is no authority.
    let mut chained = armour("CERTIFICATE", &Draft::new("Member", "Club", &member).sign(&root));
    let (mut name, mut by) = ("Member".to_owned(), member);
    for number in 0..5 {
        let (below, key) = (capitalised("Between", number), DraftKey::new());
        chained = authority(&below, &name, &key, &by) + &chained;
        (name, by) = (below, key);
    }
    let chained = leaf(7, &name, &client, &by) + &chained;
    let before = |year: u16| (GENERALIZED_TIME, format!("{year}0101000000Z"));
    let old = DraftKey::new();
    let expired =
        Draft { not_before: before(2001), not_after: before(2002), ..Draft::authority("Between", "Club", &old) };
    let expired = leaf(7, "Between", &client, &old) + &armour("CERTIFICATE", &expired.sign(&root));
    for (name, chain) in [("no authority", chained), ("expired", expired)] {
        let (problem, hashed) = refusal(&context, &chain, &private(&client));
        assert!(problem.fault().check() != CertificateCheck::Revocation, "{name}: {problem}");
        assert_eq!(hashed, 0, "{name}");
    }
}

#[test]
fn a_list_whose_signer_is_known_is_hashed_for_no_other_key_of_its_issuers_name() {
    let [root, between, client, other] = [(); 4].map(|()| DraftKey::new());
    let context = build(&authority("Club", "Club", &root, &root), &long_list("Between", &between));
    let good = leaf(7, "Between", &client, &between) + &authority("Between", "Club", &between, &root);
    let meet = || count(|| meet_at(&context, &good, &private(&client)).unwrap()).1;
    assert_eq!(meet(), 1);
    let other_by_root = authority("Other", "Club", &other, &root);
    for _ in 0..20 {
        let namesake = DraftKey::new();
        let chain = leaf(7, "Between", &client, &namesake) + &authority("Between", "Other", &namesake, &other);
        let (problem, hashed) = refusal(&context, &(chain + &other_by_root), &private(&client));
        let issuer = Some("CN=Between".to_owned());
        assert_eq!((problem.fault(), hashed), (&CertificateFault::RevocationListBadSignature { issuer }, 0));
    }
    assert_eq!(meet(), 0);
}

#[test]
fn a_handshake_has_lists_checked_with_a_bounded_number_of_new_keys() {
    const WAYS: usize = 15;
    let [root, between, client, stranger] = [(); 4].map(|()| DraftKey::new());
    let (mut lists, mut chain) = (String::new(), leaf(7, "Between", &client, &between));
    for number in 0..WAYS {
        let (name, key) = (format!("Above {number}"), DraftKey::new());
        lists += &long_list(&name, if number + 1 == WAYS { &key } else { &stranger });
        chain += &authority("Between", &name, &between, &key);
        chain += &authority(&name, "Club", &key, &root);
    }
    let context = build(&authority("Club", "Club", &root, &root), &lists);
    let (problem, hashed) = refusal(&context, &chain, &private(&client));
    let issuer = Some("CN=Above 0".to_owned());
    assert_eq!((problem.fault(), hashed), (&CertificateFault::RevocationListBadSignature { issuer }, 12));
    assert!(problem.explanation().incomplete);
    // By now those are known, and the last way is good.
    let (verdict, hashed) = count(|| meet_at(&context, &chain, &private(&client)));
    verdict.unwrap();
    assert_eq!(hashed, WAYS - 12);
}
