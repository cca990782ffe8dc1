//! Lists of revoked certificates: whose they are, and which of them count.

use lem_ssl_rs::{CertificateFault, Context, Error, RevocationLists, Roots, TlsError};
use lem_ssl_tests::pki::draft::{Draft, DraftKey};
use lem_ssl_tests::pki::{Authority, Issued, KeyKind, Leaf};
use lem_ssl_tests::scratch::Scratch;
use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject;

use crate::support::{armour, element, meet, pki, roots, says, server};

/// What a server with these roots and lists makes of a client with this identity.
fn verdict(roots: &str, lists: &str, client: &Issued) -> Result<(), Error> {
    meet(roots, lists, &client.chain_pem, &client.key_pem)
}

#[track_caller]
fn is_revoked(verdict: Result<(), Error>) {
    let error = verdict.unwrap_err();
    let Some(TlsError::Certificate(problem)) = TlsError::of(&error) else { panic!("{error:?}") };
    assert_eq!(*problem.fault(), CertificateFault::Revoked);
}

fn client(authority: &Authority) -> Issued {
    authority.issue(Leaf::client(&["client.test"]))
}

#[test]
fn a_byte_order_mark_before_a_list_lets_no_revoked_client_in() {
    let (root, another) = (Authority::new("Club"), Authority::new("Another"));
    let roots = root.certificate_pem() + &another.certificate_pem();
    let member = client(&root);
    let list = root.revocation_list_pem(&[&member]);
    let other = another.revocation_list_pem(&[]);
    for lists in [
        list.clone(),
        format!("\u{feff}{list}{other}"),
        format!("{other}\u{feff}{list}"),
        format!("{}{list}", other.trim_end()),
        format!("{}\u{feff}{list}", other.trim_end()),
    ] {
        is_revoked(verdict(&roots, &lists, &member));
        verdict(&roots, &lists, &client(&root)).unwrap();
    }
}

#[test]
fn of_several_lists_of_one_issuer_each_counts_in_any_order() {
    let root = Authority::new("Club");
    let (one, two, good) = (client(&root), client(&root), client(&root));
    let (old, new) = (root.revocation_list_pem(&[&one]), root.revocation_list_pem(&[&two]));
    for lists in [format!("{old}{new}"), format!("{new}{old}"), format!("{old}{old}{new}")] {
        is_revoked(verdict(&root.certificate_pem(), &lists, &one));
        is_revoked(verdict(&root.certificate_pem(), &lists, &two));
        verdict(&root.certificate_pem(), &lists, &good).unwrap();
    }
}

#[test]
fn an_intermediate_may_have_any_number_of_lists() {
    let root = Authority::new("Club");
    let between = root.intermediate("Between");
    let (member, listed, good) = (client(&between), client(&between), client(&between));
    let mut lists: String = (0..40).map(|_| between.revocation_list_pem(&[&member])).collect();
    lists += &between.revocation_list_pem(&[&listed]);
    verdict(&root.certificate_pem(), &lists, &good).unwrap();
    is_revoked(verdict(&root.certificate_pem(), &lists, &listed));
}

#[test]
fn a_root_that_got_a_new_key_under_its_old_name_has_a_list_for_each_key() {
    check_new_key(&Authority::new("Club"), &Authority::new("Club"));
    // Keys of different kinds.
    check_new_key(&Authority::with_key("Club", KeyKind::Rsa2048), &Authority::new("Club"));
}

fn check_new_key(old: &Authority, new: &Authority) {
    let (one, two) = (client(old), client(new));
    let (of_old, of_new) = (old.revocation_list_pem(&[&one]), new.revocation_list_pem(&[&two]));
    let certificates = [old.certificate_pem(), new.certificate_pem()];
    for roots in [certificates.concat(), format!("{}{}", certificates[1], certificates[0])] {
        is_revoked(verdict(&roots, &of_old, &one));
        verdict(&roots, &of_old, &two).unwrap();
        for lists in [format!("{of_old}{of_new}"), format!("{of_new}{of_old}")] {
            is_revoked(verdict(&roots, &lists, &one));
            is_revoked(verdict(&roots, &lists, &two));
            verdict(&roots, &lists, &client(old)).unwrap();
            verdict(&roots, &lists, &client(new)).unwrap();
        }
        // The new key goes on to list what the old one has issued.
        let handed_over = new.revocation_list_pem(&[&one]);
        for lists in [handed_over.clone(), old.revocation_list_pem(&[]) + &handed_over] {
            let error = verdict(&roots, &lists, &one).unwrap_err();
            let fault = CertificateFault::RevocationListOfAnother { issuer: Some("CN=Club".to_owned()) };
            assert_eq!(*TlsError::certificate(&error).unwrap().fault(), fault);
            verdict(&roots, &lists, &client(old)).unwrap();
            verdict(&roots, &lists, &two).unwrap();
        }
    }
}

