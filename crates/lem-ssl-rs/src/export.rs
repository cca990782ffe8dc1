//! Keying material of a stream, and what binds another protocol to it.

use rustls::SupportedCipherSuite;
use rustls::crypto::hash::{Hash, HashAlgorithm};

use crate::der::Signed;
use crate::error::{ConfigError, ConfigPart, Error};
use crate::provider::default_provider;
use crate::transport::{Polled, ReadHalf, Stream, Tls, WriteHalf};
use crate::trust::hash_of;
use crate::x509::{SignedHash, signed_hash};

/// Exports what both ends of an encrypted connection know and nobody else does.
///
/// For streams, halves, and streams as poll functions. The context must have been built with
/// [`export_keying_material`](crate::ContextBuilder::export_keying_material).
pub trait ExportKeyingMaterial {
    /// Fills `output` with keying material for `label` and `context` (RFC 5705, RFC 8446 section 7.5): the same at both ends,
    /// and another one for every connection, label and context. Labels are registered, or begin with `EXPERIMENTAL`.
    ///
    /// In TLS 1.2 no context and an empty one give different material; in TLS 1.3 the same.
    ///
    /// # Errors
    /// [`Error::Closed`] after our own close; [`Error::Misuse`] if the context was not built for it, or for an output, a
    /// label or a context of impossible length.
    ///
    /// ```
    /// # use lem_ssl_rs::{Context, Error, Identity, Machine, Roots, spawn};
    /// use lem_ssl_rs::ExportKeyingMaterial;
    ///
    /// # Machine::new()?.run(async {
    /// # let identity = Identity::self_signed(["localhost"])?;
    /// let roots = Roots::Pem(identity.chain_pem().into());
    /// let context = Context::builder().roots(roots).identity(identity).export_keying_material(true).build()?;
    /// # let server = context.listen("localhost:0").await?;
    /// # let address = ("localhost", server.local_addr().ip().map_or(0, |address| address.port()));
    /// # let theirs = spawn(async move { server.accept().await });
    /// let stream = context.connect(address).await?;
    /// let ours = stream.export_keying_material([0; 32], b"EXPERIMENTAL-my-protocol", Some(b"session 7"))?;
    /// # let stream = theirs.await??;
    /// // At the other end:
    /// let theirs = stream.export_keying_material([0; 32], b"EXPERIMENTAL-my-protocol", Some(b"session 7"))?;
    /// assert_eq!(ours, theirs);
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    fn export_keying_material<T: AsMut<[u8]>>(
        &self,
        output: T,
        label: &[u8],
        context: Option<&[u8]>,
    ) -> Result<T, Error>;

    /// What binds a login to this connection (RFC 5056), so that it cannot be passed on through another one: for SCRAM
    /// and other mechanisms of SASL.
    ///
    /// # Errors
    /// [`Error::Closed`] after our own close; [`Error::Misuse`] if the connection has no such binding.
    fn channel_binding(&self, kind: ChannelBinding) -> Result<Vec<u8>, Error>;
}

/// A kind of channel binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChannelBinding {
    /// `tls-exporter` (RFC 9266): keying material, so it is of this very connection. The context must have been built with
    /// [`export_keying_material`](crate::ContextBuilder::export_keying_material).
    TlsExporter,
    /// `tls-server-end-point` (RFC 5929): the hash of the server's certificate, so it is the same for all connections to a
    /// server: for servers behind a proxy that ends TLS. Certificates that are signed with Ed25519 have none, nor have raw
    /// public keys.
    ///
    /// A server that has changed its certificate since a session was begun gives that of the new one in a resumed session, and
    /// its client that of the old one: such a login fails, and succeeds on a new connection without resumption.
    TlsServerEndPoint,
}

impl ChannelBinding {
    /// The registered name: `tls-exporter`.
    pub fn name(self) -> &'static str {
        match self {
            Self::TlsExporter => "tls-exporter",
            Self::TlsServerEndPoint => "tls-server-end-point",
        }
    }
}

fn misuse(problem: &str) -> Error {
    Error::Misuse(problem.into())
}

