//! Whom roots may be.

use lem_ssl_rs::{Context, ContextBuilder, Roots, TlsError};
use lem_ssl_tests::pki::draft::{Draft, DraftKey, GENERALIZED_TIME, SEQUENCE, UTC_TIME, element};
use lem_ssl_tests::pki::{Authority, Leaf, self_signed};
use rustls::pki_types::CertificateDer;

use crate::support::{armour, pki, says, server};

const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 19];

/// Every place that takes roots, with these.
fn builders(roots: &Roots) -> [ContextBuilder; 2] {
    [Context::builder().roots(roots.clone()), server().client_roots(roots.clone())]
}

/// In PEM behind a good one, and in DER.
fn forms(der: &CertificateDer<'static>) -> [(Roots, String); 2] {
    let good = pki().root.certificate_pem();
    let line = format!("certificate number 2 in the PEM text, line {},", good.lines().count() + 1);
    let pem = Roots::Pem((good + &armour("CERTIFICATE", der)).into());
    [(pem, line), (Roots::Der(vec![der.clone()]), "certificate number 1 in the DER given".to_owned())]
}

#[test]
fn a_certificate_that_another_has_issued_to_no_authority_does_not_become_one() {
    let (root, leaf) = (DraftKey::new(), DraftKey::new());
    let draft = Draft::leaf(&["localhost"], "Above", &leaf);
    let cases = [
        ("a leaf", Authority::new("Above").issue(Leaf::server(&["localhost"])).chain_der[0].clone(), "localhost"),
        ("it does not say", draft.sign(&root), "leaf"),
        ("CA:FALSE", draft.clone().with(BASIC_CONSTRAINTS, true, &element(SEQUENCE, &[])).sign(&root), "leaf"),
        (
            "CA:FALSE in full",
            draft.clone().with(BASIC_CONSTRAINTS, true, &element(SEQUENCE, &[1, 1, 0])).sign(&root),
            "leaf",
        ),
        ("version 1", Draft { version: 1, extensions: Vec::new(), ..draft.clone() }.sign(&root), "leaf"),
    ];
    for (name, der, subject) in cases {
        for (roots, which) in forms(&der) {
            for builder in builders(&roots) {
                let error = builder.build().err().unwrap_or_else(|| panic!("{name}: it was taken"));
                assert!(matches!(TlsError::of(&error), Some(TlsError::Config(_))), "{name}: {error:?}");
                let subject = format!("(CN={subject}) is not an authority's (CA:TRUE is missing)");
                says(name, &error.to_string(), &[&which, &subject, "give the certificate of its issuer (CN=Above)"]);
            }
        }
    }
}

/// Ends of validity that our reader of dates refuses.
const ODD_DATES: [(u8, &str); 3] =
    [(UTC_TIME, "4501010000Z"), (UTC_TIME, "451301000000Z"), (GENERALIZED_TIME, "20450101000000+0100")];

fn ending(draft: &Draft, (tag, date): (u8, &str)) -> Draft {
    Draft { not_after: (tag, date.into()), ..draft.clone() }
}

#[test]
fn a_certificate_of_which_nobody_can_tell_whether_it_is_an_authoritys_does_not_become_one() {
    let (root, leaf) = (DraftKey::new(), DraftKey::new());
    let draft = Draft::leaf(&["localhost"], "Above", &leaf);
    let odd = |name, value: &[u8]| (name, draft.clone().with(BASIC_CONSTRAINTS, true, value).sign(&root));
    for (name, der) in [
        odd("no constraints", &[4, 0]),
        odd("constraints that are cut off", &[0x30, 3, 1, 1]),
        odd("an empty truth value", &element(SEQUENCE, &[1, 0])),
        odd("a truth value of two bytes", &element(SEQUENCE, &[1, 2, 0xff, 0xff])),
    ] {
        for (roots, which) in forms(&der) {
            for builder in builders(&roots) {
                let error = builder.build().err().unwrap_or_else(|| panic!("{name}: it was taken"));
                says(name, &error.to_string(), &[&which, "(CN=leaf) "]);
            }
        }
    }
}

#[test]
fn odd_dates_make_no_authority_of_a_certificate_that_is_none() {
    let (root, leaf) = (DraftKey::new(), DraftKey::new());
    let draft = Draft::leaf(&["localhost"], "Above", &leaf);
    for date in ODD_DATES {
        for (roots, which) in forms(&ending(&draft, date).sign(&root)) {
            for builder in builders(&roots) {
                let error = builder.build().err().unwrap_or_else(|| panic!("{date:?}: it was taken"));
                says(date.1, &error.to_string(), &[&which, "(CN=leaf) is not an authority's (CA:TRUE is missing)"]);
            }
        }
    }
}

#[test]
fn odd_dates_of_a_root_do_not_count() {
    let key = DraftKey::new();
    let old = Draft { version: 1, ..Draft::new("Old", "Old", &key) };
    let cross_signed = Draft::authority("Between", "Above", &key);
    for draft in [old, Draft::authority("Club", "Club", &key), cross_signed] {
        for date in ODD_DATES {
            for (roots, _) in forms(&ending(&draft, date).sign(&key)) {
                for builder in builders(&roots) {
                    builder.build().unwrap_or_else(|error| panic!("{date:?}: {error}"));
                }
            }
        }
    }
}

#[test]
fn authorities_and_certificates_that_are_their_own_issuers_are_taken() {
    let (root, key) = (Authority::new("Above"), DraftKey::new());
    let between = root.intermediate("Between");
    let cases = [
        ("a root", root.certificate_der().clone()),
        ("an intermediate", between.certificate_der().clone()),
        ("a self-signed server", self_signed(Leaf::server(&["localhost"])).chain_der[0].clone()),
        ("an old root", Draft { version: 1, ..Draft::new("Old", "Old", &key) }.sign(&key)),
    ];
    for (name, der) in cases {
        for (roots, _) in forms(&der) {
            for builder in builders(&roots) {
                builder.build().unwrap_or_else(|error| panic!("{name}: {error}"));
            }
        }
    }
}
