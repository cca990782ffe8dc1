//! What the authority issues, judged by rustls' own verifiers.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::{CertificateError, Error, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::*;

#[test]
fn a_server_certificate_is_accepted_for_each_of_its_names() {
    let root = Authority::new("Root");
    let names = ["localhost", "*.example.test", "127.0.0.1", "::1"];
    let issued = root.issue(Leaf::server(&names));
    for name in ["localhost", "www.example.test", "127.0.0.1", "::1"] {
        assert_eq!(judge(root.certificate_der(), &issued, name), Ok(()));
    }
    assert_not_valid_for(&root, &issued, "other.test");
    assert_not_valid_for(&root, &issued, "127.0.0.2");
}

#[test]
fn every_kind_of_key_signs_and_is_signed() {
    for kind in KINDS {
        let root = Authority::with_key("Root", kind);
        let intermediate = root.intermediate("Intermediate");
        for leaf_kind in KINDS {
            let issued = intermediate.issue(Leaf::server(&["localhost"]).with_key(leaf_kind));
            let verdict = judge(root.certificate_der(), &issued, "localhost");
            assert_eq!(verdict, Ok(()), "{leaf_kind:?} issued by {kind:?}");
        }
    }
}

#[test]
fn the_private_key_belongs_to_the_certificate() {
    let root = Authority::new("Root");
    for kind in KINDS {
        let issued = root.issue(Leaf::server(&["localhost"]).with_key(kind));
        let chain = issued.chain_der.clone();
        rustls::sign::CertifiedKey::from_der(chain, issued.private_key(), &provider())
            .and_then(|certified| certified.keys_match())
            .unwrap_or_else(|error| panic!("{kind:?}: {error}"));
    }
}

#[test]
fn pem_and_der_say_the_same() {
    let root = Authority::new("Root");
    let issued = root.intermediate("Below").issue(Leaf::server(&["a.test"]));
    let sections = pem::parse_many(&issued.chain_pem).unwrap();
    let contents: Vec<_> = sections.iter().map(pem::Pem::contents).collect();
    let chain: Vec<&[u8]> = issued.chain_der.iter().map(AsRef::as_ref).collect();
    assert_eq!(contents, chain);
    let key = pem::parse(&issued.key_pem).unwrap();
    assert_eq!((key.tag(), key.contents()), ("PRIVATE KEY", &issued.key_der[..]));
    let root_pem = pem::parse(root.certificate_pem()).unwrap();
    assert_eq!(root_pem.contents(), root.certificate_der().as_ref());
}

#[test]
fn a_chain_of_two_intermediates_needs_both() {
    let root = Authority::new("Root");
    let lowest = root.intermediate("Upper").intermediate("Lower");
    let issued = lowest.issue(Leaf::server(&["localhost"]));
    assert_eq!(issued.chain_der.len(), 3);
    assert_eq!(judge(root.certificate_der(), &issued, "localhost"), Ok(()));

    let incomplete = issued.without_intermediates();
    let verdict = judge(root.certificate_der(), &incomplete, "localhost");
    assert_eq!(verdict, refused(CertificateError::UnknownIssuer));
}

#[test]
fn a_root_does_not_vouch_for_the_leaf_of_another() {
    let issued = Authority::new("Root").issue(Leaf::server(&["localhost"]));
    let stranger = Authority::new("Root");
    let verdict = judge(stranger.certificate_der(), &issued, "localhost");
    // The names agree, so the signature is tried, and it is not the stranger's.
    assert_eq!(verdict, refused(CertificateError::BadSignature));
}

#[test]
fn validity_is_as_asked_for() {
    let root = Authority::new("Root");
    let leaf = Leaf::server(&["localhost"]);

    let late = judge(root.certificate_der(), &root.issue(leaf.expired()), "localhost");
    assert!(matches!(late, Err(Error::InvalidCertificate(CertificateError::ExpiredContext { .. }))), "{late:?}");
    let early = judge(root.certificate_der(), &root.issue(leaf.not_yet_valid()), "localhost");
    assert!(matches!(early, Err(Error::InvalidCertificate(CertificateError::NotValidYetContext { .. }))), "{early:?}");
}

