//! How a client checks servers.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;

use super::verifier::ServerChain;
use super::{Roots, load};
use crate::error::{ConfigError, ConfigPart};

/// What checks servers: against the built-in roots if none were named; `None` if there are none at all.
pub(crate) fn server_verifier(
    roots: &[Roots],
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ServerCertVerifier>>, ConfigError> {
    let store = if roots.is_empty() { load(&[Roots::default()])? } else { load(roots)? };
    if store.is_empty() {
        return Ok(None);
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider.clone())
        .build()
        .map_err(|error| ConfigError::new(ConfigPart::Roots, "the roots cannot be used").because(error))?;
    Ok(Some(Arc::new(ServerChain(verifier))))
}
