//! What this library cannot vouch for, in one place whose name shows in the code that uses it.
//!
//! There are two kinds of it:
//!
//! - **Ways around verification**: [`accept_any_certificate`].
//! - **Parts of rustls that a program brings along**: verifiers, whole configurations, cryptography, signers,
//!   compressors. What is promised of connections (that the peer is who it says, that keys are random, that nobody else
//!   reads along) is then as true as these parts make it.
//!
//! # What is not promised
//!
//! This is the only module whose signatures name types of [`rustls`], and it is there that they are to be had. They are
//! those of the version of rustls that this crate is built on, **and change with it in any 0.x release**; everything
//! else in this crate stays as it is then. A program that uses none of it never notices which rustls that is. A check
//! of the public surface keeps it so.
//!
//! What rustls says of a failure is not named anywhere, and can be had as [`source`](std::error::Error::source) of a
//! [`TlsError`](crate::TlsError).

use std::sync::Arc;

pub use rustls;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::compress::{CertCompressor, CertDecompressor};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::SigningKey;
use rustls::{ClientConfig, DigitallySignedStruct, ServerConfig, SignatureScheme};

use crate::context::ContextBuilder;
use crate::error::Error;
use crate::identity::Identity;
use crate::trust;

/// Makes a client accept **any** certificate, for any name: the connection is encrypted, but nobody knows to whom.
/// Anyone on the way can read and change everything.
///
/// `reason` tells the reader of the code why that is acceptable; it must not be empty. Mostly it is not, and what
/// was wanted is [`Roots::Pem`](crate::Roots::Pem) with the server's own certificate.
///
/// ```
/// use lem_ssl_rs::{Context, Error, danger};
///
/// let builder = danger::accept_any_certificate(Context::builder(), "a scanner that looks at every certificate")?;
/// let context = builder.build()?;
/// # Ok::<(), Error>(())
/// ```
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
/// [`Roots`](crate::Roots) and [`Trust`](crate::Trust), which has pinned keys and trust on first use. It is asked on
/// the machine's thread, and must not block.
///
/// A resumed session is not verified again. A verifier that requires raw public keys needs
/// [`Version::Tls13`](crate::Version::Tls13) alone.
///
/// ```
/// # use std::sync::Arc;
/// # use lem_ssl_rs::{Context, Error, danger};
/// # use lem_ssl_rs::danger::rustls;
/// # fn verify(verifier: Arc<dyn rustls::client::danger::ServerCertVerifier>) -> Result<(), Error> {
/// let context = danger::server_verifier(Context::builder(), verifier).build()?;
/// # Ok(())
/// # }
/// ```
pub fn server_verifier(builder: ContextBuilder, verifier: Arc<dyn ServerCertVerifier>) -> ContextBuilder {
    builder.server_verifier(verifier)
}

/// Lets a verifier of rustls' kind decide about clients, instead of roots. It is asked on the machine's thread, and
/// must not block. It is asked again when a session is resumed.
///
/// Nothing is checked beside it: no roots, no revocation lists.
pub fn client_verifier(builder: ContextBuilder, verifier: Arc<dyn ClientCertVerifier>) -> ContextBuilder {
    builder.client_verifier(verifier)
}

/// Takes over a configuration of rustls' for connecting, as it is: verifier, identity, protocols, versions,
/// cryptography, sessions. What the builder says of connecting is not looked at then, and choosing roots or trust
/// beside it is an error.
///
/// It may have a verifier that verifies nothing: that is why it is here. Early data are switched off, because a stream
/// has no place for them. Deadlines, limits and `accept_missing_close_notify` are the builder's.
///
/// ```
/// # use std::sync::Arc;
/// # use lem_ssl_rs::{Context, Error, danger};
/// # use lem_ssl_rs::danger::rustls;
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
/// It may have a verifier that verifies nothing: that is why it is here. Early data are switched off. Clients that
/// resume a session are not checked again, as with rustls itself: rustls hands its verifier to nobody. The sessions of
/// such a context do not survive its place in a [`LiveContext`](crate::LiveContext), unless both configurations share
/// their ticketer.
pub fn server_config(builder: ContextBuilder, config: Arc<ServerConfig>) -> ContextBuilder {
    builder.server_config(config)
}

