//! Whether a key has signed something.

use rustls::crypto::WebPkiSupportedAlgorithms;

use crate::error::CertificateFault;
use crate::x509::{Raw, key_parts, rsa_bits};

/// What was found of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signed {
    Yes,
    No,
    /// The cryptography has no such signatures.
    UnsupportedAlgorithm,
    /// It has, but not with a key of this kind.
    UnsupportedKey,
}

/// Whether the message is signed with this key: the contents of a `SubjectPublicKeyInfo`.
pub(super) fn signed_by(
    algorithms: WebPkiSupportedAlgorithms,
    message: &[u8],
    algorithm: &[u8],
    signature: &[u8],
    key: &[u8],
) -> Signed {
    let Some((kind, bits)) = key_parts(key) else { return Signed::UnsupportedKey };
    let mut same_signature =
        algorithms.all.iter().filter(|one| one.signature_alg_id().as_ref() == algorithm).peekable();
    if same_signature.peek().is_none() {
        return Signed::UnsupportedAlgorithm;
    }
    match same_signature.find(|one| one.public_key_alg_id().as_ref() == kind) {
        None => Signed::UnsupportedKey,
        Some(one) => match one.verify_signature(bits, message, signature) {
            Ok(()) => Signed::Yes,
            Err(_) => Signed::No,
        },
    }
}

/// Whether another key than this one's has signed a certificate, as far as the cryptography can tell.
pub(crate) fn is_signed_by_another(
    certificate: &Raw<'_>,
    issuer: &Raw<'_>,
    algorithms: WebPkiSupportedAlgorithms,
) -> bool {
    let (message, algorithm) = (certificate.signed, certificate.signature_algorithm);
    match signed_by(algorithms, message, algorithm, certificate.signature, issuer.key) {
        Signed::No => weak(issuer.key).is_none(),
        Signed::UnsupportedKey => algorithms
            .all
            .iter()
            .any(|one| key_parts(issuer.key).is_some_and(|(kind, _)| one.public_key_alg_id().as_ref() == kind)),
        Signed::Yes | Signed::UnsupportedAlgorithm => false,
    }
}

/// What a signature by this key fails for, whatever it says.
pub(super) fn weak(key: &[u8]) -> Option<CertificateFault> {
    const MIN_RSA_BITS: usize = 2048;
    rsa_bits(key).filter(|bits| *bits < MIN_RSA_BITS).map(|bits| CertificateFault::WeakKey { bits })
}
