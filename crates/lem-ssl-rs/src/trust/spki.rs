//! The hashes of public keys.

use rustls::SupportedCipherSuite;
use rustls::crypto::CryptoProvider;
use rustls::crypto::hash::{Hash, HashAlgorithm};

use crate::der;
use crate::error::{ConfigError, ConfigPart, Error};
use crate::provider::default_provider;
use crate::x509::{Raw, SpkiHash, key_parts};

impl SpkiHash {
    /// The hash of the key in `der`: a certificate, or a raw public key (`SubjectPublicKeyInfo`, RFC 7250).
    ///
    /// # Errors
    /// A [`TlsError::Config`](crate::TlsError::Config) if it is neither, or there is no cryptography.
    ///
    /// ```
    /// # use lem_ssl_rs::{Error, Identity, SpkiHash};
    /// let identity = Identity::self_signed(["localhost"])?;
    /// let hash = SpkiHash::of(&identity.chain()[0])?;
    /// assert!(hash.to_string().starts_with("sha256/"));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn of(der: &[u8]) -> Result<Self, Error> {
        let hash = Hasher::new(&*default_provider()?)?.hash(der);
        let unreadable =
            || ConfigError::new(ConfigPart::Trust, "this is neither a certificate nor a public key in DER");
        Ok(hash.ok_or_else(unreadable)?)
    }
}

/// Hashes keys, with the cryptography of a context.
#[derive(Clone, Copy)]
pub(crate) struct Hasher(&'static dyn Hash);

impl Hasher {
    /// # Errors
    /// If the cryptography has no SHA-256; every one that speaks TLS has (RFC 8446 section 9.1).
    pub(crate) fn new(provider: &CryptoProvider) -> Result<Self, ConfigError> {
        let found = hash_of(provider, HashAlgorithm::SHA256);
        found.map(Self).ok_or_else(|| ConfigError::new(ConfigPart::Provider, "the cryptography has no SHA-256"))
    }

    /// The hash of the key in a certificate, or of a raw key; `None` if it is neither.
    pub(crate) fn hash(self, der: &[u8]) -> Option<SpkiHash> {
        let spki = match Raw::read(der) {
            Ok(certificate) => certificate.spki,
            Err(_) => der::only(der, der::SEQUENCE).and_then(key_parts).map(|_| der)?,
        };
        self.hash_spki(spki)
    }

    /// The hash of a `SubjectPublicKeyInfo`.
    pub(super) fn hash_spki(self, spki: &[u8]) -> Option<SpkiHash> {
        Some(SpkiHash::from_bytes(self.0.hash(spki).as_ref().try_into().ok()?))
    }
}

/// What computes this hash, if the cryptography has it: it comes with cipher suites.
pub(crate) fn hash_of(provider: &CryptoProvider, algorithm: HashAlgorithm) -> Option<&'static dyn Hash> {
    let hash = |suite: &SupportedCipherSuite| match suite {
        SupportedCipherSuite::Tls13(suite) => suite.common.hash_provider,
        SupportedCipherSuite::Tls12(suite) => suite.common.hash_provider,
    };
    provider.cipher_suites.iter().map(hash).find(|hash| hash.algorithm() == algorithm)
}
