//! Names of authorities that say the same and are written in different ways: to webpki they are different names.

use lem_ssl_rs::{CertificateFault, Error, RevocationLists, Roots, TlsError};
use lem_ssl_tests::pki::draft::{Draft, DraftKey, PRINTABLE_STRING, UTF8_STRING, revocation_list};
use rustls::pki_types::CertificateDer;

use crate::support::{armour, meet, says, server};

fn certificate(der: &CertificateDer<'static>) -> String {
    armour("CERTIFICATE", der)
}

fn list(issuer: &str, issuer_type: u8, revoked: &[&Draft], key: &DraftKey) -> String {
    armour("X509 CRL", &revocation_list(issuer, issuer_type, revoked, key))
}

/// A root, an intermediate and two clients of it: the names in the certificates are of the type `UTF8String`.
struct Club {
    root: DraftKey,
    between: DraftKey,
    client: DraftKey,
    /// With the number 7.
    listed: Draft,
    /// With the number 8.
    neighbour: Draft,
}

impl Club {
    fn new() -> Self {
        let [root, between, client] = [(); 3].map(|()| DraftKey::new());
        let listed = Draft::leaf(&["client.test"], "Between", &client);
        let neighbour = Draft { serial: 8, ..listed.clone() };
        Self { root, between, client, listed, neighbour }
    }

    fn roots(&self) -> String {
        certificate(&Draft::authority("Club", "Club", &self.root).sign(&self.root))
    }

    fn meet(&self, lists: &str, client: &Draft) -> Result<(), Error> {
        let between = Draft::authority("Between", "Club", &self.between).sign(&self.root);
        let chain = certificate(&client.sign(&self.between)) + &certificate(&between);
        self.meet_with(&self.roots(), lists, &chain)
    }

    fn meet_with(&self, roots: &str, lists: &str, chain: &str) -> Result<(), Error> {
        meet(roots, lists, chain, &armour("PRIVATE KEY", self.client.private().secret_der()))
    }

    fn refusal(&self, lists: &str) -> String {
        let lists = RevocationLists::Pem(lists.into());
        let builder = server().client_roots(Roots::Pem(self.roots().into())).revocation_lists(lists);
        builder.build().expect_err("the list was taken").to_string()
    }
}

#[track_caller]
fn fault(verdict: Result<(), Error>) -> CertificateFault {
    let error = verdict.expect_err("the client was accepted");
    TlsError::certificate(&error).unwrap_or_else(|| panic!("{error:?}")).fault().clone()
}

fn rewritten(issuer: &str) -> CertificateFault {
    CertificateFault::RevocationListRewritten { issuer: Some(issuer.to_owned()) }
}

#[test]
fn a_list_that_writes_its_roots_name_in_another_way_is_told_when_the_context_is_built() {
    let club = Club::new();
    for (name, string_type) in [
        ("Club", PRINTABLE_STRING),
        ("Club", 0x14),
        ("Club", 0x16),
        ("CLUB", UTF8_STRING),
        ("club", PRINTABLE_STRING),
        (" Club ", UTF8_STRING),
    ] {
        let good = list("Club", UTF8_STRING, &[], &club.root);
        let line = format!("line {}: ", good.lines().count() + 1);
        let error = club.refusal(&(good + &list(name, string_type, &[], &club.root)));
        let words = "writes its issuer's name in another way than the root's certificate";
        says(name, &error, &[&line, "the revocation list of CN=", words, "its issuer has to issue it again"]);
    }
}

#[test]
fn a_list_with_a_name_like_a_roots_that_another_key_has_signed_is_taken_and_lets_nobody_pass_unknown() {
    let (club, other) = (Club::new(), DraftKey::new());
    let direct = certificate(&Draft { issuer: "Club".into(), ..club.neighbour.clone() }.sign(&club.root));
    let own = list("Club", UTF8_STRING, &[], &club.root);
    for (name, string_type) in [("Club", PRINTABLE_STRING), ("CLUB", UTF8_STRING)] {
        // It may be a damaged one of the root.
        let like = list(name, string_type, &[], &other);
        assert_eq!(fault(club.meet_with(&club.roots(), &like, &direct)), rewritten("CN=Club"));
        club.meet_with(&club.roots(), &format!("{like}{own}"), &direct).unwrap();
    }
    // One of somebody else may be an intermediate's.
    let stranger = list("Klub", PRINTABLE_STRING, &[&club.neighbour], &other);
    club.meet(&stranger, &club.neighbour).unwrap();
}

