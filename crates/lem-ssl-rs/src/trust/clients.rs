//! Whether a server asks its clients who they are, and whom it believes.

use std::sync::Arc;

use super::explain::{Explainer, Usage};
use super::revocation::{Revocation, RevocationLists};
use super::revocation_list::distinct;
use super::verifier::ClientChain;
use super::{Roots, describe_roots, load_roots};
use crate::error::{ConfigError, ConfigPart};
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

/// What a server that asks its clients for a certificate does with one that has none. A bad one is always refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientAuth {
    /// It is welcome; [`Info::peer_certificates`](crate::Info::peer_certificates) is empty.
    Optional,
    /// It is refused.
    #[default]
    Required,
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
    let store = Arc::new(load_roots(roots, ConfigPart::ClientAuth)?);
    if store.is_empty() {
        let problem = "clients cannot be checked: the roots for clients are empty, so nobody is trusted";
        return Err(ConfigError::new(ConfigPart::ClientAuth, problem));
    }
    let policy = policy_of(&store, auth);
    let algorithms = provider.signature_verification_algorithms;
    let mut builder = WebPkiClientVerifier::builder_with_provider(store.clone(), provider.clone());
    if auth == ClientAuth::Optional {
        builder = builder.allow_unauthenticated();
    }
    if !hints_fit(&store) {
        builder = builder.clear_root_hint_subjects();
    }
    let verifier = builder.build().map_err(|error| {
        ConfigError::new(ConfigPart::ClientAuth, "the roots for clients cannot be used").because(error)
    })?;
    let mut revoked = Vec::new();
    for list in lists {
        revoked.extend(list.load(&store, algorithms)?);
    }
    let lists = distinct(revoked);
    let revocation = (!lists.is_empty()).then(|| Revocation { lists, roots: store.clone(), algorithms });
    let explainer = Explainer::new(store, describe_roots(roots), algorithms, Usage::Client);
    Ok(Some(Clients { verifier: Arc::new(ClientChain { verifier, revocation, explainer }), policy }))
}

/// Whether the names of all roots fit into what a client is asked with. They only help it to choose among several
/// certificates; without any, it may show each (RFC 8446 section 4.2.4, RFC 5246 section 7.4.4).
fn hints_fit(store: &RootCertStore) -> bool {
    let each = store.subjects().into_iter().map(|name| LENGTH + name.as_ref().len());
    each.sum::<usize>() <= MAX_HINTS
}

/// A name is sent with its length before it.
const LENGTH: usize = 2;

/// The list must not be longer than 65,535 bytes. In TLS 1.3 that is true of all extensions together, and many peers take no
/// message that is longer; the rest is for the other extensions, of which the longest is that of signature schemes.
const MAX_HINTS: usize = 65_535 - 1024;

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
