//! The ways around verification, in one place whose name shows in the code that uses it.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};

use crate::context::ContextBuilder;
use crate::error::Error;
use crate::trust;

/// Makes a client accept **any** certificate, for any name: the connection is encrypted, but nobody knows to whom.
/// Anyone on the way can read and change everything.
///
/// `reason` tells the reader of the code why that is acceptable; it must not be empty. Mostly it is not, and what
/// was wanted is [`Roots::Pem`](crate::Roots::Pem) with the server's own certificate.
///
/// # Errors
/// If the reason is empty, or there is no cryptography.
pub fn accept_any_certificate(builder: ContextBuilder, reason: &str) -> Result<ContextBuilder, Error> {
    if reason.trim().is_empty() {
        return Err(Error::Misuse("accepting any certificate needs a reason".into()));
    }
    let provider = builder.chosen_provider()?;
    Ok(builder.server_verifier(Arc::new(AcceptAnyServerCert { provider })))
}

/// Checks that the peer has the key of the certificate that it shows, and nothing about the certificate.
#[derive(Debug)]
struct AcceptAnyServerCert {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AcceptAnyServerCert {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
            .map_err(|error| trust::bad_signature(error, certificate))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
            .map_err(|error| trust::bad_signature(error, certificate))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
