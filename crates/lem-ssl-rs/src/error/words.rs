//! What rustls and webpki tell us, in sentences: their own messages are for programmers.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt::Debug;
use std::io;

use rustls::{CertRevocationListError, CertificateError, Error, InconsistentKeys};

use crate::parameters::AlertDescription;
use crate::x509::printable;

mod incompatible;
mod message;
mod misbehaved;
mod webpki;

pub(crate) use self::webpki::webpki;
use incompatible::incompatible;

/// A cause that stands at the end of one of our messages. What is none of theirs is shown as it is.
pub(super) fn cause(error: &(dyn StdError + 'static)) -> Cow<'static, str> {
    if let Some(error) = error.downcast_ref::<Error>() {
        return tls(error);
    }
    if let Some(error) = error.downcast_ref::<::webpki::Error>() {
        return webpki(error);
    }
    let text = match error.downcast_ref::<io::Error>() {
        // In the style of all other errors of the operating system: without its number.
        Some(error) => lem_rs::Error::io("", io::Error::new(error.kind(), error.to_string())).to_string(),
        None => error.to_string(),
    };
    printable(&text).into()
}

/// A failure of the protocol, as what follows a colon.
pub(super) fn tls(error: &Error) -> Cow<'static, str> {
    match error {
        Error::InappropriateMessage { expect_types, got_type } => {
            format!("it sent {} where {} was due", article(got_type), due(expect_types)).into()
        }
        Error::InappropriateHandshakeMessage { expect_types, got_type } => {
            format!("it sent {} where {} was due", article(got_type), due(expect_types)).into()
        }
        Error::InvalidMessage(invalid) => message::invalid(invalid),
        Error::PeerMisbehaved(how) => misbehaved::misbehaved(how),
        Error::PeerIncompatible(how) => incompatible(how),
        Error::NoCertificatesPresented => "it presented no certificate".into(),
        Error::UnsupportedNameType => "the name is of a kind that no certificate can be checked for".into(),
        Error::DecryptError => {
            "a record cannot be decrypted: it was changed on its way, or encrypted with another key".into()
        }
        Error::EncryptError => "a message is too large to be encrypted".into(),
        Error::AlertReceived(alert) => {
            let mut text = String::new();
            // Writing into a string cannot fail.
            let _ = super::alert::explain(AlertDescription::from_number((*alert).into()), true, &mut text);
            text.into()
        }
        Error::InvalidCertificate(error) => certificate(error),
        Error::InvalidCertRevocationList(error) => revocation_list(error),
        Error::InvalidEncryptedClientHello(_) => "encrypted hellos (ECH) cannot be set up as configured".into(),
        Error::General(text) => general(text),
        Error::FailedToGetCurrentTime => "the system does not tell the time".into(),
        Error::FailedToGetRandomBytes => "the system gives no random numbers".into(),
        Error::HandshakeNotComplete => "the handshake is not finished".into(),
        Error::PeerSentOversizedRecord => "it sent a record that is longer than the protocol allows".into(),
        Error::NoApplicationProtocol => "no application protocol (ALPN) that both speak".into(),
        Error::BadMaxFragmentSize => "the size of records is out of range".into(),
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            "the private key does not belong to the certificate".into()
        }
        Error::InconsistentKeys(_) => "whether the private key belongs to the certificate cannot be determined".into(),
        Error::Other(other) => cause(&*other.0),
        other => no_words(other),
    }
}

/// Texts of the cryptography; those that are known to be unclear get other words.
fn general(text: &str) -> Cow<'static, str> {
    let known = [
        (
            "unhandled pkcs8",
            "it is of a kind that this cryptography does not support (RSA, P-256, P-384 and Ed25519 are)",
        ),
        ("unhandled private key", "it is in a format that this cryptography does not read: convert it to PKCS#8"),
        ("unhandled SEC1", "it is of a kind that this cryptography does not support (P-256 and P-384 are)"),
        ("cannot parse RSA", "it is not a readable RSA key, or its length is not supported"),
        ("failed to parse", "it cannot be read as a private key"),
        ("signing failed", "the private key could not sign"),
        ("no server certificate chain resolved", "the server has no certificate for this client"),
    ];
    match known.iter().find(|(begin, _)| text.starts_with(begin)) {
        Some((_, words)) => (*words).into(),
        None => {
            // Debug forms would come as structures; what stands before them says what there is to say.
            let plain = text.split(['{', '(', '[']).next().unwrap_or_default().replace("::", " ");
            format!("the cryptography says: {}", printable(plain.trim())).into()
        }
    }
}

