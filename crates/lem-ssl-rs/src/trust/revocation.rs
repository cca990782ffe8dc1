//! Lists of revoked certificates, and what a client's chain has to pass with them.

use std::cell::RefCell;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use webpki::{Cert, EndEntityCert, VerifiedPath};

use super::explain::name_of_root;
use super::path::distinct;
use super::revocation_list::{List, MAX_NEW_KEYS, NewKeys};
use super::standing::{Link, Standing, standing};
use crate::der;
use crate::error::{CertificateFault, CertificateFinding, ConfigError, ConfigPart, Explanation};
use crate::pem::{self, Found, Origin};
use crate::x509::{KeyUse, Raw, readable};

/// Lists of certificates that their issuers have revoked (RFC 5280 section 5), for the chains of clients.
///
/// A text is taken whole or refused. Where several lists of one issuer are given, each counts that its key has signed: a
/// certificate that is on any of them is refused. So is one whose number is on a list of exactly its issuer's name that
/// another key has signed, or on one of a trusted root whose name says the same
/// ([`RevocationListOfAnother`](CertificateFault::RevocationListOfAnother)): an authority that has got a new key lists with
/// it what its old one has issued. Two authorities of one name that both have lists need numbers that differ. A list whose
/// time is over counts as before, because an old list is better than none. Distribution points are not looked at (RFC 5280
/// section 5.2.5): a list of a part of its issuer's certificates counts for all of them.
///
/// A list of a root must be signed with that root's key, and have its name as it is written in the certificate, not in
/// other capitals or another string type, or the context is not built. Lists of other issuers are checked when a client
/// shows the issuer's certificate; if none has the right signature then, or the name is written in another way, the client
/// is refused. So is one whose issuer has no list of its own where another authority that is no root has one, and its name
/// differs in that way only; and one whose issuer is no root, and has the name of a root whose list is there. Where several
/// roots have one name, the list of one is enough for the clients of all that are not on it.
///
/// All of that is about the certificates on the client's way to a trusted root, and where there are several ways, one
/// without a fault is enough; what a client shows beside them is not looked at.
///
/// A list is kept in DER, with a sorted copy of its serial numbers. Its signature is checked when a chain is good
/// otherwise, with the keys of its issuer's name on the way to the root. That takes a few milliseconds for every 10 MB, in
/// which the loop does nothing else, so the verdict is kept for the next handshakes: a list whose signer is known is not
/// looked through again, and before that 16 keys are remembered that have not signed it. One handshake may bring 12 new
/// keys: of a client with many ways to roots, some may not be looked at, and do not let it in.
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
                read = pem::read_lists_file(path)?;
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

/// Looks at the lists for chains that webpki has accepted without them.
#[derive(Debug)]
pub(super) struct Revocation {
    pub(super) lists: Vec<List>,
    pub(super) roots: Arc<RootCertStore>,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

impl Revocation {
    /// Looks for a good way to a root on which the lists have nothing against anybody. A certificate that is on no good way
    /// says nothing of the client.
    ///
    /// # Errors
    /// The first way on which a certificate was revoked, or else the first one, with what the lists say there.
    pub(super) fn check(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Explanation> {
        let Ok(leaf) = EndEntityCert::try_from(end_entity) else { return Err(Explanation::default()) };
        let presented: Vec<&CertificateDer<'_>> = std::iter::once(end_entity).chain(intermediates).collect();
        let found = RefCell::new((NewKeys::new(), None));
        let verify_path = |path: &VerifiedPath<'_>| {
            let (new_keys, told) = &mut *found.borrow_mut();
            let Some(refused) = self.refuse(path, &presented, new_keys) else { return Ok(()) };
            if told.as_ref().is_none_or(|told| is_revoked(&refused) && !is_revoked(told)) {
                *told = Some(refused);
            }
            Err(webpki::Error::UnknownRevocationStatus)
        };
        let (algorithms, roots) = (self.algorithms.all, &self.roots.roots);
        let (distinct, usage) = (distinct(end_entity, intermediates), webpki::KeyUsage::client_auth());
        let verified = leaf.verify_for_usage(algorithms, roots, &distinct, now, usage, None, Some(&verify_path));
        match verified {
            Ok(_) => Ok(()),
            Err(error) => {
                let (new_keys, told) = found.take();
                let incomplete = new_keys.len() > MAX_NEW_KEYS || has_given_up(&error);
                Err(Explanation { incomplete, ..told.unwrap_or_default() })
            }
        }
    }

    /// What the lists say of the first certificate on a good way, from the root downwards, of which they say anything.
    fn refuse(
        &self,
        path: &VerifiedPath<'_>,
        presented: &[&CertificateDer<'_>],
        new_keys: &mut NewKeys,
    ) -> Option<Explanation> {
        let way: Vec<&Cert<'_>> =
            std::iter::once(&**path.end_entity()).chain(path.intermediate_certificates()).collect();
        let place = |one: &Cert<'_>| presented.iter().position(|der| **der == one.der());
        let mut key = path.anchor().subject_public_key_info.to_vec();
        let mut may_sign_lists = true;
        for certificate in way.iter().rev() {
            let name = certificate.issuer();
            let mut roots = self.roots.roots.iter();
            let is_by_a_root = roots.any(|root| *root.subject == *name && *root.subject_public_key_info == *key);
            let link = Link { issuer: name, serial: certificate.serial(), key: &key, is_by_a_root, may_sign_lists };
            let issuer = || readable(name);
            let fault = match standing(&self.lists, link, self.algorithms, new_keys) {
                Standing::Good => {
                    let spki = certificate.subject_public_key_info();
                    key = der::only(&spki, der::SEQUENCE).unwrap_or_default().to_vec();
                    let read = Raw::read(&certificate.der()).map(|raw| raw.extensions.allows(KeyUse::RevocationLists));
                    may_sign_lists = read.unwrap_or(false);
                    continue;
                }
                Standing::Revoked => CertificateFault::Revoked,
                Standing::ListedByAnother => CertificateFault::RevocationListOfAnother { issuer: issuer() },
                Standing::NotAllowed => CertificateFault::RevocationListNotAllowed { issuer: issuer() },
                Standing::BadSignature => CertificateFault::RevocationListBadSignature { issuer: issuer() },
                Standing::Rewritten => CertificateFault::RevocationListRewritten { issuer: issuer() },
                Standing::Unknown => CertificateFault::RevocationUnknown,
            };
            let subject = readable(certificate.subject());
            return Some(Explanation {
                path: way.iter().filter_map(|one| place(one)).collect(),
                root: Some(name_of_root(path.anchor())),
                findings: vec![CertificateFinding { fault, position: place(certificate), subject }],
                incomplete: false,
            });
        }
        None
    }
}

/// Whether webpki has left ways out, because there were too many.
fn has_given_up(error: &webpki::Error) -> bool {
    matches!(
        error,
        webpki::Error::MaximumSignatureChecksExceeded
            | webpki::Error::MaximumPathBuildCallsExceeded
            | webpki::Error::MaximumNameConstraintComparisonsExceeded
    )
}

fn is_revoked(refused: &Explanation) -> bool {
    refused.findings.iter().any(|finding| finding.fault == CertificateFault::Revoked)
}

impl fmt::Debug for RevocationLists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PemFile(path) => f.debug_tuple("PemFile").field(path).finish(),
            Self::Pem(text) => write!(f, "Pem({} bytes)", text.len()),
        }
    }
}
