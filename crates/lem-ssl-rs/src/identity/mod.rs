//! Who we are: a certificate chain and its key.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::crypto::KeyProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey};

use webpki::EndEntityCert;

use crate::base64;
use crate::der;
use crate::error::{ConfigError, ConfigPart, Error, webpki_words};
use crate::pem::{self, Found, Origin};
use crate::x509::{SameKey, public_key, readable};

pub(crate) mod acme;
mod by_name;
mod chosen;
mod client_hello;
mod key_kind;
mod plain_key;
mod raw_key;
mod recorded;
#[cfg(feature = "self-signed")]
mod self_signed;
mod warning;

pub(crate) use by_name::ByName;
pub use by_name::UnknownName;
pub use chosen::IdentityChoice;
pub(crate) use chosen::{Chosen, Resolve};
pub use client_hello::ClientHello;
use key_kind::kind_of;
use plain_key::load;
pub(crate) use raw_key::is_raw;
pub(crate) use recorded::{
    Hello, Recorded, forget_hello, is_diverted, is_refused, take_diverted, take_hello, take_refused,
};
pub use warning::IdentityWarning;

/// A certificate chain and its private key: a server's, or a client's that has to show one. Cheap to clone.
///
/// A server shows an Ed25519 identity in TLS 1.3 only, where the cryptography has no suite of TLS 1.2 for it (graviola has
/// none): clients that speak only TLS 1.2 need a second identity, for example with a key on P-256, for the same names.
#[derive(Clone)]
pub struct Identity {
    inner: Arc<Inner>,
}

struct Inner {
    chain: Vec<CertificateDer<'static>>,
    key: Key,
    /// What was loaded, and by whom.
    certified: OnceLock<(KeyLoader, Arc<CertifiedKey>)>,
    /// An OCSP response to be stapled, DER.
    ocsp: Option<Vec<u8>>,
    /// Where it came from, for messages.
    origin: String,
    /// Where its key came from, for messages.
    key_origin: String,
}

