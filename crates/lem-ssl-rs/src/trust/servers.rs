//! How a client checks servers.

use std::pin::Pin;
use std::sync::Arc;

use lem_rs::Deadline;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName};

use super::explain::{Explainer, Usage};
use super::verifier::{OnVerified, ServerChain};
use crate::error::{ConfigError, ConfigPart, Error};

/// How a client checks servers.
pub(crate) struct Servers {
    pub(crate) verifier: Arc<dyn ServerCertVerifier>,
    /// `None` if no chain decides.
    pub(crate) explainer: Option<Arc<Explainer>>,
    /// What remembers servers from one connection to the next.
    pub(crate) remembers: Option<Arc<dyn Remembers>>,
    /// Whether TLS 1.2 cannot be spoken.
    pub(crate) only_tls13: bool,
}

impl Servers {
    /// By a verifier that somebody else has made.
    pub(crate) fn checked_by(verifier: Arc<dyn ServerCertVerifier>) -> Self {
        let only_tls13 = verifier.requires_raw_public_keys();
        Self { verifier, explainer: None, remembers: None, only_tls13 }
    }
}

/// What remembers servers from one connection to the next, in a file: off the loop, before and after the handshake.
pub(crate) trait Remembers: Send + Sync {
    /// Looks up what is known by now.
    fn before(&self, deadline: Deadline, target: String) -> Remembering;

    /// Remembers what the server has shown, or refuses it.
    fn after(
        &self,
        name: ServerName<'static>,
        chain: Vec<CertificateDer<'static>>,
        deadline: Deadline,
        target: String,
    ) -> Remembering;
}

/// Boxed, so that programs without a memory contain no code for it.
pub(crate) type Remembering = Pin<Box<dyn Future<Output = Result<(), Error>>>>;

/// What checks servers against these roots, which are `asked` under that name; `None` if there are none.
pub(crate) fn servers(
    roots: RootCertStore,
    asked: String,
    provider: &Arc<CryptoProvider>,
    on_verified: Option<OnVerified>,
) -> Result<Option<Servers>, ConfigError> {
    if roots.is_empty() {
        return Ok(None);
    }
    let roots = Arc::new(roots);
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.clone(), provider.clone())
        .build()
        .map_err(|error| ConfigError::new(ConfigPart::Roots, "the roots cannot be used").because(error))?;
    let algorithms = provider.signature_verification_algorithms;
    let explainer = Arc::new(Explainer::new(roots, asked, algorithms, Usage::Server));
    let verifier = Arc::new(ServerChain { verifier, explainer: explainer.clone(), on_verified });
    Ok(Some(Servers { verifier, explainer: Some(explainer), remembers: None, only_tls13: false }))
}