/// The cryptography, instead of the default one. What it cannot do is not offered: its suites, groups and signatures
/// are all that there are.
///
/// A provider also verifies: one whose algorithms accept what they must not is a way around verification.
///
/// ```
/// # use std::sync::Arc;
/// # use lem_ssl_rs::{Context, Error, danger};
/// # use lem_ssl_rs::danger::rustls::crypto::CryptoProvider;
/// # fn choose(provider: Arc<CryptoProvider>) -> Result<(), Error> {
/// let context = danger::provider(Context::builder(), provider).build()?;
/// # Ok(())
/// # }
/// ```
pub fn provider(builder: ContextBuilder, provider: Arc<CryptoProvider>) -> ContextBuilder {
    builder.provider(provider)
}

/// Offers these ways to make certificates smaller (RFC 8879, TLS 1.3 only), for what the other side shows and what
/// we show: a server with a long chain saves a round trip. Implementations are rustls' traits; rustls has some of its
/// own, in Rust, behind its features `zlib` and `brotli`, which hold here as soon as a program enables them.
///
/// What a peer's certificate may grow to is limited by rustls, to 64 KiB.
pub fn certificate_compression(
    builder: ContextBuilder,
    compressors: impl IntoIterator<Item = &'static dyn CertCompressor>,
    decompressors: impl IntoIterator<Item = &'static dyn CertDecompressor>,
) -> ContextBuilder {
    builder.certificate_compression(compressors, decompressors)
}

/// An identity of a chain, our own certificate first, and a key that lies elsewhere: in a hardware security module, a
/// smart card, an agent. `signer` is rustls' interface: it says which signature schemes the key can do, and signs.
///
/// It is asked in every handshake, on the machine's thread, which does nothing else meanwhile: what takes more than a
/// millisecond delays every connection. A key in a slow module is better served by several machines on
/// threads ([`serve_threads`](crate::serve_threads)).
///
/// Whether the key belongs to the certificate is checked when a context is built, if the signer tells its public key
/// ([`SigningKey::public_key`]); otherwise a client finds out.
///
/// ```
/// # use std::sync::Arc;
/// # use lem_ssl_rs::{Context, Error, Identity, danger};
/// use lem_ssl_rs::danger::rustls::sign::{Signer, SigningKey};
/// use lem_ssl_rs::danger::rustls::{self, SignatureAlgorithm, SignatureScheme};
///
/// /// A key on P-256 that a module keeps.
/// #[derive(Debug, Clone)]
/// struct InModule;
///
/// impl SigningKey for InModule {
///     fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
///         offered.contains(&self.scheme()).then(|| Box::new(self.clone()) as Box<dyn Signer>)
///     }
///
///     fn algorithm(&self) -> SignatureAlgorithm {
///         SignatureAlgorithm::ECDSA
///     }
/// }
///
/// impl Signer for InModule {
///     fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
///         // Here the module hashes and signs, and gives the signature in DER.
/// #       let _ = message;
///         Err(rustls::Error::General("no module is plugged in".into()))
///     }
///
///     fn scheme(&self) -> SignatureScheme {
///         SignatureScheme::ECDSA_NISTP256_SHA256
///     }
/// }
///
/// # let chain = Identity::self_signed(["localhost"])?.chain().to_vec();
/// let identity = danger::identity_with_signer(chain, Arc::new(InModule));
/// let server = Context::builder().identity(identity).build()?;
/// # Ok::<(), Error>(())
/// ```
pub fn identity_with_signer(chain: Vec<CertificateDer<'static>>, signer: Arc<dyn SigningKey>) -> Identity {
    Identity::with_signer(chain, signer)
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
        trust::verify_tls12_possession(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        trust::verify_tls13_possession(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