fn bind(tls: &Tls, kind: ChannelBinding) -> Result<Vec<u8>, Error> {
    match kind {
        ChannelBinding::TlsExporter => {
            let mut binding = vec![0; 32];
            export(tls, &mut binding, b"EXPORTER-Channel-Binding", Some(&[]))?;
            Ok(binding)
        }
        ChannelBinding::TlsServerEndPoint => server_end_point(tls),
    }
}

fn export(tls: &Tls, output: &mut [u8], label: &[u8], context: Option<&[u8]>) -> Result<(), Error> {
    let session = tls.session();
    let exporter = session
        .exporter()
        .ok_or_else(|| misuse("this context exports no keying material: call export_keying_material on its builder"))?;
    let suite = session.agreed().suite;
    exporter.export(suite.ok_or_else(|| misuse("the handshake is not finished"))?, output, label, context)
}

/// RFC 5929 section 4.1.
fn server_end_point(tls: &Tls) -> Result<Vec<u8>, Error> {
    let session = tls.session();
    let certificate = session.server_certificate().ok_or_else(|| misuse("the server has shown no certificate"))?;
    let signed = Signed::read(certificate)
        .ok_or_else(|| misuse("the server has a raw public key, and no certificate to bind to"))?;
    let algorithm = match signed_hash(signed.algorithm) {
        Some(SignedHash::Md5 | SignedHash::Sha1 | SignedHash::Sha256) => HashAlgorithm::SHA256,
        Some(SignedHash::Sha384) => HashAlgorithm::SHA384,
        Some(SignedHash::Sha512) => HashAlgorithm::SHA512,
        Some(SignedHash::Sha224) | None => {
            return Err(misuse(
                "the signature of the server's certificate has no hash to bind to (RFC 5929 section 4.1)",
            ));
        }
    };
    if let Some(hash) = hash_of_connection(session.agreed().suite, algorithm) {
        return Ok(hash.hash(certificate).as_ref().to_vec());
    }
    if let Some(hash) = hash_of(&*default_provider()?, algorithm) {
        return Ok(hash.hash(certificate).as_ref().to_vec());
    }
    sha512(certificate).ok_or_else(|| {
        ConfigError::new(
            ConfigPart::Provider,
            "the cryptography lacks the hash that the server's certificate is signed with",
        )
        .into()
    })
}

/// The hash of the connection's own suite, if it is the one.
fn hash_of_connection(suite: Option<SupportedCipherSuite>, algorithm: HashAlgorithm) -> Option<&'static dyn Hash> {
    let hash = match suite? {
        SupportedCipherSuite::Tls13(suite) => suite.common.hash_provider,
        SupportedCipherSuite::Tls12(suite) => suite.common.hash_provider,
    };
    (hash.algorithm() == algorithm).then_some(hash)
}

/// No suite of TLS brings it.
#[cfg(feature = "graviola")]
fn sha512(bytes: &[u8]) -> Option<Vec<u8>> {
    use graviola::hashing::{Hash, Sha512};
    // It panics where it cannot run.
    graviola::util::is_cpu_supported().then(|| Sha512::hash(bytes).as_ref().to_vec())
}

#[cfg(not(feature = "graviola"))]
fn sha512(_: &[u8]) -> Option<Vec<u8>> {
    None
}

macro_rules! exports {
    ($($stream:ty),*) => {$(
        impl ExportKeyingMaterial for $stream {
            fn export_keying_material<T: AsMut<[u8]>>(
                &self,
                mut output: T,
                label: &[u8],
                context: Option<&[u8]>,
            ) -> Result<T, Error> {
                let exported = self.with_transport(|tls| export(tls, output.as_mut(), label, context));
                exported.unwrap_or(Err(Error::Closed)).map(|()| output)
            }

            fn channel_binding(&self, kind: ChannelBinding) -> Result<Vec<u8>, Error> {
                self.with_transport(|tls| bind(tls, kind)).unwrap_or(Err(Error::Closed))
            }
        }
    )*};
}

exports!(Stream, ReadHalf, WriteHalf, Polled);