#[test]
fn a_self_signed_certificate_is_trusted_only_as_its_own_root() {
    let issued = self_signed(Leaf::server(&["localhost"]));
    assert_eq!(judge(issued.leaf_der(), &issued, "localhost"), Ok(()));

    let stranger = Authority::new("Root");
    let verdict = judge(stranger.certificate_der(), &issued, "localhost");
    assert_eq!(verdict, refused(CertificateError::UnknownIssuer));
}

#[test]
fn client_and_server_certificates_are_not_exchangeable() {
    let root = Authority::new("Root");
    let client = root.issue(Leaf::client(&["alice"]));
    let server = root.issue(Leaf::server(&["localhost"]));

    assert_eq!(judge_client(&root, &client), Ok(()));
    let verdict = judge_client(&root, &server);
    assert!(matches!(verdict, Err(Error::InvalidCertificate(_))), "{verdict:?}");
    let verdict = judge(root.certificate_der(), &client, "alice");
    assert!(matches!(verdict, Err(Error::InvalidCertificate(_))), "{verdict:?}");
}

#[test]
fn a_revocation_list_revokes_what_it_names_and_nothing_else() {
    let root = Authority::new("Root");
    let (good, bad) = (root.issue(Leaf::client(&["good"])), root.issue(Leaf::client(&["bad"])));
    let list = pem::parse(root.revocation_list_pem(&[&bad])).unwrap();
    assert_eq!(list.tag(), "X509 CRL");
    let verifier = WebPkiClientVerifier::builder_with_provider(trusting(root.certificate_der()), Arc::new(provider()))
        .with_crls([list.contents().to_vec().into()])
        .build()
        .unwrap();
    let verdict = |issued: &Issued| {
        verifier.verify_client_cert(issued.leaf_der(), &issued.chain_der[1..], UnixTime::now()).map(|_| ())
    };
    assert_eq!(verdict(&good), Ok(()));
    assert_eq!(verdict(&bad), refused(CertificateError::Revoked));
}

#[test]
fn padding_makes_a_certificate_longer_than_a_record_and_harms_nothing() {
    let root = Authority::new("Root");
    let issued = root.issue(Leaf::server(&["localhost"]).with_padding(20_000));
    assert!(issued.leaf_der().len() > 16_384);
    assert_eq!(judge(root.certificate_der(), &issued, "localhost"), Ok(()));
}

#[test]
fn lengths_are_constant_where_signatures_are() {
    for kind in [KeyKind::Ed25519, KeyKind::Rsa2048] {
        let root = Authority::with_key("Root", kind);
        let leaf = Leaf::server(&["localhost"]).with_key(kind);
        let lengths = [(); 4].map(|()| root.issue(leaf).leaf_der().len());
        assert_eq!(lengths, [lengths[0]; 4], "{kind:?}");
    }
}

const KINDS: [KeyKind; 4] = [KeyKind::EcdsaP256, KeyKind::EcdsaP384, KeyKind::Ed25519, KeyKind::Rsa2048];

fn provider() -> CryptoProvider {
    rustls_graviola::default_provider()
}

fn trusting(root: &CertificateDer<'static>) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    Arc::new(roots)
}

/// What a client that trusts only `root` thinks of a server that shows `issued` as `name`.
fn judge(root: &CertificateDer<'static>, issued: &Issued, name: &str) -> Result<(), Error> {
    WebPkiServerVerifier::builder_with_provider(trusting(root), Arc::new(provider()))
        .build()
        .unwrap()
        .verify_server_cert(
            issued.leaf_der(),
            &issued.chain_der[1..],
            &ServerName::try_from(name).unwrap(),
            &[],
            UnixTime::now(),
        )
        .map(|_| ())
}

/// What a server that trusts only `root` thinks of a client that shows `issued`.
fn judge_client(root: &Authority, issued: &Issued) -> Result<(), Error> {
    let roots = trusting(root.certificate_der());
    WebPkiClientVerifier::builder_with_provider(roots, Arc::new(provider()))
        .build()
        .unwrap()
        .verify_client_cert(issued.leaf_der(), &issued.chain_der[1..], UnixTime::now())
        .map(|_| ())
}

fn refused(error: CertificateError) -> Result<(), Error> {
    Err(Error::InvalidCertificate(error))
}

#[track_caller]
fn assert_not_valid_for(root: &Authority, issued: &Issued, name: &str) {
    let verdict = judge(root.certificate_der(), issued, name);
    assert!(
        matches!(
            verdict,
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
            ))
        ),
        "{verdict:?}"
    );
}
