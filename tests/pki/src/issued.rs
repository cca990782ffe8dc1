//! What an authority hands out.

use pem::Pem;
use rcgen::SerialNumber;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::key::Key;

/// A certificate chain and the private key of its first certificate.
///
/// The chain is what a peer sends: the leaf, then the intermediates, without the root.
#[derive(Clone)]
pub struct Issued {
    /// The chain as PEM, leaf first.
    pub chain_pem: String,
    /// The private key as PEM, in PKCS#8.
    pub key_pem: String,
    /// The chain as DER, leaf first.
    pub chain_der: Vec<CertificateDer<'static>>,
    /// The private key as DER, in PKCS#8.
    pub key_der: Vec<u8>,
    /// What a revocation list calls the leaf by.
    pub(super) serial: SerialNumber,
}

impl Issued {
    pub(super) fn new(chain_der: Vec<CertificateDer<'static>>, key: &Key, serial: SerialNumber) -> Self {
        let key_der = key.pkcs8();
        Self {
            chain_pem: chain_der.iter().map(certificate_pem).collect(),
            key_pem: armour("PRIVATE KEY", &key_der),
            chain_der,
            key_der,
            serial,
        }
    }

    /// The leaf's own certificate.
    pub fn leaf_der(&self) -> &CertificateDer<'static> {
        &self.chain_der[0]
    }

    /// The same without its intermediates: a server that was set up incompletely.
    #[must_use]
    pub fn without_intermediates(&self) -> Self {
        Self { chain_pem: certificate_pem(self.leaf_der()), chain_der: vec![self.leaf_der().clone()], ..self.clone() }
    }

    /// The key in the type that rustls takes.
    pub fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key_der.clone()).into()
    }
}

/// Shows the size of things, never the key.
impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issued")
            .field("certificates", &self.chain_der.len())
            .field("leaf_bytes", &self.leaf_der().len())
            .finish_non_exhaustive()
    }
}

pub(super) fn certificate_pem(certificate: &CertificateDer<'static>) -> String {
    armour("CERTIFICATE", certificate)
}

/// A block of PEM.
pub fn armour(label: &str, der: &[u8]) -> String {
    let lines = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    pem::encode_config(&Pem::new(label, der), lines)
}
