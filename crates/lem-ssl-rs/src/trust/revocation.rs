//! Lists of revoked certificates, and what a client's chain has to pass with them.

use std::cell::Cell;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use webpki::{EndEntityCert, VerifiedPath};

use super::revocation_list::{FreshChecks, List, MAX_FRESH_CHECKS};
use super::standing::{Link, Standing, standing};
use crate::der;
use crate::error::{ConfigError, ConfigPart};
use crate::pem::{self, Found, Origin};
use crate::x509::{KeyUse, Raw};

/// Lists of certificates that their issuers have revoked (RFC 5280 section 5), for the chains of clients.
///
/// A text is taken whole or refused. Where several lists of one issuer are given, each counts: a certificate that is on any
/// of them is refused. A list whose time is over counts as before, because an old list is better than none.
///
/// A list of a root must be signed with that root's key, and have its name as it is written in the certificate, not in
/// other capitals or another string type, or the context is not built. Lists of other issuers are checked when a client
/// shows the issuer's certificate; if the signature is wrong then, or the name is written in another way, the client is
/// refused. So is one whose issuer has no list of its own where another authority, whose name differs in that way only,
/// has one. All of that is about the certificates on the client's way to a trusted root, and where there are several ways, one
/// without a fault is enough; what a client shows beside them is not looked at.
///
/// A list is kept in DER, with a sorted copy of its serial numbers. Its signature is checked once for each key that is vouched
/// for, not in each handshake: that takes a few milliseconds for every 10 MB, in which the loop does nothing else.
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

/// Accepts whom `base` accepts, if there is a good way to a root on which our lists have nothing against anybody.
#[derive(Debug)]
pub(super) struct Revocation {
    /// Without lists.
    pub(super) base: Arc<dyn ClientCertVerifier>,
    pub(super) lists: Arc<[List]>,
    pub(super) roots: Arc<RootCertStore>,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

impl Revocation {
    /// Looks for such a way among the good ones: a certificate that is on none of them says nothing of the client.
    fn check(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), CertificateError> {
        let leaf = EndEntityCert::try_from(end_entity).map_err(|_| CertificateError::BadEncoding)?;
        let (fresh, is_revoked) = (FreshChecks::new(MAX_FRESH_CHECKS), Cell::new(false));
        let verify_path = |path: &VerifiedPath<'_>| match self.standing(path, &fresh) {
            Standing::Good => Ok(()),
            standing => {
                is_revoked.set(is_revoked.get() || standing == Standing::Revoked);
                Err(webpki::Error::UnknownRevocationStatus)
            }
        };
        let (algorithms, roots) = (self.algorithms.all, &self.roots.roots);
        let usage = webpki::KeyUsage::client_auth();
        match leaf.verify_for_usage(algorithms, roots, intermediates, now, usage, None, Some(&verify_path)) {
            Ok(_) => Ok(()),
            Err(_) if is_revoked.get() => Err(CertificateError::Revoked),
            // A list of ours cannot be relied on. That is not the client's fault, but whether its certificate was revoked is
            // not known.
            Err(_) => Err(CertificateError::UnknownRevocationStatus),
        }
    }

    /// The first that is not good, from the root downwards.
    fn standing(&self, path: &VerifiedPath<'_>, fresh: &FreshChecks) -> Standing {
        let mut key = path.anchor().subject_public_key_info.to_vec();
        let mut may_sign_lists = true;
        let intermediates = path.intermediate_certificates().rev();
        for certificate in intermediates.chain(std::iter::once(&**path.end_entity())) {
            let link = Link { issuer: certificate.issuer(), serial: certificate.serial(), key: &key, may_sign_lists };
            let standing = standing(&self.lists, link, self.algorithms, fresh);
            if standing != Standing::Good {
                return standing;
            }
            let spki = certificate.subject_public_key_info();
            let Some(own) = der::only(&spki, der::SEQUENCE) else { return Standing::Unknown };
            key = own.to_vec();
            let read = Raw::read(&certificate.der()).map(|raw| raw.extensions.allows(KeyUse::RevocationLists));
            may_sign_lists = read.unwrap_or(false);
        }
        Standing::Good
    }
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
        let verified = self.base.verify_client_cert(end_entity, intermediates, now)?;
        self.check(end_entity, intermediates, now)?;
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