#[test]
fn a_list_of_a_root_that_another_key_has_signed_is_told_when_the_context_is_built() {
    let (root, impostor) = (Authority::new("Club"), Authority::new("Club"));
    let good = root.revocation_list_pem(&[]);
    let line = good.lines().count() + 1;
    let lists = RevocationLists::Pem((good + &impostor.revocation_list_pem(&[])).into());
    let builder = server().client_roots(Roots::Pem(root.certificate_pem().into())).revocation_lists(lists);
    let error = builder.build().unwrap_err().to_string();
    let line = format!("line {line}: ");
    says("impostor", &error, &[&line, "the revocation list of CN=Club is not signed with the key of the root"]);
}

#[test]
fn a_list_of_an_intermediate_that_another_key_has_signed_refuses_its_clients_as_of_unknown_status() {
    let root = Authority::new("Club");
    let (between, impostor) = (root.intermediate("Between"), root.intermediate("Between"));
    let member = client(&between);
    let (good, bad) = (between.revocation_list_pem(&[]), impostor.revocation_list_pem(&[]));
    verdict(&root.certificate_pem(), &good, &member).unwrap();
    let error = verdict(&root.certificate_pem(), &bad, &member).unwrap_err();
    assert!(matches!(TlsError::of(&error), Some(TlsError::Certificate(_))), "{error:?}");
    // With the right one beside it, that is the list of another key of the same name.
    verdict(&root.certificate_pem(), &format!("{bad}{good}"), &member).unwrap();
    verdict(&root.certificate_pem(), &bad, &client(&root)).unwrap();
    let list = between.revocation_list_pem(&[&member]);
    is_revoked(verdict(&root.certificate_pem(), &format!("{bad}{list}"), &member));
}

/// A list that is not signed by the issuer's key says nothing, neither of those on it nor of their neighbours.
#[test]
fn a_list_that_cannot_be_believed_is_told_as_that_for_all_its_clients() {
    let root = Authority::new("Club");
    let (between, impostor) = (root.intermediate("Between"), root.intermediate("Between"));
    let (listed, neighbour) = (client(&between), client(&between));
    let good = between.revocation_list_pem(&[&listed]);
    let forged = impostor.revocation_list_pem(&[&listed]);
    // With the last byte of its signature changed.
    let damaged = {
        let mut der = CertificateRevocationListDer::from_pem_slice(good.as_bytes()).unwrap().to_vec();
        *der.last_mut().unwrap() ^= 1;
        armour("X509 CRL", &der)
    };
    let fault = CertificateFault::RevocationListBadSignature { issuer: Some("CN=Between".to_owned()) };
    for list in [&forged, &damaged] {
        for member in [&listed, &neighbour] {
            let error = verdict(&root.certificate_pem(), list, member).unwrap_err();
            assert_eq!(*TlsError::certificate(&error).unwrap().fault(), fault);
            says(
                "list",
                &error.to_string(),
                &["our revocation list of \"CN=Between\"", "damaged", "another authority"],
            );
        }
        // Beside the right one it says nothing.
        is_revoked(verdict(&root.certificate_pem(), &format!("{list}{good}"), &listed));
        verdict(&root.certificate_pem(), &format!("{list}{good}"), &neighbour).unwrap();
    }
    // What is told of another fault is not mixed with what such a list says.
    let expired = between.issue(Leaf::client(&["client.test"]).expired());
    let listed = impostor.revocation_list_pem(&[&expired]);
    let error = verdict(&root.certificate_pem(), &listed, &expired).unwrap_err().to_string();
    assert!(!error.contains("was revoked by its issuer"), "{error}");
}

/// The list verifies, but its issuer's certificate says that its key signs no lists.
#[test]
fn a_list_of_an_issuer_that_may_sign_none_is_told_as_that() {
    let root = DraftKey::new();
    let (middle, key) = (Authority::new("Between"), DraftKey::new());
    let mut shown = middle.issue(Leaf::client(&["client.test"]));
    let certificates_only = element(3, &[2, 0x04]);
    let cross = Draft { key: middle.public_key(), ..Draft::authority("Between", "Root", &key) }
        .with(&[0x55, 0x1d, 15], true, &certificates_only)
        .sign(&root);
    shown.chain_pem += &armour("CERTIFICATE", &cross);
    let roots = armour("CERTIFICATE", &Draft::authority("Root", "Root", &root).sign(&root));
    let fault = CertificateFault::RevocationListNotAllowed { issuer: Some("CN=Between".to_owned()) };
    for list in [middle.revocation_list_pem(&[]), middle.revocation_list_pem(&[&shown])] {
        let error = verdict(&roots, &list, &shown).unwrap_err();
        assert_eq!(*TlsError::certificate(&error).unwrap().fault(), fault);
    }
}

/// ECDSA with SHA-256.
const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
/// RSA with SHA-1.
const SHA1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5];

