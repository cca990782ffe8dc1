//! Lists of revoked certificates, and what a client's chain has to pass with them.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, TrustAnchor, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use webpki::{CertRevocationList, OwnedCertRevocationList, RawPublicKeyEntity};

use super::rewritten;
use super::unusable_list::unusable_list;
use crate::der::{self, Signed};
use crate::error::{ConfigError, ConfigPart, webpki_words};
use crate::pem::{self, Found, Origin};
use crate::x509::{NameValue, readable};

/// Lists of certificates that their issuers have revoked (RFC 5280 section 5), for the chains of clients.
///
/// A text is taken whole or refused. Where several lists of one issuer are given, each counts: a certificate that is on any
/// of them is refused. A list whose time is over counts as before, because an old list is better than none.
///
/// A list of a root must be signed with that root's key, and have its name as it is written in the certificate, or the context
/// is not built. Lists of other issuers are checked when a client shows the issuer's certificate; if the signature is wrong
/// then, or the name is written in another way, the client is refused.
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

/// One list, which was read.
#[derive(Debug, Clone)]
pub(super) struct List {
    der: CertificateRevocationListDer<'static>,
    read: Arc<CertRevocationList<'static>>,
    /// The content of the issuer's name.
    issuer: Vec<u8>,
    issuer_value: NameValue,
    signer: Signer,
}

/// Whose key has signed a list, as far as it is known before a client comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signer {
    /// That of the only root of this name.
    Root,
    /// That of one of several roots of this name.
    OneOfTheRoots,
    /// No root has this name.
    Unknown,
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

impl List {
    /// The content of its issuer's name.
    pub(super) fn issuer(&self) -> &[u8] {
        &self.issuer
    }

    /// What that name says.
    pub(super) fn issuer_value(&self) -> &NameValue {
        &self.issuer_value
    }

    /// What its issuer has signed; `None` never, because it was read before.
    pub(super) fn signed(&self) -> Option<Signed<'_>> {
        Signed::read(&self.der)
    }

    /// Whether a root has signed it: of certificates that another key of that name has issued it says nothing.
    pub(super) fn is_of_a_root(&self) -> bool {
        self.signer != Signer::Unknown
    }

    /// Whether a certificate with this serial number is on it.
    pub(super) fn has(&self, serial: &[u8]) -> bool {
        matches!(self.read.find_serial(serial), Ok(Some(_)))
    }

    fn check(
        der: CertificateRevocationListDer<'static>,
        roots: &RootCertStore,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Result<Self, String> {
        let unusable = |why: &str| format!("this revocation list cannot be used: {why}");
        let signed = Signed::read(&der).ok_or_else(|| unusable(&webpki_words(&webpki::Error::BadDer)))?;
        // webpki takes the missing version for damage. It is what openssl writes without a file that says otherwise.
        if der::take(&mut { signed.message.content }).is_some_and(|first| first.tag == der::SEQUENCE) {
            return Err(unusable(&format!(
                "{} (openssl ca -gencrl writes it with \"crl_extensions\" in its configuration)",
                webpki_words(&webpki::Error::UnsupportedCrlVersion)
            )));
        }
        let parsed = OwnedCertRevocationList::from_der(&der).map_err(|error| {
            let why = unusable_list(signed.message.content).map_or_else(|| webpki_words(&error), Cow::Borrowed);
            unusable(&why)
        })?;
        let read = Arc::new(CertRevocationList::from(parsed));
        let issuer = read.issuer().to_vec();
        let name = readable(&issuer).unwrap_or_else(|| "an issuer without a name".into());
        if !algorithms.all.iter().any(|one| one.signature_alg_id().as_ref() == signed.algorithm) {
            return Err(format!(
                "the revocation list of {name} is signed with an algorithm that is not accepted here (SHA-1?): its \
                 issuer has to sign it with a newer one"
            ));
        }
        let issuer_value = NameValue::of(&issuer);
        let of_this_name: Vec<_> = roots.roots.iter().filter(|root| root.subject.as_ref() == issuer).collect();
        let signer = match of_this_name.as_slice() {
            [] => {
                refuse_rewritten(&issuer_value, &name, roots, &signed, algorithms)?;
                Signer::Unknown
            }
            roots if !roots.iter().any(|root| has_signed(root, &signed, algorithms)) => {
                return Err(not_signed(&name));
            }
            [_] => Signer::Root,
            _ => Signer::OneOfTheRoots,
        };
        Ok(Self { der, read, issuer, issuer_value, signer })
    }
}

/// Refuses a list of a root whose name it writes in another way: it would count for nobody.
fn refuse_rewritten(
    value: &NameValue,
    name: &str,
    roots: &RootCertStore,
    signed: &Signed<'_>,
    algorithms: WebPkiSupportedAlgorithms,
) -> Result<(), String> {
    let same_name = |root: &TrustAnchor<'_>| NameValue::of(&root.subject) == *value;
    if let Some(root) = roots.roots.iter().find(|root| has_signed(root, signed, algorithms)) {
        let root_name = readable(&root.subject).unwrap_or_else(|| "a root without a name".into());
        let how = match same_name(root) {
            true => "in another way than the root's certificate (another string type, or capitals)".to_owned(),
            false => format!("as no root's, though {root_name} has signed it"),
        };
        return Err(format!(
            "the revocation list of {name} writes its issuer's name {how}, so it would count for nobody: its issuer has to \
             issue it again with the name as it is in the certificate"
        ));
    }
    if roots.roots.iter().any(same_name) { Err(not_signed(name)) } else { Ok(()) }
}

fn not_signed(name: &str) -> String {
    format!(
        "the revocation list of {name} is not signed with the key of the root of this name: it was damaged, or is of another \
         authority, or the root is not the right one"
    )
}

fn has_signed(root: &TrustAnchor<'_>, signed: &Signed<'_>, algorithms: WebPkiSupportedAlgorithms) -> bool {
    let key = webpki::spki_for_anchor(root);
    let Ok(key) = RawPublicKeyEntity::try_from(&key) else { return false };
    let fitting = algorithms.all.iter().filter(|one| one.signature_alg_id().as_ref() == signed.algorithm);
    fitting.into_iter().any(|one| key.verify_signature(*one, signed.message.whole, signed.signature).is_ok())
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
        lists.sort_by(|one, other| (&one.issuer, one.der.as_ref()).cmp(&(&other.issuer, other.der.as_ref())));
        lists.dedup_by(|one, other| one.der == other.der);
        let (mut single, mut groups) = (Vec::new(), Vec::new());
        for lists in lists.chunk_by(|one, other| one.issuer == other.issuer) {
            match lists {
                [only] if only.signer != Signer::OneOfTheRoots => single.push(only.der.clone()),
                _ => {
                    let verifiers = lists.iter().map(|list| build(vec![list.der.clone()]));
                    let by_roots = lists.iter().all(|list| list.signer != Signer::Unknown);
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
