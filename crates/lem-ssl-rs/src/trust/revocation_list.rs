//! One list of revoked certificates (RFC 5280 section 5), and whose it is.

use std::borrow::Cow;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateRevocationListDer, TrustAnchor};
use webpki::{CertRevocationList, OwnedCertRevocationList, RawPublicKeyEntity};

use super::unusable_list::unusable_list;
use crate::der::{self, Signed};
use crate::error::webpki_words;
use crate::x509::{NameValue, readable};

/// One list, which was read.
#[derive(Debug, Clone)]
pub(super) struct List {
    der: CertificateRevocationListDer<'static>,
    read: Arc<CertRevocationList<'static>>,
    /// The content of the issuer's name.
    issuer: Vec<u8>,
    issuer_value: NameValue,
    signer: Signer,
}

/// Whose key has signed a list, as far as it is known before a client comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signer {
    /// That of the only root of this name.
    Root,
    /// That of one of several roots of this name.
    OneOfTheRoots,
    /// No root has this name as the list writes it.
    Unknown,
}

impl List {
    /// The content of its issuer's name.
    pub(super) fn issuer(&self) -> &[u8] {
        &self.issuer
    }

    /// What that name says.
    pub(super) fn issuer_value(&self) -> &NameValue {
        &self.issuer_value
    }

    /// What its issuer has signed; `None` never, because it was read before.
    pub(super) fn signed(&self) -> Option<Signed<'_>> {
        Signed::read(&self.der)
    }

    /// Whether a root has signed it: of certificates that another key of that name has issued it says nothing.
    pub(super) fn is_of_a_root(&self) -> bool {
        self.signer != Signer::Unknown
    }

    /// Whether no other key of its issuer's name is known of before a client comes.
    pub(super) fn is_all_of_its_name(&self) -> bool {
        self.signer != Signer::OneOfTheRoots
    }

    pub(super) fn der(&self) -> &CertificateRevocationListDer<'static> {
        &self.der
    }

    /// Whether a certificate with this serial number is on it.
    pub(super) fn has(&self, serial: &[u8]) -> bool {
        matches!(self.read.find_serial(serial), Ok(Some(_)))
    }

    /// Reads a list, and checks the signature of one that is a root's.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub(super) fn check(
        der: CertificateRevocationListDer<'static>,
        roots: &RootCertStore,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Result<Self, String> {
        let unusable = |why: &str| format!("this revocation list cannot be used: {why}");
        let signed = Signed::read(&der).ok_or_else(|| unusable(&webpki_words(&webpki::Error::BadDer)))?;
        // webpki takes the missing version for damage. It is what openssl writes without a file that says otherwise.
        if der::take(&mut { signed.message.content }).is_some_and(|first| first.tag == der::SEQUENCE) {
            return Err(unusable(&format!(
                "{} (openssl ca -gencrl writes it with \"crl_extensions\" in its configuration)",
                webpki_words(&webpki::Error::UnsupportedCrlVersion)
            )));
        }
        let parsed = OwnedCertRevocationList::from_der(&der).map_err(|error| {
            let why = unusable_list(signed.message.content).map_or_else(|| webpki_words(&error), Cow::Borrowed);
            unusable(&why)
        })?;
        let read = Arc::new(CertRevocationList::from(parsed));
        let issuer = read.issuer().to_vec();
        let name = readable(&issuer).unwrap_or_else(|| "an issuer without a name".into());
        if !algorithms.all.iter().any(|one| one.signature_alg_id().as_ref() == signed.algorithm) {
            return Err(format!(
                "the revocation list of {name} is signed with an algorithm that is not accepted here (SHA-1?): its \
                 issuer has to sign it with a newer one"
            ));
        }
        let issuer_value = NameValue::of(&issuer);
        let of_this_name: Vec<_> = roots.roots.iter().filter(|root| root.subject.as_ref() == issuer).collect();
        let signer = match of_this_name.as_slice() {
            [] => {
                refuse_rewritten(&issuer_value, &name, roots, &signed, algorithms)?;
                Signer::Unknown
            }
            roots if !roots.iter().any(|root| has_signed(root, &signed, algorithms)) => {
                return Err(format!(
                    "the revocation list of {name} is not signed with the key of the root of this name: it was \
                     damaged, or is of another authority, or the root is not the right one"
                ));
            }
            [_] => Signer::Root,
            _ => Signer::OneOfTheRoots,
        };
        Ok(Self { der, read, issuer, issuer_value, signer })
    }
}

/// Refuses a list of a root whose name it writes in another way: it would count for nobody.
///
/// One with the key of a root and a name of its own may be of an authority that was renamed and has kept its key, and
/// one of another key may be an intermediate's with nearly a root's name. Whose these are shows when a client comes.
fn refuse_rewritten(
    value: &NameValue,
    name: &str,
    roots: &RootCertStore,
    signed: &Signed<'_>,
    algorithms: WebPkiSupportedAlgorithms,
) -> Result<(), String> {
    let same_name = |root: &TrustAnchor<'_>| NameValue::of(&root.subject) == *value;
    if !roots.roots.iter().any(|root| same_name(root) && has_signed(root, signed, algorithms)) {
        return Ok(());
    }
    Err(format!(
        "the revocation list of {name} writes its issuer's name in another way than the root's certificate (another \
         string type, or capitals), so it would count for nobody: its issuer has to issue it again with the name as it \
         is in the certificate"
    ))
}

fn has_signed(root: &TrustAnchor<'_>, signed: &Signed<'_>, algorithms: WebPkiSupportedAlgorithms) -> bool {
    let key = webpki::spki_for_anchor(root);
    let Ok(key) = RawPublicKeyEntity::try_from(&key) else { return false };
    let fitting = algorithms.all.iter().filter(|one| one.signature_alg_id().as_ref() == signed.algorithm);
    fitting.into_iter().any(|one| key.verify_signature(*one, signed.message.whole, signed.signature).is_ok())
}
