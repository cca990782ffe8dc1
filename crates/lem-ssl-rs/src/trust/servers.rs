//! How a client checks servers.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;

use super::verifier::ServerChain;
use crate::error::{ConfigError, ConfigPart};

/// What checks servers against these roots; `None` if there are none.
pub(crate) fn server_verifier(
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ServerCertVerifier>>, ConfigError> {
    if roots.is_empty() {
        return Ok(None);
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|error| ConfigError::new(ConfigPart::Roots, "the roots cannot be used").because(error))?;
    Ok(Some(Arc::new(ServerChain(verifier))))
}