/// The private key.
enum Key {
    /// Ours to load.
    Der(PrivateKeyDer<'static>),
    /// It lies elsewhere, and signs what it is given.
    Elsewhere(Arc<dyn SigningKey>),
}

/// What loads keys.
pub(crate) type KeyLoader = &'static dyn KeyProvider;

impl Identity {
    /// Reads a PEM file with the chain, our own certificate first, and one with the key. They may be the same file.
    ///
    /// A file is understood as a whole, or refused with the line that is not. Text around the blocks is fine, and so is what
    /// other servers want in one file: keys beside the certificates and certificates beside the key, `EC PARAMETERS`
    /// before an EC key, `DH PARAMETERS`. The file with the key must hold one key only.
    ///
    /// Blocks while it reads: load identities before the machine runs, or in `unblock`.
    ///
    /// ```no_run
    /// use lem_ssl_rs::{Context, Error, Identity};
    ///
    /// let identity = Identity::from_pem_files("/etc/service/chain.pem", "/etc/service/key.pem")?;
    /// let context = Context::builder().identity(identity).build()?;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// What is wrong with which file. Whether key and certificate belong together is checked when a context is built.
    pub fn from_pem_files(chain: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self, Error> {
        let (chain, key) = (chain.as_ref(), key.as_ref());
        let chain_text = pem::read_file(ConfigPart::Identity, chain)?;
        // A pipe can be read once only.
        let key_text = if key == chain { None } else { Some(pem::read_file(ConfigPart::Identity, key)?) };
        let certificates = pem::chain(Origin::File(chain), &chain_text)?;
        let found = pem::private_key(Origin::File(key), key_text.as_ref().unwrap_or(&chain_text))?;
        Ok(Self::found(certificates, found, chain.display().to_string(), key.display().to_string()))
    }

    /// As [`from_pem_files`](Self::from_pem_files), from texts.
    ///
    /// ```
    /// use lem_ssl_rs::{Error, Identity};
    ///
    /// let nothing = Identity::from_pem("no certificate", "no key");
    /// assert!(nothing.is_err());
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// What is wrong with which text.
    pub fn from_pem(chain: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Result<Self, Error> {
        let certificates = pem::chain(Origin::Given("the chain's PEM text"), chain.as_ref())?;
        let key = pem::private_key(Origin::Given("the key's PEM text"), key.as_ref())?;
        Ok(Self::found(certificates, key, "the PEM text".into(), "the key's PEM text".into()))
    }

    fn found(
        chain: Vec<Found<CertificateDer<'static>>>,
        key: Found<PrivateKeyDer<'static>>,
        origin: String,
        key_origin: String,
    ) -> Self {
        Self::new(chain.into_iter().map(|found| found.item).collect(), key.item, origin, key_origin)
    }

    /// From a chain and a key in DER.
    pub fn from_der(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Self {
        Self::new(chain, key, "the DER given".into(), "the DER given".into())
    }

    pub(crate) fn with_signer(chain: Vec<CertificateDer<'static>>, signer: Arc<dyn SigningKey>) -> Self {
        Self::of(chain, Key::Elsewhere(signer), "the chain given with a signer".into(), "the signer".into())
    }

    fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        origin: String,
        key_origin: String,
    ) -> Self {
        Self::of(chain, Key::Der(key), origin, key_origin)
    }

    fn of(chain: Vec<CertificateDer<'static>>, key: Key, origin: String, key_origin: String) -> Self {
        Self { inner: Arc::new(Inner { chain, key, certified: OnceLock::new(), ocsp: None, origin, key_origin }) }
    }

    /// The same identity with an OCSP response (RFC 6960, DER) that a server shows with its certificate, so that its
    /// clients need not ask the issuer whether it was revoked.
    #[must_use]
    pub fn with_ocsp_response(&self, response: impl Into<Vec<u8>>) -> Self {
        let Inner { chain, key, origin, key_origin, .. } = &*self.inner;
        let inner = Inner {
            chain: chain.clone(),
            key: key.clone(),
            certified: OnceLock::new(),
            ocsp: Some(response.into()),
            origin: origin.clone(),
            key_origin: key_origin.clone(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The chain, our own certificate first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.inner.chain
    }

    /// The chain as PEM: what a client gives to [`Roots::Pem`](crate::Roots::Pem) to trust a self-signed identity.
    pub fn chain_pem(&self) -> String {
        self.inner.chain.iter().map(|certificate| encode_pem("CERTIFICATE", certificate)).collect()
    }

    /// Where it came from, for messages.
    pub(crate) fn origin(&self) -> &str {
        &self.inner.origin
    }

    /// Loads the key and checks that it belongs to the certificate, once for each provider.
    pub(crate) fn certified(&self, keys: KeyLoader) -> Result<Arc<CertifiedKey>, ConfigError> {
        let is_same = |loader: &KeyLoader| std::ptr::addr_eq(*loader, keys);
        if let Some((_, certified)) = self.inner.certified.get().filter(|(loader, _)| is_same(loader)) {
            return Ok(certified.clone());
        }
        let certified = self.certify(keys)?;
        let _ = self.inner.certified.set((keys, certified.clone()));
        Ok(certified)
    }

    fn certify(&self, keys: KeyLoader) -> Result<Arc<CertifiedKey>, ConfigError> {
        let origin = &self.inner.origin;
        let wrong = |problem: String| ConfigError::new(ConfigPart::Identity, problem);
        if self.inner.chain.is_empty() {
            return Err(wrong("an identity has no certificate".into()));
        }
        let unreadable = |certificate: &&CertificateDer<'_>| der::Certificate::read(certificate).is_none();
        let unreadable = (!is_raw(&self.inner.chain)).then(|| self.inner.chain.iter().position(|one| unreadable(&one)));
        if let Some(index) = unreadable.flatten() {
            return Err(wrong(format!("certificate number {} in {origin} cannot be read", index + 1)));
        }
        let key = match &self.inner.key {
            Key::Elsewhere(signer) => signer.clone(),
            // What a provider says of a key is for its authors.
            Key::Der(key) => load(keys, key).ok_or_else(|| {
                let (key_origin, kind) = (&self.inner.key_origin, kind_of(key));
                wrong(format!(
                    "the private key in {key_origin} cannot be used: it is {kind}. \"openssl pkey -noout -check -in FILE\" \
                     looks at it; a key on P-256, or RSA with 2048 to 4096 bits, works everywhere",
                ))
            })?,
        };
        let mut certified = CertifiedKey::new(self.inner.chain.clone(), key);
        certified.ocsp.clone_from(&self.inner.ocsp);
        let leaf = &self.inner.chain[0];
        // What is no end entity's to webpki is refused by most clients; a challenge is for one that understands it.
        if !is_raw(&self.inner.chain)
            && !acme::is_challenge(leaf)
            && let Err(error) = EndEntityCert::try_from(leaf)
        {
            return Err(wrong(format!("the first certificate in {origin} cannot be used: {}", webpki_words(&error))));
        }
        // A provider that cannot tell the public key leaves it to the handshake.
        let Some(public) = certified.key.public_key() else { return Ok(Arc::new(certified)) };
        let same = match is_raw(&self.inner.chain) {
            // It is shown as it is.
            true if leaf.as_ref() == public.as_ref() => Some(SameKey::Yes),
            true => Some(SameKey::No),
            false => same_key(leaf, &public),
        };
        match same {
            Some(SameKey::Yes) => Ok(Arc::new(certified)),
            Some(SameKey::No) => Err(wrong(self.of_another_certificate(&public))),
            Some(SameKey::Unknown) => Err(wrong(format!(
                "the public key of the first certificate in {origin} is written in a form that is not understood here: it \
                 cannot be told whether the private key in {} belongs to it. Get a certificate with its key in the usual \
                 form: a curve by its name and not by its numbers, an RSA key for all signatures (rsaEncryption) and not \
                 for PSS only",
                self.inner.key_origin
            ))),
            None => Err(wrong(format!("the public key of the first certificate in {origin} cannot be read"))),
        }
    }
}

/// Whether this is the public key in the certificate; `None` if there is none.
fn same_key(certificate: &[u8], public: &[u8]) -> Option<SameKey> {
    Some(SameKey::of(public_key(certificate)?.content, der::only(public, der::SEQUENCE)?))
}

impl Clone for Key {
    fn clone(&self) -> Self {
        match self {
            Self::Der(key) => Self::Der(key.clone_key()),
            Self::Elsewhere(signer) => Self::Elsewhere(signer.clone()),
        }
    }
}

impl Identity {
    /// The key does not belong to the first certificate: says to which one it does, if to any in the chain.
    fn of_another_certificate(&self, public: &[u8]) -> String {
        let Inner { chain, origin, key_origin, .. } = &*self.inner;
        let named = |certificate| {
            let subject = der::Certificate::read(certificate).and_then(|certificate| readable(certificate.subject));
            subject.map(|subject| format!(" ({subject})")).unwrap_or_default()
        };
        let fits = |certificate: &CertificateDer<'static>| same_key(certificate, public) == Some(SameKey::Yes);
        let advice = match chain.iter().position(fits) {
            Some(at) => format!(
                "it belongs to certificate number {}{}: put that one first, and behind it the certificate of its issuer",
                at + 1,
                named(&chain[at])
            ),
            None => "is it the key of another certificate, or of one that this has replaced?".to_owned(),
        };
        let first = named(&chain[0]);
        format!("the private key in {key_origin} does not belong to the first certificate in {origin}{first}; {advice}")
    }
}

/// Shows where it came from and how long the chain is; never the key.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("origin", &self.inner.origin)
            .field("certificates", &self.inner.chain.len())
            .finish_non_exhaustive()
    }
}

/// PEM (RFC 7468): base64 in lines of 64.
fn encode_pem(label: &str, der: &[u8]) -> String {
    const BYTES_PER_LINE: usize = 48;
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in der.chunks(BYTES_PER_LINE) {
        text.push_str(&base64::encode(line));
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::pem::PemObject;

    use super::*;

    #[test]
    fn pem_of_every_length_reads_back() {
        for length in 1..200_u8 {
            let der: Vec<u8> = (0..length).map(|byte| byte.wrapping_mul(37)).collect();
            let text = encode_pem("CERTIFICATE", &der);
            assert_eq!(CertificateDer::from_pem_slice(text.as_bytes()).unwrap().as_ref(), der);
            assert!(text.lines().all(|line| line.len() <= 64));
        }
    }
}
