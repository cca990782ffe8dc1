//! Whether a server has the key of the certificate that it shows, where nothing else of that is looked at.
//!
//! rustls' own functions read the whole certificate, and refuse one of version 1, with a critical extension that they do
//! not know, or with dates that are none.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use rustls::{CertificateError, DigitallySignedStruct, Error, PeerMisbehaved};
use webpki::RawPublicKeyEntity;

use super::verifier::bad_signature;
use crate::x509::public_key;

/// Checks what a server has signed in a handshake of TLS 1.2 (RFC 5246 section 7.4.3). A refusal is explained.
pub(crate) fn verify_tls12_possession(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let verified = key_of(certificate).and_then(|key| tls12(message, &key, signature, algorithms));
    verified.map_err(|error| bad_signature(error, certificate))
}

/// As [`verify_tls12_possession`], of TLS 1.3 (RFC 8446 section 4.4.3).
pub(crate) fn verify_tls13_possession(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let verified =
        key_of(certificate).and_then(|key| verify_tls13_signature_with_raw_key(message, &key, signature, algorithms));
    verified.map_err(|error| bad_signature(error, certificate))
}

fn key_of<'a>(certificate: &'a CertificateDer<'_>) -> Result<SubjectPublicKeyInfoDer<'a>, Error> {
    let key = public_key(certificate).ok_or(CertificateError::BadEncoding)?;
    Ok(SubjectPublicKeyInfoDer::from(key.whole))
}

/// In TLS 1.2 a scheme of ECDSA names no curve, so that several algorithms are possible.
fn tls12(
    message: &[u8],
    key: &SubjectPublicKeyInfoDer<'_>,
    signature: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let key = RawPublicKeyEntity::try_from(key).map_err(|_| CertificateError::BadEncoding)?;
    let possible = algorithms.mapping.iter().find(|(scheme, _)| *scheme == signature.scheme);
    let (_, possible) = possible.ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
    let mut refusal = CertificateError::BadSignature;
    for algorithm in *possible {
        match key.verify_signature(*algorithm, message, signature.signature()) {
            Ok(()) => return Ok(HandshakeSignatureValid::assertion()),
            Err(webpki::Error::UnsupportedSignatureAlgorithmForPublicKeyContext(context)) => {
                refusal = CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
                    signature_algorithm_id: context.signature_algorithm_id,
                    public_key_algorithm_id: context.public_key_algorithm_id,
                };
            }
            Err(_) => return Err(CertificateError::BadSignature.into()),
        }
    }
    Err(refusal.into())
}
