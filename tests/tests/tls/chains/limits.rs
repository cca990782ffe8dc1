//! Chains that are made to cost something, or to be read wrongly.

use lem_ssl_rs::{CertificateCheck, CertificateFault, Context, Roots, TlsError, Version, danger};
use lem_ssl_tests::pki::draft::{Draft, DraftKey};
use lem_ssl_tests::pki::{Authority, Leaf};
use lem_ssl_tests::plain::foreign;
use rustls::pki_types::CertificateDer;

use super::kit::{Kit, accepted};
use super::{Case, Shown, shown, shown_to};
use crate::support::{provider, run, says, tls};

fn trusting(roots: Vec<CertificateDer<'static>>) -> Context {
    danger::provider(Context::builder(), provider()).roots(Roots::Der(roots)).build().unwrap()
}

/// All authorities have one of two names and issue each other: the ways between them are more than could ever be gone.
#[test]
fn of_ways_without_end_some_are_looked_at_and_that_is_said() {
    let kit = Kit::new();
    let keys: Vec<DraftKey> = (0..60).map(|_| DraftKey::new()).collect();
    let mut chain = vec![Draft::leaf(&["localhost"], "A", &kit.leaf).sign(&keys[0])];
    for (at, key) in keys.iter().enumerate() {
        let (own, other) = if at % 2 == 0 { ("A", "B") } else { ("B", "A") };
        chain.push(Draft::authority(own, other, key).sign(&keys[0]));
    }
    let explanation = trusting(vec![kit.root()]).explain(&chain, "localhost").unwrap();
    assert!(explanation.incomplete);
    assert_eq!(explanation.findings[0].fault, CertificateFault::TooComplex { presented: 61 });
    let good = vec![kit.below().sign(&kit.middle), kit.middle().sign(&kit.root)];
    assert!(!trusting(vec![kit.root()]).explain(&good, "localhost").unwrap().incomplete);
}

/// An authority that has changed its key often, and kept its name: each root of that name is one more way.
#[test]
fn of_many_roots_of_one_name_the_one_that_has_signed_is_found() {
    run(async {
        for intermediates in [0, 1, 3] {
            let kit = Kit::new();
            let keys = (0..40).map(|_| DraftKey::new());
            let others = keys.map(|key| Draft::authority("Root", "Root", &key).sign(&key));
            let roots: Vec<_> = others.chain([kit.root()]).collect();
            let [upper, lower] = [(); 2].map(|()| DraftKey::new());
            let chain = match intermediates {
                0 => vec![kit.leaf().sign(&kit.root)],
                1 => vec![kit.below().sign(&kit.middle), kit.middle().sign(&kit.root)],
                _ => vec![
                    kit.below().sign(&kit.middle),
                    Draft { issuer: "Lower".into(), ..kit.middle() }.sign(&lower),
                    Draft::authority("Lower", "Upper", &lower).sign(&upper),
                    Draft::authority("Upper", "Root", &upper).sign(&kit.root),
                ],
            };
            let explanation = trusting(roots.clone()).explain(&chain, "localhost").unwrap();
            assert_eq!((explanation.incomplete, explanation.findings), (false, Vec::new()), "{intermediates}");
            let case = Case { roots, ..kit.case("many roots of one name", chain, accepted(&[])) };
            for by in [Shown::ByServer, Shown::ByClient] {
                let (result, _) = shown(&case, by, Version::Tls13).await;
                result.unwrap();
            }
        }
    });
}

/// So many roots are no reason to look no further.
#[test]
fn of_a_chain_below_many_roots_of_one_name_the_bad_signature_is_named() {
    let kit = Kit::new();
    let roots = (0..41).map(|_| DraftKey::new()).map(|key| Draft::authority("Root", "Root", &key).sign(&key));
    let between = |key: &DraftKey| Draft::authority("Middle", "Root", key).sign(&kit.root);
    let of_another = vec![kit.below().sign(&kit.middle), between(&kit.leaf), between(&kit.root)];
    let explanation = trusting(roots.chain([kit.root()]).collect()).explain(&of_another, "localhost").unwrap();
    let fault = CertificateFault::BadSignature { issuer: Some("CN=Middle".to_owned()) };
    assert_eq!(explanation.findings.first().map(|finding| (&finding.fault, finding.position)), Some((&fault, Some(0))));
    assert!(!explanation.incomplete);
}

