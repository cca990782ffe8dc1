//! The context: what all its connections share.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use lem_rs::transport::StreamOptions;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::{ClientConfig, ServerConfig};

use crate::error::{ConfigError, ConfigPart, Error};
use crate::record_layer::RecordLayer;
use crate::trust::{Explainer, Remembers};

mod accepting;
mod builder;
mod configs;
mod serving;

pub use builder::ContextBuilder;
pub use configs::Version;
use serving::Serving;

/// Whom we trust, who we are, and what connections may do. Shared by all of them; cheap to clone.
///
/// Verification is on: a chain must lead to a trusted root, and the certificate must be valid for the name that was
/// asked for. TLS 1.2 (with ECDHE and AEAD suites) and TLS 1.3.
///
/// A context belongs to no machine and no thread: build it once, before the machine runs, because building reads files.
#[derive(Clone)]
pub struct Context {
    inner: Arc<Inner>,
}

#[derive(Clone)]
pub(crate) struct Inner {
    client: Result<Arc<ClientConfig>, ConfigError>,
    /// Explains servers' chains; `None` if a verifier of another kind decides, or nobody is trusted.
    explainer: Option<Arc<Explainer>>,
    /// What remembers servers from one connection to the next.
    pub(crate) remembers: Option<Arc<dyn Remembers>>,
    server: Result<Serving, ConfigError>,
    pub(crate) deadlines: Deadlines,
    pub(crate) options: StreamOptions,
    pub(crate) accept_missing_close_notify: bool,
    pub(crate) record_layer: RecordLayer,
}

/// How long the phases of a connection may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deadlines {
    /// Resolving, connecting and the handshake together. Default 30 s.
    pub(crate) connect: Duration,
    /// The handshake. Default 10 s.
    pub(crate) handshake: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { connect: Duration::from_secs(30), handshake: Duration::from_secs(10) }
    }
}

impl Context {
    /// A context for clients with the defaults: Mozilla's roots, no identity.
    ///
    /// ```
    /// use lem_ssl_rs::{Context, Error};
    ///
    /// // Mozilla's roots, TLS 1.2 and 1.3, chain and name verified.
    /// let context = Context::new()?;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// If no cryptography is enabled, or this CPU is too old for the default one; the message says what to do.
    pub fn new() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// A context of the caller's choice.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use lem_ssl_rs::{Context, Error, Version};
    ///
    /// let context = Context::builder()
    ///     .alpn(["h2", "http/1.1"])
    ///     .versions([Version::Tls13])
    ///     .connect_deadline(Duration::from_secs(5))
    ///     .build()?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn builder() -> ContextBuilder {
        ContextBuilder::default()
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    /// This context, going on with the sessions of `before` where that is right.
    pub(crate) fn with_tickets_of(self, before: &Self) -> Self {
        let (Ok(server), Ok(old)) = (&self.inner.server, &before.inner.server) else { return self };
        let server = Ok(server.with_tickets_of(old));
        Self { inner: Arc::new(Inner { server, ..Inner::clone(&self.inner) }) }
    }

    /// What a client needs.
    pub(crate) fn client(&self) -> Result<Arc<ClientConfig>, Error> {
        Ok(self.inner.client.clone()?)
    }

    /// What explains servers' chains.
    pub(crate) fn explainer(&self) -> Result<&Explainer, Error> {
        self.client()?;
        let problem =
            "this context recognises servers in another way than by their chain, so there is nothing to explain";
        Ok(self.inner.explainer.as_deref().ok_or_else(|| ConfigError::new(ConfigPart::Roots, problem))?)
    }

    fn serving(&self) -> Result<&Serving, Error> {
        Ok(self.inner.server.as_ref().map_err(Clone::clone)?)
    }

    /// What a server needs.
    pub(crate) fn server(&self) -> Result<Arc<ServerConfig>, Error> {
        Ok(self.serving()?.config.clone())
    }

    /// What a server that receives early data needs: if this context does not, as [`server`](Self::server).
    pub(crate) fn early_server(&self) -> Result<Arc<ServerConfig>, Error> {
        let serving = self.serving()?;
        Ok(serving.early.as_ref().unwrap_or(&serving.config).clone())
    }

    /// Whether servers can receive early data.
    pub(crate) fn has_early_data(&self) -> bool {
        self.serving().is_ok_and(|serving| serving.early.is_some())
    }
}

impl Inner {
    /// Checks a client's certificate again: one that was shown in a session that is resumed may have expired, or been
    /// revoked, since; and a client that showed none may need one now.
    pub(crate) fn check_client_again(&self, chain: &[CertificateDer<'_>]) -> Result<(), rustls::Error> {
        let clients = self.server.as_ref().ok().and_then(|serving| serving.clients.as_ref());
        let Some(verifier) = clients.map(|clients| &clients.verifier) else { return Ok(()) };
        match chain.split_first() {
            Some((leaf, intermediates)) => verifier.verify_client_cert(leaf, intermediates, UnixTime::now()).map(drop),
            None if verifier.offer_client_auth() && verifier.client_auth_mandatory() => {
                Err(rustls::Error::NoCertificatesPresented)
            }
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("can_connect", &self.inner.client.is_ok())
            .field("can_accept", &self.inner.server.is_ok())
            .field("deadlines", &self.inner.deadlines)
            .finish_non_exhaustive()
    }
}

/// Why a context without roots cannot connect.
fn no_roots() -> ConfigError {
    ConfigError::new(ConfigPart::Roots, "this context trusts nobody, so it cannot connect: give it roots")
}

/// Why a context without an identity cannot accept.
fn no_identity() -> ConfigError {
    ConfigError::new(
        ConfigPart::Identity,
        "this context has no identity, so it cannot accept connections: give it a certificate and key",
    )
}

/// Why raw public keys cannot be used with all versions.
fn only_tls13() -> ConfigError {
    ConfigError::new(ConfigPart::Versions, "raw public keys are shown in TLS 1.3 only: enable no other version")
}
