//! How often a whole revocation list is hashed: it may have many megabytes, and a loop waits meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lem_ssl_rs::{CertificateFault, Context, RevocationLists, Roots, TlsError, danger};
use lem_ssl_tests::pki::draft::{Draft, DraftKey, UTF8_STRING, revocation_list};
use rustls::SignatureScheme;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm};

use crate::support::{armour, meet_at, server};

/// The lists here are longer, and no certificate is.
const LONG: usize = 40_000;

/// How many signatures of something long were checked.
static HASHED: AtomicUsize = AtomicUsize::new(0);

#[derive(Debug)]
struct Counting(&'static dyn SignatureVerificationAlgorithm);

impl SignatureVerificationAlgorithm for Counting {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        HASHED.fetch_add(usize::from(message.len() > LONG), Ordering::SeqCst);
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
    let before = HASHED.load(Ordering::SeqCst);
    let value = act();
    (value, HASHED.load(Ordering::SeqCst) - before)
}

#[test]
fn a_list_is_hashed_once_for_each_key_and_never_for_a_key_that_nobody_vouches_for() {
    let [root, between, client, forger] = [(); 4].map(|()| DraftKey::new());
    let authority = |subject: &str, issuer: &str, key: &DraftKey, by: &DraftKey| {
        armour("CERTIFICATE", &Draft::authority(subject, issuer, key).sign(by))
    };
    let leaf = |serial: u8, issuer: &str, by: &DraftKey| {
        let draft = Draft { serial, ..Draft::leaf(&["client.test"], issuer, &client) };
        armour("CERTIFICATE", &draft.sign(by))
    };
    let stranger = Draft { serial: 9, ..Draft::leaf(&["stranger.test"], "Club", &client) };
    let long = vec![&stranger; LONG / 20];
    let lists = [("Club", &root), ("Between", &between)]
        .map(|(name, key)| armour("X509 CRL", &revocation_list(name, UTF8_STRING, &long, key)));
    let key = armour("PRIVATE KEY", client.private().secret_der());
    let build = || -> Context {
        danger::provider(server(), counting())
            .client_roots(Roots::Pem(authority("Club", "Club", &root, &root).into()))
            .revocation_lists(RevocationLists::Pem(lists.concat().into()))
            .build()
            .unwrap()
    };
    let (context, hashed) = count(build);
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
        let (verdict, hashed) = count(|| meet_at(&context, &chain, &key));
        let error = verdict.unwrap_err();
        let fault = TlsError::certificate(&error).unwrap().fault().clone();
        assert!(!matches!(fault, CertificateFault::Revoked), "{name}: {fault:?}");
        assert_eq!(hashed, 0, "{name}");
    }

    let good = leaf(7, "Between", &between) + &between_by_root;
    for expected in [1, 0, 0] {
        let (verdict, hashed) = count(|| meet_at(&context, &good, &key));
        verdict.unwrap();
        assert_eq!(hashed, expected);
    }
    for chain in [leaf(9, "Between", &between) + &between_by_root, leaf(9, "Club", &root)] {
        let (verdict, hashed) = count(|| meet_at(&context, &chain, &key));
        assert_eq!(*TlsError::certificate(&verdict.unwrap_err()).unwrap().fault(), CertificateFault::Revoked);
        assert_eq!(hashed, 0);
    }
}
