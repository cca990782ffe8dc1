//! How a client checks servers.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;

use super::explain::{Explainer, Usage};
use super::verifier::{OnVerified, ServerChain};
use crate::error::{ConfigError, ConfigPart};

/// How a client checks servers.
pub(crate) struct Servers {
    pub(crate) verifier: Arc<dyn ServerCertVerifier>,
    pub(crate) explainer: Arc<Explainer>,
}

/// What checks servers against these roots; `None` if there are none.
pub(crate) fn servers(
    roots: RootCertStore,
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
    let explainer = Arc::new(Explainer::new(roots, algorithms, Usage::Server, Vec::new()));
    let verifier = Arc::new(ServerChain { verifier, explainer: explainer.clone(), on_verified });
    Ok(Some(Servers { verifier, explainer }))
}
