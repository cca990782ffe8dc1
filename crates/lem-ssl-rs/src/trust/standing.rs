//! What our revocation lists say of a certificate on a way to a root.
//!
//! webpki looks at one list of an issuer only, passes over one that writes its issuer's name in another way, and hashes the
//! whole list each time. So it is asked for the ways only, and the lists are looked at here.

use rustls::crypto::WebPkiSupportedAlgorithms;

use super::revocation_list::{List, NewKeys};
use crate::x509::NameValue;

/// A certificate, and its issuer on the way, whose key has signed it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link<'a> {
    /// The contents of the issuer's name, as the certificate writes it.
    pub(super) issuer: &'a [u8],
    /// The certificate's number.
    pub(super) serial: &'a [u8],
    /// The contents of the issuer's `SubjectPublicKeyInfo`.
    pub(super) key: &'a [u8],
    /// A trusted root has exactly this name and this key.
    pub(super) is_by_a_root: bool,
    /// The issuer's certificate does not say that its key signs no lists.
    pub(super) may_sign_lists: bool,
}

/// What the lists say of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Its issuer has no list, or it is on none of them.
    Good,
    /// It is on a list that its issuer's key has signed.
    Revoked,
    /// Its number is on a list that another key has signed: a root's whose name says the same as its issuer's, or one of
    /// exactly its issuer's name beside a list that its issuer's key has signed. Its issuer may have had that key before,
    /// or has it now.
    ListedByAnother,
    /// Its issuer's key has signed a list, and may sign none.
    NotAllowed,
    /// Other keys have signed all lists of its issuer's name.
    BadSignature,
    /// Its issuer has no list of its own, and there is one that may be its and writes the name in another way.
    Rewritten,
    /// A root's list of its issuer's name is there, and a key has issued the certificate that is no root's of this name; or
    /// the handshake has brought too many keys, which is never so on the first way.
    Unknown,
}

/// What to make of a certificate on a way that webpki has found good: the keys there are those of authorities that a root
/// vouches for. With other keys lists are not checked.
pub(super) fn standing(
    lists: &[List],
    link: Link<'_>,
    algorithms: WebPkiSupportedAlgorithms,
    new_keys: &mut NewKeys,
) -> Standing {
    let value = NameValue::of(link.issuer);
    let has_own = lists.iter().any(|list| list.issuer() == link.issuer);
    let (mut is_known, mut is_unsigned, mut is_rewritten) = (false, false, false);
    let (mut is_of_another, mut is_listed) = (false, false);
    for list in lists.iter().filter(|list| *list.issuer_value() == value) {
        let Some(is_signed) = list.is_signed_by(link.key, algorithms, new_keys) else { return Standing::Unknown };
        let is_own = list.issuer() == link.issuer;
        is_listed |= (is_own || list.is_of_a_root()) && list.has(link.serial);
        match (is_own, is_signed) {
            (true, true) if !link.may_sign_lists => return Standing::NotAllowed,
            (_, true) if list.has(link.serial) => return Standing::Revoked,
            (true, true) => is_known = true,
            (true, false) => {
                is_unsigned |= !list.is_of_a_root();
                is_of_another |= list.is_of_a_root() && !link.is_by_a_root;
            }
            (false, _) if has_own => {}
            // What a root has signed is not of another key.
            (false, is_signed) => is_rewritten |= is_signed || !list.is_of_a_root(),
        }
    }
    match () {
        () if is_unsigned && !is_known => Standing::BadSignature,
        () if is_listed => Standing::ListedByAnother,
        () if is_rewritten => Standing::Rewritten,
        () if is_known => Standing::Good,
        () if is_of_another => Standing::Unknown,
        () => Standing::Good,
    }
}
