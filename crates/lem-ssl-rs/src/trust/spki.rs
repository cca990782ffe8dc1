//! The hashes of public keys.

use rustls::SupportedCipherSuite;
use rustls::crypto::CryptoProvider;
use rustls::crypto::hash::{Hash, HashAlgorithm};

use crate::der;
use crate::error::{ConfigError, ConfigPart, Error};
use crate::provider::default_provider;
use crate::x509::{Certificate, SpkiHash, key_parts, public_key};

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
        let hasher = Hasher::new(&*default_provider()?)?;
        let hash = hasher.hash_certificate(der).or_else(|| hasher.hash_raw_key(der));
        let unreadable =
            || ConfigError::new(ConfigPart::Trust, "this is neither a certificate nor a public key in DER");
        Ok(hash.ok_or_else(unreadable)?)
    }
}

impl Certificate {
    /// The fingerprint of the certificate in `der`: the SHA-256 hash of its bytes, as
    /// `openssl x509 -in FILE -noout -fingerprint -sha256` prints it. Unlike a [`SpkiHash`] it changes with each renewal.
    ///
    /// # Errors
    /// A [`TlsError::Config`](crate::TlsError::Config) if there is no cryptography.
    ///
    /// ```
    /// # use lem_ssl_rs::{Certificate, Error, Identity};
    /// let identity = Identity::self_signed(["localhost"])?;
    /// let fingerprint = Certificate::fingerprint(&identity.chain()[0])?;
    /// assert_ne!(fingerprint, Certificate::fingerprint(b"another certificate")?);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn fingerprint(der: &[u8]) -> Result<[u8; 32], Error> {
        Ok(Hasher::new(&*default_provider()?)?.sha256(der)?)
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

    /// The hash of the key in a certificate, whatever else stands there; `None` if it is none.
    pub(super) fn hash_certificate(self, der: &[u8]) -> Option<SpkiHash> {
        self.hash_spki(public_key(der)?.whole)
    }

    /// The hash of a raw public key; `None` if it is none.
    pub(super) fn hash_raw_key(self, der: &[u8]) -> Option<SpkiHash> {
        der::only(der, der::SEQUENCE).and_then(key_parts)?;
        self.hash_spki(der)
    }

    fn sha256(self, bytes: &[u8]) -> Result<[u8; 32], ConfigError> {
        let hash = self.0.hash(bytes).as_ref().try_into();
        hash.map_err(|_| ConfigError::new(ConfigPart::Provider, "the cryptography's SHA-256 is none"))
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