#[test]
fn no_changed_byte_and_no_end_in_the_middle_is_explained_by_a_panic_or_in_foreign_words() {
    let kit = Kit::new();
    let context = trusting(vec![kit.root()]);
    let good =
        [kit.below().sign(&kit.middle), kit.middle().with_constraints(&[(0x82, b"localhost")], &[]).sign(&kit.root)];
    assert_eq!(context.explain(&good, "localhost").unwrap().findings, []);
    let explain = |at: usize, changed: Vec<u8>| {
        let mut chain = good.clone();
        chain[at] = changed.into();
        context.explain(&chain, "localhost").unwrap()
    };
    for (at, whole) in good.iter().enumerate() {
        for end in 0..whole.len() {
            let explanation = explain(at, whole[..end].to_vec());
            assert_eq!(explanation.findings[0].check(), CertificateCheck::Format, "{at}, {end}");
            assert_eq!(explanation.findings[0].position, Some(at));
        }
        for place in 0..whole.len() {
            let mut changed = whole.to_vec();
            changed[place] ^= 0x21;
            let explanation = explain(at, changed);
            assert!(!explanation.findings.is_empty(), "{at}, {place}");
            for finding in explanation.findings {
                assert_eq!(foreign(&finding.to_string()), None);
            }
        }
    }
}

#[test]
fn an_empty_chain_has_nothing_to_explain_and_a_name_must_be_one() {
    let context = trusting(vec![Kit::new().root()]);
    assert_eq!(context.explain(&[], "localhost").unwrap().path, [0; 0]);
    assert!(matches!(tls(&context.explain(&[], "no name").unwrap_err()), TlsError::Config(_)));
    let nobody = Context::builder().roots(Roots::None).build().unwrap();
    assert!(matches!(tls(&nobody.explain(&[], "localhost").unwrap_err()), TlsError::Config(_)));
}

/// Who accepts any certificate still wants to know that the peer has its key, and is told so in the same words.
#[test]
fn a_key_that_does_not_go_with_the_certificate_is_told_even_if_any_certificate_is_accepted() {
    run(async {
        let mut kit = Kit::new();
        let stolen = vec![kit.leaf().sign(&kit.root)];
        kit.leaf = DraftKey::new();
        let case = kit.case("a certificate of somebody else's", stolen, accepted(&[0]));
        for version in [Version::Tls12, Version::Tls13] {
            let any =
                danger::accept_any_certificate(danger::provider(Context::builder(), provider()), "a test").unwrap();
            let (result, _) = shown_to(any.build().unwrap(), &case, version).await;
            let error = result.unwrap_err();
            let problem = TlsError::certificate(&error).unwrap();
            assert_eq!((problem.fault(), problem.position()), (&CertificateFault::BadHandshakeSignature, Some(0)));
            says(&error, &["(CN=leaf) does not go with the key that signed the handshake"]);
        }
    });
}

/// A list of an intermediate is checked when it is needed. If it cannot be relied on, nobody broke a protocol.
#[test]
fn a_revocation_list_that_is_signed_with_another_key_is_told_as_such() {
    run(async {
        let root = Authority::new("Root");
        let issued = root.intermediate("Middle").issue(Leaf::client(&["me.test"]));
        let lists = root.intermediate("Middle").revocation_list_pem(&[]);
        let roots = vec![root.certificate_der().clone()];
        let case = Case {
            what: "a list of another key",
            chain: issued.chain_der,
            key: DraftKey::new(),
            roots,
            name: "localhost",
            lists: Some(lists),
            expected: accepted(&[0, 1]),
        };
        let (result, alert) = shown(&case, Shown::ByClient, Version::Tls13).await;
        let error = result.unwrap_err();
        let problem = TlsError::certificate(&error).unwrap();
        let fault = CertificateFault::RevocationListBadSignature { issuer: Some("CN=Middle".to_owned()) };
        assert_eq!((problem.fault(), problem.position()), (&fault, Some(0)));
        let words =
            ["the peer's certificate (CN=me.test) may have been revoked", "our revocation list of \"CN=Middle\""];
        says(&error, &words);
        // Not that its authority is unknown, which would send people to the wrong place.
        assert_eq!(alert, Some(rustls::Error::AlertReceived(rustls::AlertDescription::CertificateUnknown)));
    });
}
