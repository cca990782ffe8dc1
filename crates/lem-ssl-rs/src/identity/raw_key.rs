//! Public keys without a certificate (RFC 7250).

use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{Identity, kind_of, load};
use crate::der;
use crate::error::{ConfigError, ConfigPart, Error};
use crate::pem::{self, Origin};
use crate::provider::default_keys;
use crate::x509::key_parts;

impl Identity {
    /// A key that is shown as it is, without a certificate (raw public keys, RFC 7250), from a PEM text with the private key:
    /// for peers that have it pinned, such as clients with
    /// [`Trust::RawPublicKeys`](crate::Trust::RawPublicKeys). It saves a constrained device the certificates, and their dates.
    ///
    /// [`chain`](Self::chain) has the public key in the place of a certificate. TLS 1.3 only, and no certificate
    /// can be shown by the same context. A peer that wants a certificate is refused.
    ///
    /// # Errors
    /// If it is no private key that can be used.
    ///
    /// ```
    /// # fn key_of_the_device() -> &'static str {
    /// # "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
    /// # -----END PRIVATE KEY-----\n" }
    /// # use lem_ssl_rs::{Context, Error, Identity, SpkiHash, Trust, Version};
    /// let identity = Identity::raw_public_key(key_of_the_device())?;
    /// let pin = SpkiHash::of(&identity.chain()[0])?;
    /// let device = Context::builder().identity(identity).versions([Version::Tls13]).build()?;
    /// let client = Context::builder().trust(Trust::RawPublicKeys(vec![pin])).versions([Version::Tls13]).build()?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn raw_public_key(pem: impl AsRef<[u8]>) -> Result<Self, Error> {
        let key = pem::private_key(Origin::Given("the key's PEM text"), pem.as_ref())?.item;
        Ok(Self::new(vec![public_of(&key)?], key, "the PEM text".into(), "the PEM text".into()))
    }
}

/// The public key of a private one, where a chain has its first certificate.
fn public_of(key: &PrivateKeyDer<'static>) -> Result<CertificateDer<'static>, ConfigError> {
    let loaded = load(default_keys()?, key);
    let public = loaded.and_then(|key| key.public_key().map(|public| CertificateDer::from(public.as_ref().to_vec())));
    public.ok_or_else(|| {
        let problem = format!("the private key cannot be used: it is {}, and damaged or not supported", kind_of(key));
        ConfigError::new(ConfigPart::Identity, problem)
    })
}

/// Whether a chain is a raw public key.
pub(crate) fn is_raw(chain: &[CertificateDer<'_>]) -> bool {
    matches!(chain, [key] if der::only(key, der::SEQUENCE).is_some_and(|key| key_parts(key).is_some()))
}
