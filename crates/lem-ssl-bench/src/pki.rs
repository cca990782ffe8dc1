//! The certificate that all servers show, and what both sides need to speak TLS with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use graviola::hashing::Sha256;
use graviola::signing::ecdsa::{P256, SigningKey};
use rcgen::{CertificateParams, KeyIdMethod, PKCS_ECDSA_P256_SHA256, PublicKeyData, SerialNumber};
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::outcome::Outcome;

/// The name that the certificate is for.
pub(crate) const NAME: &str = "localhost";

/// An ECDSA P-256 certificate and its key. Each run makes its own.
pub(crate) struct Pki {
    certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
}

impl Pki {
    /// Makes a new one.
    pub(crate) fn generate() -> Outcome<Self> {
        let key = Key::generate()?;
        let mut params = CertificateParams::new([NAME.to_owned()])?;
        params.serial_number = Some(SerialNumber::from(1_u64));
        params.key_identifier_method = KeyIdMethod::PreSpecified(vec![1; 20]);
        let certificate = params.self_signed(&key)?.der().clone();
        Ok(Self { certificate, key: key.pkcs8.into() })
    }

    /// Writes it to a directory, for child processes.
    pub(crate) fn save(&self, directory: &Path) -> Outcome<()> {
        let [certificate, key] = files(directory);
        fs::write(certificate, &self.certificate)?;
        fs::write(key, self.key.secret_pkcs8_der())?;
        Ok(())
    }

    /// Reads what [`save`](Self::save) wrote.
    pub(crate) fn open(directory: &Path) -> Outcome<Self> {
        let [certificate, key] = files(directory);
        Ok(Self { certificate: fs::read(certificate)?.into(), key: fs::read(key)?.into() })
    }

    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        self.certificate.clone()
    }

    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key().into()
    }

    /// A server as rustls' users configure one, with stateless tickets.
    pub(crate) fn server_config(&self, tickets: bool) -> Outcome<Arc<ServerConfig>> {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate()], self.key())?;
        if tickets {
            config.ticketer = rustls_graviola::Ticketer::new()?;
        } else {
            config.send_tls13_tickets = 0;
        }
        Ok(Arc::new(config))
    }

    /// A client that trusts the certificate.
    pub(crate) fn client_config(&self, resume: bool) -> Outcome<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate())?;
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        if !resume {
            config.resumption = Resumption::disabled();
        }
        Ok(Arc::new(config))
    }
}

/// The name, as rustls wants it.
pub(crate) fn server_name() -> Outcome<ServerName<'static>> {
    Ok(ServerName::try_from(NAME)?)
}

/// The same cryptography for everybody: one suite, one key exchange.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        cipher_suites: vec![rustls_graviola::suites::TLS13_AES_128_GCM_SHA256],
        kx_groups: vec![&rustls_graviola::kx::X25519],
        ..rustls_graviola::default_provider()
    })
}

/// As [`provider`], and a suite that no client offers, for our servers: they seal tickets with one of 256 bits, as all who take
/// the suites that come with the library do, and without it they would remember sessions.
pub(crate) fn provider_with_tickets() -> Arc<CryptoProvider> {
    let mut provider = CryptoProvider::clone(&provider());
    provider.cipher_suites.push(rustls_graviola::suites::TLS13_AES_256_GCM_SHA384);
    Arc::new(provider)
}

fn files(directory: &Path) -> [PathBuf; 2] {
    [directory.join("certificate.der"), directory.join("key.der")]
}

/// A key that rcgen signs with.
struct Key {
    signer: SigningKey<P256>,
    /// The uncompressed point.
    public: Vec<u8>,
    pkcs8: Vec<u8>,
}

impl Key {
    fn generate() -> Outcome<Self> {
        let failed = |_| "the key cannot be made";
        let signer = SigningKey::<P256>::generate().map_err(failed)?;
        let mut buffer = [0; 256];
        // The point is what a SubjectPublicKeyInfo ends with (RFC 5480 section 2).
        let spki = signer.to_spki_der(&mut buffer).map_err(failed)?;
        let public = spki[spki.len() - 65..].to_vec();
        let pkcs8 = signer.to_pkcs8_der(&mut buffer).map_err(failed)?.to_vec();
        Ok(Self { signer, public, pkcs8 })
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let mut buffer = [0; 128];
        let signature = self.signer.sign_asn1::<Sha256>(&[message], &mut buffer);
        signature.map(<[u8]>::to_vec).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}
