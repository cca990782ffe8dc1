//! The ways around verification, in one place whose name shows in the code that uses it.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::{ClientConfig, DigitallySignedStruct, ServerConfig, SignatureScheme};

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

/// Lets a verifier of rustls' kind decide about servers, instead of roots: for checks that the library does not have.
///
/// Nothing is checked beside it, and nothing about what it refuses is explained. The library's own ways are
/// [`Roots`](crate::Roots) and [`Trust`](crate::Trust), which has pinned keys and trust on first use. It is asked on the
/// machine's thread, and must not block.
///
/// A resumed session is not verified again. A verifier that requires raw public keys needs
/// [`Version::Tls13`](crate::Version::Tls13) alone.
///
/// ```
/// # use std::sync::Arc;
/// # use lem_ssl_rs::{Context, Error, danger, rustls};
/// # fn verify(verifier: Arc<dyn rustls::client::danger::ServerCertVerifier>) -> Result<(), Error> {
/// let context = danger::server_verifier(Context::builder(), verifier).build()?;
/// # Ok(())
/// # }
/// ```
pub fn server_verifier(builder: ContextBuilder, verifier: Arc<dyn ServerCertVerifier>) -> ContextBuilder {
    builder.server_verifier(verifier)
}

/// Lets a verifier of rustls' kind decide about clients, instead of roots. It is asked on the machine's thread, and must
/// not block. It is asked again when a session is resumed.
///
/// Nothing is checked beside it: no roots, no revocation lists.
pub fn client_verifier(builder: ContextBuilder, verifier: Arc<dyn ClientCertVerifier>) -> ContextBuilder {
    builder.client_verifier(verifier)
}

/// Takes over a configuration of rustls' for connecting, as it is: verifier, identity, protocols, versions, cryptography,
/// sessions. What the builder says of connecting is not looked at then, and choosing roots or trust beside it is an error.
///
/// It may have a verifier that verifies nothing: that is why it is here. Early data are switched off, because a stream
/// has no place for them. Deadlines, limits and `accept_missing_close_notify` are the builder's.
///
/// ```
/// # use std::sync::Arc;
/// # use lem_ssl_rs::{Context, Error, danger, rustls};
/// # fn take_over(config: Arc<rustls::ClientConfig>) -> Result<(), Error> {
/// let context = danger::client_config(Context::builder(), config).build()?;
/// # Ok(())
/// # }
/// ```
pub fn client_config(builder: ContextBuilder, config: Arc<ClientConfig>) -> ContextBuilder {
    builder.client_config(config)
}

/// Takes over a configuration of rustls' for accepting, as it is: verifier of clients, identities, protocols, versions,
/// cryptography, tickets. What the builder says of accepting is not looked at then, and most of it is an error beside
/// it; an identity of the builder's is for connecting.
///
/// It may have a verifier that verifies nothing: that is why it is here. Early data are switched off. Clients that resume
/// a session are not checked again, as with rustls itself: rustls hands its verifier to nobody. The sessions of such a context do
/// not survive its place in a [`LiveContext`](crate::LiveContext), unless both configurations share their ticketer.
pub fn server_config(builder: ContextBuilder, config: Arc<ServerConfig>) -> ContextBuilder {
    builder.server_config(config)
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
