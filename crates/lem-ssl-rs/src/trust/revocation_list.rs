//! One list of revoked certificates (RFC 5280 section 5), and whose it is.

use std::borrow::Cow;
use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustls::RootCertStore;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::CertificateRevocationListDer;
use webpki::{BorrowedCertRevocationList, CertRevocationList};

use super::serials::Serials;
use super::signature::{Signed as Checked, signed_by};
use super::unusable_list::unusable_list;
use crate::der::{self, Signed};
use crate::error::webpki_words;
use crate::x509::{NameValue, readable};

/// One list, which was read.
#[derive(Debug)]
pub(super) struct List {
    der: CertificateRevocationListDer<'static>,
    serials: Serials,
    /// The content of the issuer's name.
    issuer: Vec<u8>,
    issuer_value: NameValue,
    is_of_a_root: bool,
    checked: Mutex<CheckedKeys>,
}

/// The keys with which the signature of a list was checked, and whether they have made it. The whole list is hashed for each
/// check, so the time that one takes is chosen by the issuer of the list: it is not spent again in each handshake.
#[derive(Debug, Default)]
struct CheckedKeys(VecDeque<(Vec<u8>, bool)>);

/// So many keys are remembered, until the one that has signed the list is known.
const MAX_CHECKED_KEYS: usize = 16;

/// Longer keys are not remembered: those of ML-DSA, the longest in use, have 2600 bytes.
const MAX_KEY: usize = 4096;

/// The keys that one handshake wants to have lists checked with, and that were not known for them before.
pub(super) type NewKeys = HashSet<Vec<u8>>;

/// With so many of them lists are checked: a way has 7 keys at most, so the first one is always looked at to its end.
/// With how many lists of its name each of them is tried is up to those who give the lists.
pub(super) const MAX_NEW_KEYS: usize = 12;

impl List {
    /// The content of its issuer's name.
    pub(super) fn issuer(&self) -> &[u8] {
        &self.issuer
    }

    /// What that name says.
    pub(super) fn issuer_value(&self) -> &NameValue {
        &self.issuer_value
    }

    /// Whether this key, the contents of a `SubjectPublicKeyInfo`, has signed it; `None` if that is not known yet, and the
    /// handshake has brought too many such keys.
    pub(super) fn is_signed_by(
        &self,
        key: &[u8],
        algorithms: WebPkiSupportedAlgorithms,
        new_keys: &mut NewKeys,
    ) -> Option<bool> {
        let known = self.checked().verdict(key);
        if known.is_some() {
            return known;
        }
        new_keys.insert(key.to_vec());
        if new_keys.len() > MAX_NEW_KEYS {
            return None;
        }
        let is_signed = Signed::read(&self.der).is_some_and(|list| has_signed(key, &list, algorithms));
        self.checked().keep(key, is_signed);
        Some(is_signed)
    }

    fn checked(&self) -> MutexGuard<'_, CheckedKeys> {
        self.checked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a root that has exactly its issuer's name has signed it.
    pub(super) fn is_of_a_root(&self) -> bool {
        self.is_of_a_root
    }

    /// Whether a certificate with this serial number is on it.
    pub(super) fn has(&self, serial: &[u8]) -> bool {
        self.serials.contains(serial)
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
        let unreadable = |error: webpki::Error| {
            let why = unusable_list(signed.message.content).map_or_else(|| webpki_words(&error), Cow::Borrowed);
            unusable(&why)
        };
        let read = BorrowedCertRevocationList::from_der(&der).map_err(unreadable)?;
        let serials = Serials::read(&read).map_err(unreadable)?;
        let issuer = CertRevocationList::from(read).issuer().to_vec();
        let name = readable(&issuer).unwrap_or_else(|| "an issuer without a name".into());
        if !algorithms.all.iter().any(|one| one.signature_alg_id().as_ref() == signed.algorithm) {
            return Err(format!(
                "the revocation list of {name} is signed with an algorithm that is not accepted here (SHA-1?): its \
                 issuer has to sign it with a newer one"
            ));
        }
        let issuer_value = NameValue::of(&issuer);
        // What the roots have signed is found out here, once.
        let mut checked = CheckedKeys::default();
        let (mut has_root, mut is_of_a_root, mut is_rewritten) = (false, false, false);
        for root in roots.roots.iter().filter(|root| NameValue::of(&root.subject) == issuer_value) {
            let is_its_own = has_signed(&root.subject_public_key_info, &signed, algorithms);
            checked.keep(&root.subject_public_key_info, is_its_own);
            if root.subject.as_ref() == issuer {
                has_root = true;
                is_of_a_root |= is_its_own;
            } else {
                is_rewritten |= is_its_own;
            }
        }
        if is_rewritten && !has_root {
            return Err(rewritten(&name));
        }
        if has_root && !is_of_a_root {
            return Err(format!(
                "the revocation list of {name} is not signed with the key of the root of this name: it was damaged, or \
                 is of another authority, or the root is not the right one"
            ));
        }
        Ok(Self { der, serials, issuer, issuer_value, is_of_a_root, checked: Mutex::new(checked) })
    }
}

/// Without those that are there already, byte for byte.
pub(super) fn distinct(mut lists: Vec<List>) -> Vec<List> {
    lists.sort_by(|one, other| one.der.as_ref().cmp(other.der.as_ref()));
    lists.dedup_by(|one, other| one.der == other.der);
    lists
}

impl CheckedKeys {
    /// Whether this key has signed the list, as far as that is known. A list has one signer: once that is known, no other
    /// key is worth the time. The same key in another encoding is another one here, which at worst refuses somebody.
    fn verdict(&self, key: &[u8]) -> Option<bool> {
        let same = self.0.iter().find(|(checked, _)| checked == key);
        same.map(|(_, is_signed)| *is_signed).or(self.0.iter().any(|(_, is_signed)| *is_signed).then_some(false))
    }

    /// In the place of the oldest that has not signed the list, if there are too many: one that has gives way only to
    /// another one that has.
    fn keep(&mut self, key: &[u8], is_signed: bool) {
        if key.len() > MAX_KEY || self.0.iter().any(|(checked, _)| checked == key) {
            return;
        }
        if self.0.len() >= MAX_CHECKED_KEYS {
            let oldest = self.0.iter().position(|(_, is_signed)| !is_signed);
            let Some(oldest) = oldest.or(is_signed.then_some(0)) else { return };
            self.0.remove(oldest);
        }
        self.0.push_back((key.to_vec(), is_signed));
    }
}

/// A list of a root whose name it writes in another way would count for nobody.
///
/// One with the key of a root and a name of its own may be of an authority that was renamed and has kept its key, and
/// one of another key may be an intermediate's with nearly a root's name. Whose these are shows when a client comes.
fn rewritten(name: &str) -> String {
    format!(
        "the revocation list of {name} writes its issuer's name in another way than the root's certificate (another \
         string type, or capitals), so it would count for nobody: its issuer has to issue it again with the name as it \
         is in the certificate"
    )
}

fn has_signed(key: &[u8], list: &Signed<'_>, algorithms: WebPkiSupportedAlgorithms) -> bool {
    signed_by(algorithms, list.message.whole, list.algorithm, list.signature, key) == Checked::Yes
}
