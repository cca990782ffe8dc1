//! Whether a server asks its clients who they are, and whom it believes.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use webpki::BorrowedCertRevocationList;

use super::verifier::ClientChain;
use super::{Roots, load_roots};
use crate::error::{ConfigError, ConfigPart};
use crate::pem;

/// What a server that asks its clients for a certificate does with one that has none. A bad one is always refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum ClientAuth {
    /// It is welcome; [`Info::peer_certificates`](crate::Info::peer_certificates) is empty.
    Optional,
    /// It is refused.
    #[default]
    Required,
}

/// Lists of certificates that their issuers have revoked (RFC 5280 section 5), for the chains of clients.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevocationLists {
    /// The lists of a PEM file.
    PemFile(PathBuf),
    /// The lists of a PEM text.
    Pem(Vec<u8>),
}

impl RevocationLists {
    fn load(&self) -> Result<Vec<CertificateRevocationListDer<'static>>, ConfigError> {
        let (text, from) = match self {
            Self::PemFile(path) => (pem::read_file(ConfigPart::ClientAuth, path)?, path.display().to_string()),
            Self::Pem(text) => (text.clone(), "the PEM text".to_owned()),
        };
        let lists: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&text).collect();
        match lists {
            Ok(lists) if lists.is_empty() => {
                Err(ConfigError::new(ConfigPart::ClientAuth, format!("there is no revocation list in {from}")))
            }
            Ok(lists) => {
                // rustls would not say which of them it is that it cannot read.
                for list in &lists {
                    BorrowedCertRevocationList::from_der(list).map_err(|error| {
                        let problem = format!("a revocation list in {from} cannot be read");
                        ConfigError::new(ConfigPart::ClientAuth, problem).because(error)
                    })?;
                }
                Ok(lists)
            }
            Err(error) => Err(pem::invalid(ConfigPart::ClientAuth, &from, &error)),
        }
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

/// How a server checks its clients.
#[derive(Clone)]
pub(crate) struct Clients {
    pub(crate) verifier: Arc<dyn ClientCertVerifier>,
    /// What decides whom it believes, the same on every machine that is set up alike: a session that was begun under
    /// another policy is not resumed. Lists of revoked certificates are not in it; they are looked at each time.
    pub(crate) policy: Vec<u8>,
}

/// What checks clients; `None` if they are not asked, because nobody is trusted to vouch for them.
pub(crate) fn clients(
    roots: &[Roots],
    auth: ClientAuth,
    lists: &[RevocationLists],
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Clients>, ConfigError> {
    if roots.is_empty() {
        return Ok(None);
    }
    let store = Arc::new(load_roots(roots)?);
    let policy = policy_of(&store, auth);
    let mut builder = WebPkiClientVerifier::builder_with_provider(store, provider.clone());
    if auth == ClientAuth::Optional {
        builder = builder.allow_unauthenticated();
    }
    let mut revoked = Vec::new();
    for list in lists {
        revoked.extend(list.load()?);
    }
    if !revoked.is_empty() {
        // An issuer that gives no list has revoked nothing that we could know of; an expired list still counts.
        builder = builder.with_crls(revoked).allow_unknown_revocation_status();
    }
    let verifier = builder.build().map_err(|error| {
        ConfigError::new(ConfigPart::ClientAuth, "the roots for clients cannot be used").because(error)
    })?;
    Ok(Some(Clients { verifier: Arc::new(ClientChain(verifier)), policy }))
}

/// The mode, and each root's name and key, in an order that does not depend on how they were given.
fn policy_of(store: &RootCertStore, auth: ClientAuth) -> Vec<u8> {
    let mut roots: Vec<[&[u8]; 2]> =
        store.roots.iter().map(|root| [root.subject.as_ref(), root.subject_public_key_info.as_ref()]).collect();
    roots.sort_unstable();
    let mut policy = vec![u8::from(auth == ClientAuth::Required)];
    for part in roots.into_iter().flatten() {
        policy.extend((part.len() as u64).to_be_bytes());
        policy.extend(part);
    }
    policy
}