/// A list that nobody has signed: with this algorithm and this version and, perhaps, an extension.
fn forged(algorithm: &[u8], version: Option<u8>, extension: Option<(&[u8], &[u8])>) -> String {
    let number = (&[0x55, 0x1d, 0x14][..], &[2, 1, 1][..]);
    let one = |(identifier, value): (&[u8], &[u8]), critical: bool| {
        let critical = if critical { element(1, &[0xff]) } else { Vec::new() };
        element(0x30, &[element(6, identifier), critical, element(4, value)].concat())
    };
    let extensions = [one(number, false), extension.map(|extension| one(extension, true)).unwrap_or_default()];
    let extensions = element(0xa0, &element(0x30, &extensions.concat()));
    let rest = [NEXT_UPDATE, if version.is_some() { &extensions } else { &[] }].concat();
    unsigned(algorithm, version, &rest)
}

/// An element.
const NEXT_UPDATE: &[u8] = b"\x17\x0d450101000000Z";

/// A list that nobody has signed, in which this follows the time when it was issued.
fn unsigned(algorithm: &[u8], version: Option<u8>, rest: &[u8]) -> String {
    let algorithm = element(0x30, &element(6, algorithm));
    let common_name = [element(6, &[0x55, 4, 3]), element(0x0c, b"Nobody")].concat();
    let issuer = element(0x30, &element(0x31, &element(0x30, &common_name)));
    let version = version.map(|version| element(2, &[version])).unwrap_or_default();
    let fields = [version, algorithm.clone(), issuer, element(0x17, b"250101000000Z"), rest.to_vec()].concat();
    let list = [element(0x30, &fields), algorithm, element(3, &[0, 1, 2, 3])].concat();
    armour("X509 CRL", &element(0x30, &list))
}

#[test]
fn a_list_of_a_kind_that_is_not_understood_is_refused_with_its_line_and_in_words() {
    let point = |flag: u8| element(0x30, &element(flag, &[0xff]));
    let entries = element(0x30, &element(0x30, &[element(2, &[7]), element(0x17, b"250101000000Z")].concat()));
    let number = element(0x30, &[element(6, &[0x55, 0x1d, 0x14]), element(4, &[2, 1, 1])].concat());
    let number = element(0xa0, &element(0x30, &number));
    for (name, list, words) in [
        ("delta", forged(ECDSA, Some(1), Some((&[0x55, 0x1d, 0x1b], &[2, 1, 1]))), "delta list"),
        ("indirect", forged(ECDSA, Some(1), Some((&[0x55, 0x1d, 0x1c], &point(0x84)))), "indirect list"),
        ("unknown", forged(ECDSA, Some(1), Some((&[0x55, 0x1d, 0x63], &[5, 0]))), "marked as critical"),
        ("attribute", forged(ECDSA, Some(1), Some((&[0x55, 0x1d, 0x1c], &point(0x85)))), "attribute certificates only"),
        ("no extensions", unsigned(ECDSA, Some(1), NEXT_UPDATE), "no extensions, and RFC 5280 section 5.2 demands two"),
        (
            "no extensions behind an entry",
            unsigned(ECDSA, Some(1), &[NEXT_UPDATE, &entries].concat()),
            "crl_extensions",
        ),
        ("no extensions behind none", unsigned(ECDSA, Some(1), &[NEXT_UPDATE, &[0x30, 0]].concat()), "no extensions"),
        ("no next update", unsigned(ECDSA, Some(1), &number), "when the next one comes (nextUpdate)"),
        ("nothing more", unsigned(ECDSA, Some(1), &[]), "when the next one comes (nextUpdate)"),
        ("version", forged(ECDSA, None, None), "version"),
        ("SHA-1", forged(SHA1, Some(1), None), "SHA-1"),
    ] {
        let lists = RevocationLists::Pem(format!("{}{list}", pki().list).into());
        let line = format!("line {}: ", pki().list.lines().count() + 1);
        let error = server().client_roots(roots()).revocation_lists(lists).build().unwrap_err().to_string();
        says(name, &error, &[&line, "revocation list", words]);
    }
    // Of an issuer that may be an intermediate: it cannot be checked before a client comes, and is taken.
    let lists = RevocationLists::Pem(forged(ECDSA, Some(1), None).into());
    server().client_roots(roots()).revocation_lists(lists).build().unwrap();
}

/// Those of large authorities have several 100,000 entries.
#[test]
fn a_list_may_be_larger_than_any_file_of_certificates() {
    const MEBIBYTE: usize = 1024 * 1024;
    let scratch = Scratch::new("files");
    let padding = " ".repeat(MEBIBYTE) + "\n";
    let large = |text: &str| scratch.write("large.pem", text.to_owned() + &padding.repeat(17));
    let list = large(&pki().list);
    server().client_roots(roots()).revocation_lists(RevocationLists::PemFile(list)).build().unwrap();
    let file = || Roots::PemFile(large(&pki().root.certificate_pem()));
    for (name, builder) in [("roots", Context::builder().roots(file())), ("clients", server().client_roots(file()))] {
        let error = builder.build().unwrap_err().to_string();
        says(name, &error, &["larger than 16777216 bytes, the limit for files with certificates and keys"]);
    }
}
