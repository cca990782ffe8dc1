//! The roots of trust.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, TrustAnchor};

use crate::der;
use crate::error::{ConfigError, ConfigPart, Error, webpki_words};
use crate::pem::{self, Found, Origin};
use crate::x509::{Raw, readable};

/// The certificates that a chain must lead to.
///
/// A file or text is taken whole or refused: each of its certificates is trusted, and anything else in it that is not plain
/// text is an error that names the line.
///
/// All of them are trusted as authorities, so one that another authority has issued to somebody who is none (CA:TRUE is
/// missing) is refused. One that is its own issuer is taken, because a server's self-signed certificate is trusted in this
/// way. The owner of its key can then issue certificates for every name, as an authority can.
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
    /// A file that `SSL_CERT_FILE` names is read as every PEM file: whole, or refused. Of the system's own list, and of
    /// folders, certificates that cannot be read or are no authority's are passed over: nobody here can mend them, and they
    /// trust nobody.
    ///
    /// Needs the feature `system-roots`.
    #[cfg(feature = "system-roots")]
    System,
    /// As [`System`](Self::System), and [`WebPki`](Self::WebPki) where the machine has none of its own. What the variables
    /// name must be there all the same.
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
    ///     println!("trusted until {}", Certificate::read(&certificate)?.not_after());
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
                    add(&mut store, part, certificate.clone(), &format!("number {} in the DER given", index + 1))?;
                }
            }
            #[cfg(feature = "system-roots")]
            Roots::System => system::add(&mut store, part)??,
            #[cfg(feature = "system-roots")]
            Roots::SystemOrWebPki => {
                if system::add(&mut store, part)?.is_err() {
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

fn add_file(store: &mut RootCertStore, part: ConfigPart, path: &Path) -> Result<(), ConfigError> {
    let text = pem::read_file(part, path)?;
    add_text(store, part, Origin::File(path), &text)
}

fn add_text(store: &mut RootCertStore, part: ConfigPart, from: Origin<'_>, text: &[u8]) -> Result<(), ConfigError> {
    for (index, Found { item, line }) in pem::roots(part, from, text)?.into_iter().enumerate() {
        add(store, part, item, &format!("number {} in {from}, line {line},", index + 1))?;
    }
    Ok(())
}

/// Every certificate counts, or none of them: one that is left out is missed when a peer comes that needs it.
fn add(
    store: &mut RootCertStore,
    part: ConfigPart,
    certificate: CertificateDer<'static>,
    which: &str,
) -> Result<(), ConfigError> {
    let refused = |why: String| {
        let subject = der::Certificate::read(&certificate).and_then(|certificate| readable(certificate.subject));
        let subject = subject.map(|subject| format!(" ({subject})")).unwrap_or_default();
        Err(ConfigError::new(part, format!("certificate {which}{subject} {why}")))
    };
    let anchor = match webpki::anchor_from_trusted_cert(&certificate) {
        Ok(anchor) => anchor.to_owned(),
        Err(error) => return refused(format!("cannot be read: {}", webpki_words(&error))),
    };
    if let Some(issuer) = issuer_of_no_authority(&certificate) {
        return refused(format!(
            "is not an authority's (CA:TRUE is missing), and all roots are trusted as authorities: give the certificate of \
             its issuer ({issuer}), or of the root above that"
        ));
    }
    store.roots.push(anchor);
    Ok(())
}

/// The issuer of a certificate that must not become a root: webpki asks no root whether it is an authority's.
fn issuer_of_no_authority(certificate: &CertificateDer<'_>) -> Option<String> {
    let raw = Raw::read(certificate).ok()?;
    let is_one = raw.extensions.authority.is_none() && !raw.is_self_issued();
    is_one.then(|| readable(raw.issuer).unwrap_or_else(|| "which has no name".to_owned()))
}

/// The operating system's list.
#[cfg(feature = "system-roots")]
mod system {
    use std::env;
    use std::path::PathBuf;

    use super::*;

    /// What the variables name was named by somebody, and is read as strictly as every file. The system's own list holds
    /// odd old certificates; those that cannot be read trust nobody, and are passed over.
    ///
    /// # Errors
    /// The outer one: of what the variables name. The inner one: the machine has no roots of its own.
    pub(super) fn add(store: &mut RootCertStore, part: ConfigPart) -> Result<Result<(), ConfigError>, ConfigError> {
        let named = |variable| env::var_os(variable).filter(|value| !value.is_empty());
        let (file, directories) = (named("SSL_CERT_FILE"), named("SSL_CERT_DIR"));
        let before = store.len();
        if let Some(file) = &file {
            add_file(store, part, &PathBuf::from(file))?;
        }
        for directory in directories.iter().flat_map(env::split_paths) {
            let found = rustls_native_certs::load_certs_from_paths(None, Some(&directory));
            store.add_parsable_certificates(authorities(found.certs));
        }
        if file.is_some() || directories.is_some() {
            if store.len() == before {
                let problem = "there is no certificate in the folders that SSL_CERT_DIR names";
                return Err(ConfigError::new(part, problem));
            }
            return Ok(Ok(()));
        }
        Ok(own(store, part, rustls_native_certs::load_native_certs().certs))
    }

    /// Takes what was found in the machine's own places.
    fn own(
        store: &mut RootCertStore,
        part: ConfigPart,
        found: Vec<CertificateDer<'static>>,
    ) -> Result<(), ConfigError> {
        match store.add_parsable_certificates(authorities(found)) {
            (0, _) => {
                let problem = "this machine has no trusted roots of its own, or none that can be read: install them (the \
                               package ca-certificates, for example), name a file with SSL_CERT_FILE, or trust another list";
                Err(ConfigError::new(part, problem))
            }
            _ => Ok(()),
        }
    }

    fn authorities(certificates: Vec<CertificateDer<'static>>) -> impl Iterator<Item = CertificateDer<'static>> {
        certificates.into_iter().filter(|certificate| issuer_of_no_authority(certificate).is_none())
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_machine_without_roots_says_so_and_trusts_nobody() {
            for found in [Vec::new(), vec![CertificateDer::from(vec![1, 2, 3])]] {
                let mut store = RootCertStore::empty();
                let error = own(&mut store, ConfigPart::Roots, found).unwrap_err();
                assert!(store.is_empty());
                assert!(error.to_string().starts_with("this machine has no trusted roots of its own"), "{error}");
            }
        }
    }
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
