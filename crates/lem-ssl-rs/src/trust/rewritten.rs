//! Revocation lists that write their issuer's name in another way than its certificates do.
//!
//! webpki takes names for equal only if their bytes are, so it passes over such a list: those who are on it would be accepted.

use rustls::CertificateError;
use rustls::RootCertStore;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

use super::revocation_list::List;
use super::signature::{Signed, signed_by};
use crate::der;
use crate::x509::NameValue;

/// What such a list says of a certificate, as far as it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is of another authority, or another list has its issuer's name as it is written in the certificate.
    Nothing,
    /// It is the issuer's, and the certificate is on it.
    Revoked,
    /// It may be the issuer's.
    Unknown,
}

/// What to make of a list whose issuer has the name of a certificate's issuer, written in another way.
///
/// `is_signed` says whether that issuer's key has signed it, `has_own` whether there is a list that writes the name as the
/// certificate does.
pub(super) fn verdict(list: &List, serial: &[u8], is_signed: bool, has_own: bool) -> Verdict {
    match () {
        () if is_signed && list.has(serial) => Verdict::Revoked,
        () if has_own => Verdict::Nothing,
        // What a root has signed is not of another key.
        () if is_signed || !list.is_of_a_root() => Verdict::Unknown,
        () => Verdict::Nothing,
    }
}

/// So many signatures are checked for one client: what that costs is ours, and the client chooses how often.
const MAX_SIGNATURES: usize = 12;

/// Refuses a chain, which was found good, if one of its certificates has an issuer of whom there is such a list.
pub(super) fn check(
    lists: &[List],
    roots: &RootCertStore,
    algorithms: WebPkiSupportedAlgorithms,
    chain: &[&CertificateDer<'_>],
) -> Result<(), CertificateError> {
    // What webpki cannot read, it does not follow.
    let chain: Vec<_> = chain.iter().filter_map(|der| EndEntityCert::try_from(*der).ok()).collect();
    let chain = connected(&chain);
    let mut signatures = MAX_SIGNATURES;
    for certificate in &chain {
        let issuer = certificate.issuer();
        let value = NameValue::of(issuer);
        let has_own = lists.iter().any(|list| list.issuer() == issuer);
        for list in lists.iter().filter(|list| list.issuer() != issuer && *list.issuer_value() == value) {
            let presented = chain.iter().filter(|one| one.subject() == issuer);
            let presented = presented.map(|one| one.subject_public_key_info().to_vec());
            let mut keys = presented.filter_map(|key| der::only(&key, der::SEQUENCE).map(<[u8]>::to_vec)).chain(
                roots
                    .roots
                    .iter()
                    .filter(|root| root.subject.as_ref() == issuer)
                    .map(|root| root.subject_public_key_info.to_vec()),
            );
            let mut is_signed = false;
            while let (false, Some(key)) = (is_signed, keys.next()) {
                signatures = signatures.checked_sub(1).ok_or(CertificateError::UnknownRevocationStatus)?;
                is_signed = has_signed(list, &key, algorithms);
            }
            match verdict(list, certificate.serial(), is_signed, has_own) {
                Verdict::Nothing => {}
                Verdict::Revoked => return Err(CertificateError::Revoked),
                Verdict::Unknown => return Err(CertificateError::UnknownRevocationStatus),
            }
        }
    }
    Ok(())
}

/// The peer's own certificate, which is the first, and those that a way from it may lead through: nobody has followed others.
fn connected<'c, 'a>(chain: &'c [EndEntityCert<'a>]) -> Vec<&'c EndEntityCert<'a>> {
    let (Some(leaf), mut others) = (chain.first(), chain.iter().skip(1).collect::<Vec<_>>()) else { return Vec::new() };
    let (mut connected, mut next) = (vec![leaf], 0);
    while let Some(below) = connected.get(next) {
        let issuer = below.issuer();
        let (issuers, rest) = others.into_iter().partition::<Vec<_>, _>(|one| one.subject() == issuer);
        connected.extend(issuers);
        (others, next) = (rest, next + 1);
    }
    connected
}

fn has_signed(list: &List, key: &[u8], algorithms: WebPkiSupportedAlgorithms) -> bool {
    list.signed().is_some_and(|list| {
        signed_by(algorithms, list.message.whole, list.algorithm, list.signature, key) == Signed::Yes
    })
}
