//! The roots of trust.

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;

use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, TrustAnchor};

use super::anchors::{add, add_file, add_text};
#[cfg(feature = "system-roots")]
use super::system_roots;
use crate::error::{ConfigError, ConfigPart, Error};
use crate::pem::{self, Origin};

/// The certificates that a chain must lead to.
///
/// A file or text is taken whole or refused: each of its certificates is trusted, and anything else in it that is not plain
/// text is an error that names the line.
///
/// All of them are trusted as authorities, so one that another authority has issued to somebody who is none (CA:TRUE is
/// missing) is refused, and so is one of which that cannot be told. One that is its own issuer is taken, because a
/// server's self-signed certificate is trusted in this way. The owner of its key can then issue certificates for every
/// name, as an authority can.
///
/// Its dates do not count, and need not be readable: a root that has expired is trusted as before, until it is taken
/// out. Those that it has issued must be valid.
///
/// The operating system's own are `Roots::System` and `Roots::SystemOrWebPki`, which need the feature `system-roots`:
/// `cargo add lem-ssl-rs --features system-roots`. Without it the compiler says so.
///
/// ```
/// use lem_ssl_rs::{Context, Error, Identity, Roots};
///
/// # let company = Identity::self_signed(["intranet.example"])?.chain_pem();
/// // Calls add up: Mozilla's list, and the company's own authority.
/// let context = Context::builder().roots(Roots::WebPki).roots(Roots::Pem(company.into())).build()?;
/// # Ok::<(), Error>(())
/// ```
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
    /// The operating system's: what `SSL_CERT_FILE` and `SSL_CERT_DIR` name, or else what is in the usual places. A machine
    /// without any, such as an empty container, is an error: another list would trust others than its owner has chosen. If Mozilla's
    /// list will do there, say so with [`SystemOrWebPki`](Self::SystemOrWebPki).
    ///
    /// A file that `SSL_CERT_FILE` names is read as every PEM file: whole, or refused. A folder that `SSL_CERT_DIR` names must
    /// be there. Of the system's own list, and of what is in folders, files and certificates that cannot be read or are no
    /// authority's are passed over: nobody here can mend them, and they trust nobody. So are links that lead to no
    /// file. That the operating system fails to read a file for a reason that may pass is an error, and so is a file of more
    /// than 16 MiB in such a folder, and a list of its own of which nothing can be read. An empty `SSL_CERT_FILE` with no folder beside it is one too: unset it.
    ///
    /// Needs the feature `system-roots`.
    #[cfg(feature = "system-roots")]
    System,
    /// As [`System`](Self::System), and [`WebPki`](Self::WebPki) where the machine has none of its own, or none that
    /// can be read. What the variables name must be there, and readable, all the same.
    ///
    /// Needs the feature `system-roots`.
    #[cfg(feature = "system-roots")]
    SystemOrWebPki,
    /// Nobody: for a server that verifies no client, and never connects anywhere.
    None,
}

impl Roots {
    /// The certificates of a PEM file, a PEM text, or DER, as a context takes them. A file is read each time. Of the other
    /// sets there are none: of Mozilla's list only names and keys are built in, and the operating system's is its own.
    ///
    /// ```
    /// use lem_ssl_rs::{Certificate, Error, Identity, Roots};
    ///
    /// # let company = Identity::self_signed(["intranet.example"])?.chain_pem();
    /// for certificate in Roots::Pem(company.into()).certificates()? {
    ///     if let Ok(certificate) = Certificate::read(&certificate) {
    ///         println!("trusted until {}", certificate.not_after());
    ///     }
    /// }
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// A [`TlsError::Config`](crate::TlsError::Config) if the file or the text cannot be read, or holds anything else than
    /// certificates.
    pub fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, Error> {
        let part = ConfigPart::Roots;
        let found = match self {
            Self::PemFile(path) => pem::roots(part, Origin::File(path), &pem::read_file(part, path)?)?,
            Self::Pem(text) => pem::roots(part, Origin::Given("the PEM text"), text)?,
            Self::Der(certificates) => return Ok(certificates.clone()),
            #[cfg(feature = "system-roots")]
            Self::System | Self::SystemOrWebPki => Vec::new(),
            Self::WebPki | Self::None => Vec::new(),
        };
        Ok(found.into_iter().map(|found| found.item).collect())
    }
}