#[test]
fn an_intermediate_whose_name_is_nearly_its_roots_has_a_list_of_its_own() {
    let club = Club::new();
    let own = list("Club", UTF8_STRING, &[], &club.root);
    for (name, string_type) in [("CLUB", UTF8_STRING), ("Club", PRINTABLE_STRING)] {
        let between = Draft { subject_type: string_type, ..Draft::authority(name, "Club", &club.between) };
        let between = certificate(&between.sign(&club.root));
        let lists = own.clone() + &list(name, string_type, &[&club.listed], &club.between);
        let meet = |client: &Draft| {
            let client = Draft { issuer: name.into(), issuer_type: string_type, ..client.clone() };
            club.meet_with(&club.roots(), &lists, &(certificate(&client.sign(&club.between)) + &between))
        };
        assert_eq!(fault(meet(&club.listed)), CertificateFault::Revoked);
        meet(&club.neighbour).unwrap();
    }
}

#[test]
fn an_authority_that_was_renamed_and_has_kept_its_key_has_a_list_with_its_new_name() {
    let club = Club::new();
    let bridge = certificate(&Draft::authority("Society", "Club", &club.root).sign(&club.root));
    let renamed = list("Society", UTF8_STRING, &[&club.listed], &club.root);
    let meet = |client: &Draft| {
        let client = Draft { issuer: "Society".into(), ..client.clone() };
        club.meet_with(&club.roots(), &renamed, &(certificate(&client.sign(&club.root)) + &bridge))
    };
    assert_eq!(fault(meet(&club.listed)), CertificateFault::Revoked);
    meet(&club.neighbour).unwrap();
}

#[test]
fn a_list_that_writes_an_intermediates_name_in_another_way_lets_none_of_its_clients_in() {
    let club = Club::new();
    let own = list("Between", UTF8_STRING, &[], &club.between);
    for (name, string_type) in [("Between", PRINTABLE_STRING), ("BETWEEN", UTF8_STRING)] {
        let renamed = list(name, string_type, &[&club.listed], &club.between);
        assert_eq!(fault(club.meet(&renamed, &club.listed)), CertificateFault::Revoked);
        assert_eq!(fault(club.meet(&renamed, &club.neighbour)), rewritten("CN=Between"));
        let error = club.meet(&renamed, &club.neighbour).unwrap_err().to_string();
        says(name, &error, &["\"CN=Between\" writes that name in another way than the certificate", "issue it again"]);
        // Each list of an issuer counts, and one that has its name is enough.
        assert_eq!(fault(club.meet(&format!("{own}{renamed}"), &club.listed)), CertificateFault::Revoked);
        club.meet(&format!("{own}{renamed}"), &club.neighbour).unwrap();
    }
}

#[test]
fn a_certificate_that_is_presented_and_in_no_use_keeps_nobody_out() {
    let club = Club::new();
    let own = list("Between", UTF8_STRING, &[], &club.between);
    let renamed = list("Sideways", PRINTABLE_STRING, &[], &club.between);
    let between = certificate(&Draft::authority("Between", "Club", &club.between).sign(&club.root));
    // Its issuer's list writes the name in another way.
    let beside = certificate(&Draft::authority("Beside", "Sideways", &club.between).sign(&club.between));
    let meet = |client: &Draft, above: &str| {
        let chain = certificate(&client.sign(&club.between)) + above;
        club.meet_with(&club.roots(), &format!("{own}{renamed}"), &chain)
    };
    meet(&club.listed, &format!("{between}{beside}")).unwrap();
    meet(&club.listed, &format!("{beside}{between}")).unwrap();
    // In use it does.
    let client = Draft { issuer: "Beside".into(), ..club.listed.clone() };
    let sideways = certificate(&Draft::authority("Sideways", "Club", &club.between).sign(&club.root));
    let own = list("Beside", UTF8_STRING, &[], &club.between);
    let chain = certificate(&client.sign(&club.between)) + &beside + &sideways;
    assert_eq!(fault(club.meet_with(&club.roots(), &(own + &renamed), &chain)), rewritten("CN=Sideways"));
}

