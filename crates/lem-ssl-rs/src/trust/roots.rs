//! The roots of trust.

use std::fmt;
use std::path::PathBuf;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use crate::error::{ConfigError, ConfigPart};
use crate::pem;

/// The certificates that a chain must lead to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Roots {
    /// Mozilla's list, built into the program: the same everywhere, and there in an empty container too.
    #[default]
    WebPki,
    /// The certificates of a PEM file.
    PemFile(PathBuf),
    /// The certificates of a PEM text.
    Pem(Vec<u8>),
    /// Certificates in DER.
    Der(Vec<CertificateDer<'static>>),
    /// The operating system's, found by `SSL_CERT_FILE`, `SSL_CERT_DIR` and the usual places; Mozilla's list if there
    /// are none.
    #[cfg(feature = "system-roots")]
    System,
    /// Nobody: for a server that verifies no client, and never connects anywhere.
    None,
}

impl fmt::Display for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WebPki => f.write_str("the built-in roots of Mozilla"),
            Self::PemFile(path) => write!(f, "the roots in {}", path.display()),
            Self::Pem(_) | Self::Der(_) => f.write_str("the roots that were given"),
            #[cfg(feature = "system-roots")]
            Self::System => f.write_str("the system's roots"),
            Self::None => f.write_str("no roots"),
        }
    }
}

/// How [`load`] is called.
pub(crate) type Load = fn(&[Roots]) -> Result<RootCertStore, ConfigError>;

/// Mozilla's list.
pub(crate) fn built_in() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

/// Loads several sets of roots into one store.
pub(crate) fn load(sets: &[Roots]) -> Result<RootCertStore, ConfigError> {
    let mut store = RootCertStore::empty();
    for set in sets {
        match set {
            Roots::WebPki => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Roots::PemFile(path) => {
                let text = pem::read_file(ConfigPart::Roots, path)?;
                let found = pem::certificates(ConfigPart::Roots, &path.display(), &text)?;
                add_all(&mut store, found, &path.display())?;
            }
            Roots::Pem(text) => {
                let found = pem::certificates(ConfigPart::Roots, &"the PEM text", text)?;
                add_all(&mut store, found, &"the PEM text")?;
            }
            Roots::Der(certificates) => add_all(&mut store, certificates.clone(), &"the DER given")?,
            #[cfg(feature = "system-roots")]
            Roots::System => add_system(&mut store),
            Roots::None => {}
        }
    }
    Ok(store)
}

fn add_all(
    store: &mut RootCertStore,
    certificates: Vec<CertificateDer<'static>>,
    from: &dyn fmt::Display,
) -> Result<(), ConfigError> {
    for (index, certificate) in certificates.into_iter().enumerate() {
        store.add(certificate).map_err(|_| {
            let problem = format!("certificate number {} in {from} cannot be read", index + 1);
            ConfigError::new(ConfigPart::Roots, problem)
        })?;
    }
    Ok(())
}

/// System stores hold odd old certificates; those that cannot be read trust nobody, and are passed over.
#[cfg(feature = "system-roots")]
fn add_system(store: &mut RootCertStore) {
    let found = rustls_native_certs::load_native_certs();
    let (added, _) = store.add_parsable_certificates(found.certs);
    if added == 0 {
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
}