/// What stands in the places of the variants that need the feature `system-roots` where it is off: programs that name them
/// do not compile, and are told why.
#[cfg(not(feature = "system-roots"))]
#[doc(hidden)]
#[expect(non_upper_case_globals, reason = "they are named as the variants are")]
impl Roots {
    #[deprecated(note = "it needs the feature `system-roots`: cargo add lem-ssl-rs --features system-roots")]
    pub const System: FeatureSystemRootsIsOff = FeatureSystemRootsIsOff;
    #[deprecated(note = "it needs the feature `system-roots`: cargo add lem-ssl-rs --features system-roots")]
    pub const SystemOrWebPki: FeatureSystemRootsIsOff = FeatureSystemRootsIsOff;
}

/// No roots: its name is what the compiler says it has found where roots are wanted.
#[cfg(not(feature = "system-roots"))]
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FeatureSystemRootsIsOff;

impl fmt::Display for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WebPki => f.write_str("the built-in roots of Mozilla"),
            Self::PemFile(path) => write!(f, "the roots in {}", path.display()),
            Self::Pem(_) | Self::Der(_) => f.write_str("the roots that were given"),
            #[cfg(feature = "system-roots")]
            Self::System => f.write_str("the system's roots"),
            #[cfg(feature = "system-roots")]
            Self::SystemOrWebPki => f.write_str("the system's roots, or those of Mozilla"),
            Self::None => f.write_str("no roots"),
        }
    }
}

/// How [`load`] is called.
pub(crate) type Load = fn(&[Roots], ConfigPart) -> Result<RootCertStore, ConfigError>;

/// Mozilla's list.
pub(crate) fn built_in() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

/// What several sets of roots are called together.
pub(crate) fn describe(sets: &[Roots]) -> String {
    let mut names: Vec<String> = Vec::new();
    for name in sets.iter().filter(|set| !matches!(set, Roots::None)).map(Roots::to_string) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(" and ")
}

/// Loads several sets of roots into one store, for this part of the configuration.
pub(crate) fn load(sets: &[Roots], part: ConfigPart) -> Result<RootCertStore, ConfigError> {
    let mut store = RootCertStore::empty();
    for set in sets {
        match set {
            Roots::WebPki => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Roots::PemFile(path) => add_file(&mut store, part, path)?,
            Roots::Pem(text) => add_text(&mut store, part, Origin::Given("the PEM text"), text)?,
            Roots::Der(certificates) => {
                for (index, certificate) in certificates.iter().enumerate() {
                    add(&mut store, part, certificate, &format!("number {} in the DER given", index + 1))?;
                }
            }
            #[cfg(feature = "system-roots")]
            Roots::System => system_roots::add(&mut store, part)??,
            #[cfg(feature = "system-roots")]
            Roots::SystemOrWebPki => {
                if system_roots::add(&mut store, part)?.is_err() {
                    store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
                }
            }
            Roots::None => {}
        }
    }
    keep_distinct(&mut store.roots);
    Ok(store)
}

/// The system's roots and Mozilla's are mostly the same ones. Two of one name and key are two ways that are searched.
fn keep_distinct(roots: &mut Vec<TrustAnchor<'static>>) {
    let mut seen = HashSet::new();
    roots.retain(|root| {
        let constraints = root.name_constraints.as_deref().map(<[u8]>::to_vec);
        seen.insert((root.subject.to_vec(), root.subject_public_key_info.to_vec(), constraints))
    });
}

#[cfg(all(test, not(feature = "system-roots")))]
mod tests {
    use super::*;

    #[test]
    #[expect(deprecated, reason = "that is how the compiler tells what to do")]
    fn without_the_feature_the_systems_roots_are_no_roots_and_say_what_is_missing() {
        // The type is what the compiler names where roots are wanted.
        let missing = [Roots::System, Roots::SystemOrWebPki];
        assert_eq!(format!("{missing:?}"), "[FeatureSystemRootsIsOff, FeatureSystemRootsIsOff]");
    }
}