#[test]
fn two_authorities_whose_names_say_the_same_have_a_list_each() {
    let (club, new) = (Club::new(), DraftKey::new());
    let of_new = list("Between", PRINTABLE_STRING, &[&club.listed], &new);
    let own = list("Between", UTF8_STRING, &[], &club.between);
    club.meet(&format!("{of_new}{own}"), &club.listed).unwrap();
    // By itself it may be a damaged one of the issuer.
    assert_eq!(fault(club.meet(&of_new, &club.listed)), rewritten("CN=Between"));
}

#[test]
fn a_root_whose_certificate_was_issued_again_with_its_name_in_another_way_has_the_same_list() {
    let club = Club::new();
    let again = Draft {
        subject_type: PRINTABLE_STRING,
        issuer_type: PRINTABLE_STRING,
        ..Draft::authority("Club", "Club", &club.root)
    };
    let roots = club.roots() + &certificate(&again.sign(&club.root));
    let [listed, neighbour] = [&club.listed, &club.neighbour].map(|draft| {
        let draft = Draft { issuer: "Club".into(), issuer_type: PRINTABLE_STRING, ..draft.clone() };
        certificate(&draft.sign(&club.root))
    });
    let old = list("Club", UTF8_STRING, &[&club.listed], &club.root);
    assert_eq!(fault(club.meet_with(&roots, &old, &listed)), CertificateFault::Revoked);
    assert_eq!(fault(club.meet_with(&roots, &old, &neighbour)), rewritten("CN=Club"));
    let new = list("Club", PRINTABLE_STRING, &[], &club.root);
    assert_eq!(fault(club.meet_with(&roots, &format!("{old}{new}"), &listed)), CertificateFault::Revoked);
    club.meet_with(&roots, &format!("{old}{new}"), &neighbour).unwrap();
}

#[test]
fn an_issuer_whose_name_a_certificate_writes_in_another_way_is_not_told_as_one_that_is_missing() {
    let club = Club::new();
    let [as_issued, rewritten] = [UTF8_STRING, PRINTABLE_STRING].map(|string_type| {
        let between = Draft::authority("Between", "Club", &club.between);
        certificate(&Draft { issuer_type: string_type, ..between }.sign(&club.root))
    });
    let list = list("Stranger", UTF8_STRING, &[], &DraftKey::new());
    let meet = |client: &Draft, above: &str| {
        club.meet_with(&club.roots(), &list, &(certificate(&client.sign(&club.between)) + above))
    };
    meet(&club.listed, &as_issued).unwrap();
    let told = |position, name: &str| CertificateFault::IssuerRewritten { issuer: Some(name.to_owned()), position };
    let error = meet(&club.listed, &rewritten).unwrap_err().to_string();
    assert_eq!(fault(meet(&club.listed, &rewritten)), told(None, "CN=Club"));
    let words = "issued by \"CN=Club\", and the trusted root, which has signed it, writes that name in another way";
    says("root", &error, &[words, "the authority has to issue one of the two certificates again"]);
    let client = Draft { issuer_type: PRINTABLE_STRING, ..club.listed.clone() };
    let error = meet(&client, &as_issued).unwrap_err().to_string();
    assert_eq!(fault(meet(&client, &as_issued)), told(Some(1), "CN=Between"));
    says(
        "intermediate",
        &error,
        &["issued by \"CN=Between\", and certificate 2 of the peer's chain, which has signed it"],
    );
    // Another authority of such a name has not issued it.
    let stranger = Draft { subject_type: PRINTABLE_STRING, ..Draft::authority("Between", "Club", &DraftKey::new()) };
    let stranger = certificate(&stranger.sign(&club.root));
    assert!(matches!(fault(meet(&club.listed, &stranger)), CertificateFault::UnknownIssuer { .. }));
}
