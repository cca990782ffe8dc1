//! The cryptography: always chosen by us or the caller, never the process's default.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, KeyProvider};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::SigningKey;

use crate::error::ConfigError;

/// The default cryptography, by features and CPU: graviola where it can run, then ring, then AWS-LC.
///
/// It loads no private keys: [`default_keys`] does, so that a program without an identity contains no code that signs, if
/// it is built with link-time optimisation.
pub(crate) fn default_provider() -> Result<Arc<CryptoProvider>, ConfigError> {
    of_default(|whole| Arc::new(CryptoProvider { key_provider: &NoPrivateKeys, ..whole }))
}

/// What loads private keys, of the default cryptography.
pub(crate) fn default_keys() -> Result<&'static dyn KeyProvider, ConfigError> {
    of_default(|whole| whole.key_provider)
}

#[derive(Debug)]
struct NoPrivateKeys;

impl KeyProvider for NoPrivateKeys {
    fn load_private_key(&self, _: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, rustls::Error> {
        Err(rustls::Error::General("keys are loaded by another part".into()))
    }

    /// It computes nothing, so whether the whole is approved (which makes rustls stricter) is up to the other parts.
    fn fips(&self) -> bool {
        true
    }
}

/// Takes a part of the default cryptography. Generic, so that each caller has a copy in which the compiler sees which
/// part is left over.
fn of_default<T>(take: impl FnOnce(CryptoProvider) -> T) -> Result<T, ConfigError> {
    #[cfg(feature = "graviola")]
    if graviola::util::is_cpu_supported() {
        return Ok(take(rustls_graviola::default_provider()));
    }
    second_choice().map(take)
}

#[cfg(feature = "ring")]
fn second_choice() -> Result<CryptoProvider, ConfigError> {
    Ok(rustls::crypto::ring::default_provider())
}

#[cfg(all(feature = "aws-lc-rs", not(feature = "ring")))]
fn second_choice() -> Result<CryptoProvider, ConfigError> {
    Ok(rustls::crypto::aws_lc_rs::default_provider())
}

#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
fn second_choice() -> Result<CryptoProvider, ConfigError> {
    let problem = if cfg!(feature = "graviola") {
        "this CPU lacks instructions that the default cryptography needs (AES, AVX2, BMI2 and ADX on x86_64): \
         enable the feature \"ring\" of lem-ssl-rs, or give the context a provider (danger::provider)"
    } else {
        "no cryptography: enable one of the features \"graviola\", \"ring\" and \"aws-lc-rs\" of lem-ssl-rs, or give \
         the context a provider (danger::provider)"
    };
    Err(ConfigError::new(crate::error::ConfigPart::Provider, problem))
}