/// A certificate's fault that there is no variant of ours for.
fn certificate(error: &CertificateError) -> Cow<'static, str> {
    match error {
        CertificateError::BadEncoding => "it is not encoded as a certificate must be".into(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".into(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "it is not valid yet".into(),
        CertificateError::Revoked => "it was revoked".into(),
        CertificateError::UnhandledCriticalExtension => "it has a critical extension that is not understood".into(),
        CertificateError::UnknownIssuer => "no trusted root vouches for it".into(),
        CertificateError::UnknownRevocationStatus
        | CertificateError::ExpiredRevocationList
        | CertificateError::ExpiredRevocationListContext { .. } => "whether it was revoked cannot be determined".into(),
        CertificateError::BadSignature => "a signature does not verify".into(),
        CertificateError::UnsupportedSignatureAlgorithmContext { .. } => {
            "a signature is of a kind that is not supported".into()
        }
        CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "a key is of a kind that is not supported, or not for this kind of signature".into()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for other names".into()
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "it is for other purposes (extended key usage)".into()
        }
        CertificateError::InvalidOcspResponse => "the OCSP answer that came with it is not valid".into(),
        CertificateError::ApplicationVerificationFailure => "it is valid, and the program does not want it".into(),
        CertificateError::Other(other) => cause(&*other.0),
        other => no_words(other),
    }
}

/// A fault of a revocation list.
pub(super) fn revocation_list(error: &CertRevocationListError) -> Cow<'static, str> {
    match error {
        CertRevocationListError::BadSignature => {
            "a revocation list is not signed by the issuer that it names: it was changed, or is another authority's"
                .into()
        }
        CertRevocationListError::UnsupportedSignatureAlgorithmContext { .. }
        | CertRevocationListError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "a revocation list is signed in a way that is not supported".into()
        }
        CertRevocationListError::InvalidCrlNumber => "a revocation list has a number that is not valid".into(),
        CertRevocationListError::InvalidRevokedCertSerialNumber => {
            "a revocation list has a serial number that is not valid".into()
        }
        CertRevocationListError::IssuerInvalidForCrl => {
            "the issuer of a revocation list is not allowed to sign any (key usage)".into()
        }
        CertRevocationListError::ParseError => "a revocation list cannot be read".into(),
        CertRevocationListError::UnsupportedCrlVersion => "a revocation list is not of version 2".into(),
        CertRevocationListError::UnsupportedCriticalExtension => {
            "a revocation list has a critical extension that is not understood".into()
        }
        CertRevocationListError::UnsupportedDeltaCrl => "a revocation list is a delta, which is not supported".into(),
        CertRevocationListError::UnsupportedIndirectCrl => {
            "a revocation list holds certificates of other issuers, which is not supported".into()
        }
        CertRevocationListError::UnsupportedRevocationReason => {
            "a revocation list has a reason that is not in the standard".into()
        }
        CertRevocationListError::Other(other) => cause(&*other.0),
        other => no_words(other),
    }
}

/// For what a later version of rustls adds: the name of its reason, as words.
fn no_words(reason: &dyn Debug) -> Cow<'static, str> {
    format!("a reason that this version has no words for: {}", spaced(reason)).into()
}

/// The name of a variant in words: `ServerHello` as "server hello".
fn spaced(variant: &dyn Debug) -> String {
    const MAX_LETTERS: usize = 100;
    let name = format!("{variant:?}");
    let mut words = String::new();
    let mut after_small = false;
    for letter in name.chars().take_while(char::is_ascii_alphanumeric).take(MAX_LETTERS) {
        if letter.is_ascii_uppercase() && after_small {
            words.push(' ');
        }
        after_small = !letter.is_ascii_uppercase();
        words.push(letter.to_ascii_lowercase());
    }
    words
}

fn article(kind: &dyn Debug) -> String {
    let words = spaced(kind);
    let begins_with_vowel = words.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} \"{words}\" message", if begins_with_vowel { "an" } else { "a" })
}

fn due(kinds: &[impl Debug]) -> String {
    let kinds: Vec<String> = kinds.iter().map(|kind| format!("\"{}\"", spaced(kind))).collect();
    if kinds.is_empty() { "none".to_owned() } else { kinds.join(" or ") }
}

#[cfg(test)]
mod tests;
