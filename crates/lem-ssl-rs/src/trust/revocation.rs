//! Lists of revoked certificates, and what a client's chain has to pass with them.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};

use super::revocation_list::List;
use super::rewritten;
use crate::error::{ConfigError, ConfigPart};
use crate::pem::{self, Found, Origin};

/// Lists of certificates that their issuers have revoked (RFC 5280 section 5), for the chains of clients.
///
/// A text is taken whole or refused. Where several lists of one issuer are given, each counts: a certificate that is on any
/// of them is refused. A list whose time is over counts as before, because an old list is better than none.
///
/// A list of a root must be signed with that root's key, and have its name as it is written in the certificate, not in
/// other capitals or another string type, or the context is not built. Lists of other issuers are checked when a client
/// shows the issuer's certificate; if the signature is wrong then, or the name is written in another way, the client is
/// refused. So is one whose issuer has no list of its own where another authority, whose name differs in that way only,
/// has one.
///
/// ```no_run
/// use lem_ssl_rs::{ClientAuth, Context, Error, Identity, RevocationLists, Roots};
///
/// let context = Context::builder()
///     .identity(Identity::from_pem_files("/etc/service/chain.pem", "/etc/service/key.pem")?)
///     .client_roots(Roots::PemFile("/etc/service/clients.pem".into()))
///     .client_auth(ClientAuth::Required)
///     .revocation_lists(RevocationLists::PemFile("/etc/service/revoked.pem".into()))
///     .build()?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevocationLists {
    /// The lists of a PEM file.
    PemFile(PathBuf),
    /// The lists of a PEM text.
    Pem(Vec<u8>),
}

impl RevocationLists {
    /// The lists in DER, as a context takes them; who has signed them is not looked at. A file is read each time.
    ///
    /// ```no_run
    /// use lem_ssl_rs::{Error, RevocationLists};
    ///
    /// let lists = RevocationLists::PemFile("/etc/service/revoked.pem".into());
    /// println!("{} revocation lists", lists.in_der()?.len());
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// A [`TlsError::Config`](crate::TlsError::Config) if the file or the text cannot be read, or holds anything else than
    /// revocation lists.
    pub fn in_der(&self) -> Result<Vec<CertificateRevocationListDer<'static>>, crate::Error> {
        let (found, _) = self.read()?;
        Ok(found.into_iter().map(|found| found.item).collect())
    }

    fn read(&self) -> Result<(Vec<Found<CertificateRevocationListDer<'static>>>, Origin<'_>), ConfigError> {
        let read;
        let (text, from) = match self {
            Self::PemFile(path) => {
                read = pem::read_file(ConfigPart::ClientAuth, path)?;
                (&read, Origin::File(path))
            }
            Self::Pem(text) => (text, Origin::Given("the PEM text")),
        };
        Ok((pem::revocation_lists(from, text)?, from))
    }

    pub(super) fn load(
        &self,
        roots: &RootCertStore,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Result<Vec<List>, ConfigError> {
        let (lists, from) = self.read()?;
        let checked = lists.into_iter().map(|found| {
            let refused = |problem: String| {
                ConfigError::new(ConfigPart::ClientAuth, format!("{from}, line {}: {problem}", found.line))
            };
            List::check(found.item, roots, algorithms).map_err(refused)
        });
        checked.collect()
    }
}

/// webpki looks at one list of an issuer only, and refuses the client if that is signed with another key. So where an
/// issuer's name has several lists, or several keys, each list gets a verifier of its own.
#[derive(Debug)]
pub(super) struct Revocation {
    /// With the lists that are the only one of their issuer.
    base: Arc<dyn ClientCertVerifier>,
    groups: Vec<Group>,
    lists: Vec<List>,
    roots: Arc<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
}

/// The lists of one issuer's name, each in a verifier.
#[derive(Debug)]
struct Group {
    verifiers: Vec<Arc<dyn ClientCertVerifier>>,
    /// All of them are signed by roots: a client whose issuer's key has signed none of them has an issuer without a list.
    by_roots: bool,
}

impl Revocation {
    /// `build` makes a verifier with these lists.
    pub(super) fn new(
        mut lists: Vec<List>,
        roots: Arc<RootCertStore>,
        algorithms: WebPkiSupportedAlgorithms,
        build: impl Fn(Vec<CertificateRevocationListDer<'static>>) -> Result<Arc<dyn ClientCertVerifier>, ConfigError>,
    ) -> Result<Self, ConfigError> {
        // Sorting is stable, and equal lists need be looked at once only.
        lists.sort_by(|one, other| (one.issuer(), one.der().as_ref()).cmp(&(other.issuer(), other.der().as_ref())));
        lists.dedup_by(|one, other| one.der() == other.der());
        let (mut single, mut groups) = (Vec::new(), Vec::new());
        for lists in lists.chunk_by(|one, other| one.issuer() == other.issuer()) {
            match lists {
                [only] if only.is_all_of_its_name() => single.push(only.der().clone()),
                _ => {
                    let verifiers = lists.iter().map(|list| build(vec![list.der().clone()]));
                    let by_roots = lists.iter().all(List::is_of_a_root);
                    groups.push(Group { verifiers: verifiers.collect::<Result<_, _>>()?, by_roots });
                }
            }
        }
        Ok(Self { base: build(single)?, groups, lists, roots, algorithms })
    }
}

impl Group {
    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let mut is_known = self.by_roots;
        for verifier in &self.verifiers {
            match verifier.verify_client_cert(end_entity, intermediates, now) {
                Ok(_) => is_known = true,
                Err(error) if is_of_another_key(&error) => {}
                Err(error) => return Err(error),
            }
        }
        if is_known { Ok(()) } else { Err(CertificateError::UnknownRevocationStatus.into()) }
    }
}

/// Whether a list says nothing of a chain that is good without it, because another key of its issuer's name has signed it.
/// webpki tells the most telling reason of all ways to a root: had any of them met a revoked certificate, it would be that.
fn is_of_another_key(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidCertRevocationList(_)
            | Error::InvalidCertificate(
                CertificateError::BadSignature
                    | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
            )
    )
}

impl ClientCertVerifier for Revocation {
    fn offer_client_auth(&self) -> bool {
        self.base.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.base.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.base.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.base.verify_client_cert(end_entity, intermediates, now).map_err(|error| match error {
            // A list of ours cannot be relied on. That is not the client's fault, but whether its certificate was revoked is
            // not known.
            Error::InvalidCertRevocationList(_) => CertificateError::UnknownRevocationStatus.into(),
            error => error,
        })?;
        for group in &self.groups {
            group.verify(end_entity, intermediates, now)?;
        }
        let chain: Vec<_> = std::iter::once(end_entity).chain(intermediates).collect();
        rewritten::check(&self.lists, &self.roots, self.algorithms, &chain)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.base.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.base.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.base.supported_verify_schemes()
    }
}

impl fmt::Debug for RevocationLists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PemFile(path) => f.debug_tuple("PemFile").field(path).finish(),
            Self::Pem(text) => write!(f, "Pem({} bytes)", text.len()),
        }
    }
}
