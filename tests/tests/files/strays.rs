//! Certificates that a client shows beside its way to a trusted root: what our lists say of them counts for nobody.

use lem_ssl_rs::{CertificateFault, Error, TlsError};
use lem_ssl_tests::pki::draft::{Draft, DraftKey, PRINTABLE_STRING, UTF8_STRING, revocation_list};

use crate::support::{armour, meet};

fn list(issuer: &str, issuer_type: u8, revoked: &[&Draft], key: &DraftKey) -> String {
    armour("X509 CRL", &revocation_list(issuer, issuer_type, revoked, key))
}

/// A client of `Between`, which `Club` and `Other` have issued a certificate for.
struct Crossed {
    keys: [DraftKey; 4],
}

impl Crossed {
    fn new() -> Self {
        Self { keys: [(); 4].map(|()| DraftKey::new()) }
    }

    fn root(&self, name: &str) -> String {
        let key = self.key_of(name);
        armour("CERTIFICATE", &Draft::authority(name, name, key).sign(key))
    }

    fn key_of(&self, root: &str) -> &DraftKey {
        &self.keys[usize::from(root == "Other")]
    }

    /// The certificate of `Between` that this root has issued.
    fn between(&self, root: &str) -> Draft {
        Draft { serial: if root == "Other" { 9 } else { 8 }, ..Draft::authority("Between", root, &self.keys[2]) }
    }

    fn meet(&self, roots: &[&str], lists: &str, crosses: &[&str]) -> Result<(), Error> {
        let roots: Vec<String> = roots.iter().map(|root| self.root(root)).collect();
        let leaf = Draft::leaf(&["client.test"], "Between", &self.keys[3]).sign(&self.keys[2]);
        let mut chain = armour("CERTIFICATE", &leaf);
        for root in crosses {
            chain += &armour("CERTIFICATE", &self.between(root).sign(self.key_of(root)));
        }
        meet(&roots.concat(), lists, &chain, &armour("PRIVATE KEY", self.keys[3].private().secret_der()))
    }
}

#[track_caller]
fn fault(verdict: Result<(), Error>) -> CertificateFault {
    let error = verdict.expect_err("the client was accepted");
    TlsError::certificate(&error).unwrap_or_else(|| panic!("{error:?}")).fault().clone()
}

#[test]
fn a_list_of_an_issuer_beside_the_way_refuses_nobody_however_it_writes_the_name() {
    let crossed = Crossed::new();
    let stray = crossed.between("Other");
    for string_type in [UTF8_STRING, PRINTABLE_STRING] {
        for revoked in [&[][..], &[&stray][..]] {
            let lists = list("Other", string_type, revoked, crossed.key_of("Other"));
            for crosses in [&["Club", "Other"], &["Other", "Club"]] {
                crossed.meet(&["Club"], &lists, crosses).unwrap();
            }
        }
    }
}

#[test]
fn strays_use_up_nothing_that_a_client_needs() {
    let crossed = Crossed::new();
    let club = list("Between", UTF8_STRING, &[], &crossed.keys[2]);
    let lists = club + &list("Other", PRINTABLE_STRING, &[], crossed.key_of("Other"));
    let leaf = Draft::leaf(&["client.test"], "Between", &crossed.keys[3]).sign(&crossed.keys[2]);
    let mut chain = armour("CERTIFICATE", &leaf);
    for _ in 0..14 {
        let key = DraftKey::new();
        chain += &armour("CERTIFICATE", &Draft::authority("Other", "Other", &key).sign(&key));
    }
    chain += &armour("CERTIFICATE", &crossed.between("Club").sign(crossed.key_of("Club")));
    let key = armour("PRIVATE KEY", crossed.keys[3].private().secret_der());
    meet(&crossed.root("Club"), &lists, &chain, &key).unwrap();
}

#[test]
fn a_client_is_refused_only_if_the_lists_speak_against_every_way() {
    let crossed = Crossed::new();
    let by = |root: &str, revoked: &[&Draft]| list(root, UTF8_STRING, revoked, crossed.key_of(root));
    let [of_club, of_other] = ["Club", "Other"].map(|root| crossed.between(root));
    let both = ["Club", "Other"];
    for crosses in [["Club", "Other"], ["Other", "Club"]] {
        for (club, other) in [(&[&of_club][..], &[][..]), (&[][..], &[&of_other][..])] {
            // Several lists of one issuer do not let the one way pass for the one list and the other way for the other.
            let lists = by("Club", club) + &by("Club", &[]) + &by("Other", other) + &by("Other", &[]);
            crossed.meet(&both, &lists, &crosses).unwrap();
        }
        let lists = by("Club", &[&of_club]) + &by("Other", &[&of_other]);
        assert_eq!(fault(crossed.meet(&both, &lists, &crosses)), CertificateFault::Revoked);
        let twice = by("Club", &[]) + &by("Other", &[]) + &lists;
        assert_eq!(fault(crossed.meet(&both, &twice, &crosses)), CertificateFault::Revoked);
    }
}

#[test]
fn of_several_ways_the_one_is_told_on_which_a_certificate_was_revoked() {
    let [root, one, other, between, client, stranger] = [(); 6].map(|()| DraftKey::new());
    let by = |serial: u8, name: &str| Draft { serial, ..Draft::authority("Between", name, &between) };
    let way = |draft: Draft, key: &DraftKey| -> String {
        let above = Draft::authority(&draft.issuer, "Club", key).sign(&root);
        armour("CERTIFICATE", &draft.sign(key)) + &armour("CERTIFICATE", &above)
    };
    let unknown = way(by(8, "One"), &one);
    let revoked = way(by(9, "Other"), &other);
    let lists = list("One", UTF8_STRING, &[], &stranger) + &list("Other", UTF8_STRING, &[&by(9, "Other")], &other);
    let leaf = armour("CERTIFICATE", &Draft::leaf(&["client.test"], "Between", &client).sign(&between));
    let roots = armour("CERTIFICATE", &Draft::authority("Club", "Club", &root).sign(&root));
    // Copies count where they stand.
    for (chain, path) in [([&revoked, &revoked, &unknown], [0, 1, 2]), ([&unknown, &unknown, &revoked], [0, 5, 6])] {
        let chain: String = std::iter::once(&leaf).chain(chain).map(String::as_str).collect();
        let error = meet(&roots, &lists, &chain, &armour("PRIVATE KEY", client.private().secret_der())).unwrap_err();
        let problem = TlsError::certificate(&error).unwrap();
        assert_eq!((problem.fault(), problem.position()), (&CertificateFault::Revoked, Some(path[1])));
        assert_eq!(problem.explanation().path, path);
        assert_eq!(problem.explanation().root.as_deref(), Some("CN=Club"));
    }
}
