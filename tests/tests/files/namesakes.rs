//! Authorities whose names are the same or say the same, and whose keys differ: whom their lists keep out.

use lem_ssl_rs::{CertificateFault, CertificateProblem, Error, TlsError};
use lem_ssl_tests::pki::draft::{Draft, DraftKey, GENERALIZED_TIME, PRINTABLE_STRING, UTF8_STRING, revocation_list};

use crate::support::{armour, meet, says};

/// A name, and the type of the string that it is written in.
type Name = (&'static str, u8);

const CLUB: Name = ("Club", UTF8_STRING);
const PRINTED: Name = ("Club", PRINTABLE_STRING);
const BETWEEN: Name = ("Between", UTF8_STRING);

fn root(name: Name, key: &DraftKey) -> String {
    authority(name, 7, (name, key), key)
}

fn authority((subject, subject_type): Name, serial: u8, by: (Name, &DraftKey), key: &DraftKey) -> String {
    let ((issuer, issuer_type), signer) = by;
    let draft = Draft { serial, subject_type, issuer_type, ..Draft::authority(subject, issuer, key) };
    armour("CERTIFICATE", &draft.sign(signer))
}

/// With these numbers on it.
fn list((issuer, issuer_type): Name, serials: &[u8], key: &DraftKey) -> String {
    let drafts: Vec<Draft> =
        serials.iter().map(|serial| Draft { serial: *serial, ..Draft::authority("Any", "Any", key) }).collect();
    armour("X509 CRL", &revocation_list(issuer, issuer_type, &drafts.iter().collect::<Vec<_>>(), key))
}

/// What comes of a client with this number that this authority has issued, and that shows these certificates.
fn verdict(roots: &str, lists: &str, serial: u8, by: (Name, &DraftKey), shown: &str) -> Result<(), Error> {
    let ((issuer, issuer_type), signer) = by;
    let client = DraftKey::new();
    let draft = Draft { serial, issuer_type, ..Draft::leaf(&["client.test"], issuer, &client) };
    let chain = armour("CERTIFICATE", &draft.sign(signer)) + shown;
    meet(roots, lists, &chain, &armour("PRIVATE KEY", client.private().secret_der()))
}

#[track_caller]
fn refusal(verdict: Result<(), Error>) -> CertificateProblem {
    let error = verdict.expect_err("the client was accepted");
    TlsError::certificate(&error).unwrap_or_else(|| panic!("{error:?}")).clone()
}

#[track_caller]
fn is_of_another(verdict: Result<(), Error>, issuer: &str) {
    let fault = CertificateFault::RevocationListOfAnother { issuer: Some(issuer.to_owned()) };
    assert_eq!(*refusal(verdict).fault(), fault);
}

#[test]
fn a_roots_new_key_lists_clients_of_its_old_one_however_it_writes_its_name() {
    let [old, new] = [(); 2].map(|()| DraftKey::new());
    for name in [CLUB, PRINTED, ("CLUB", UTF8_STRING)] {
        let roots = root(PRINTED, &old) + &root(name, &new);
        let of_new = list(name, &[9], &new);
        for lists in [of_new.clone(), list(PRINTED, &[], &old) + &of_new] {
            is_of_another(verdict(&roots, &lists, 9, (PRINTED, &old), ""), "CN=Club");
            verdict(&roots, &lists, 8, (PRINTED, &old), "").unwrap();
        }
    }
}

#[test]
fn a_roots_list_counts_for_the_clients_of_an_intermediate_whose_name_is_nearly_the_roots() {
    let [above, between] = [(); 2].map(|()| DraftKey::new());
    let (roots, lists) = (root(CLUB, &above), list(CLUB, &[9], &above));
    let shown = authority(PRINTED, 7, (CLUB, &above), &between);
    is_of_another(verdict(&roots, &lists, 9, (PRINTED, &between), &shown), "CN=Club");
    verdict(&roots, &lists, 8, (PRINTED, &between), &shown).unwrap();
}

#[test]
fn the_list_of_an_intermediates_new_key_counts_for_clients_of_its_old_one() {
    let [above, old, new] = [(); 3].map(|()| DraftKey::new());
    let roots = root(CLUB, &above);
    let shown = authority(BETWEEN, 7, (CLUB, &above), &old);
    let (last, current) = (list(BETWEEN, &[], &old), list(BETWEEN, &[9], &new));
    for lists in [format!("{last}{current}"), format!("{current}{last}")] {
        is_of_another(verdict(&roots, &lists, 9, (BETWEEN, &old), &shown), "CN=Between");
        verdict(&roots, &lists, 8, (BETWEEN, &old), &shown).unwrap();
    }
    // What its own key has signed says more.
    let own = list(BETWEEN, &[9], &old);
    for lists in [format!("{own}{current}"), format!("{current}{own}")] {
        let problem = refusal(verdict(&roots, &lists, 9, (BETWEEN, &old), &shown));
        assert_eq!(*problem.fault(), CertificateFault::Revoked);
    }
}

#[test]
fn a_number_on_the_list_of_another_root_of_the_name_is_not_told_as_revoked_by_the_issuer() {
    let [one, other] = [(); 2].map(|()| DraftKey::new());
    let roots = root(CLUB, &one) + &root(CLUB, &other);
    let error = verdict(&roots, &list(CLUB, &[9], &one), 9, (CLUB, &other), "").unwrap_err().to_string();
    says("list", &error, &["our revocation list of \"CN=Club\"", "another key than its issuer's has signed"]);
    assert!(!error.contains("was revoked"), "{error}");
}

#[test]
fn a_key_that_is_no_roots_does_not_pass_for_one_of_several_roots_of_its_name() {
    let [one, other, third] = [(); 3].map(|()| DraftKey::new());
    let lists = [list(CLUB, &[], &one), list(CLUB, &[], &other)];
    let [first, second] = [root(CLUB, &one), root(CLUB, &other)];
    let shown = authority(CLUB, 7, (CLUB, &other), &third);
    for (roots, lists) in
        [(first.clone() + &second, lists.concat()), (first + &second, lists[1].clone()), (second, lists[1].clone())]
    {
        let problem = refusal(verdict(&roots, &lists, 8, (CLUB, &third), &shown));
        assert_eq!(*problem.fault(), CertificateFault::RevocationUnknown);
        verdict(&roots, &lists, 8, (CLUB, &other), "").unwrap();
    }
}

/// webpki checks 100 signatures.
#[test]
fn a_refusal_tells_that_ways_were_left_out_after_too_many_signatures() {
    let (keys, between) = ([(); 8].map(|()| DraftKey::new()), DraftKey::new());
    let roots: String = keys.iter().map(|key| root(CLUB, key)).collect();
    let issuer = &keys[7];
    for (ways, incomplete) in [(2, false), (24, true)] {
        let mut shown = String::new();
        for year in 0..ways {
            let not_before = (GENERALIZED_TIME, format!("{}0101000000Z", 1990 + year));
            let draft = Draft { serial: 9, not_before, ..Draft::authority("Between", "Club", &between) };
            shown += &armour("CERTIFICATE", &draft.sign(issuer));
        }
        let problem = refusal(verdict(&roots, &list(CLUB, &[9], issuer), 8, (BETWEEN, &between), &shown));
        let told = (problem.fault(), problem.explanation().incomplete);
        assert_eq!(told, (&CertificateFault::Revoked, incomplete), "{ways}");
    }
}
