//! The context: what all its connections share.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use lem_rs::StreamOptions;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::{ClientConfig, ServerConfig};

use crate::error::{ConfigError, ConfigPart, Error, TlsError};
use crate::tickets::Tickets;
use crate::trust::{self, Clients};

mod builder;
mod configs;

pub use builder::{ContextBuilder, Version};

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
    server: Result<Arc<ServerConfig>, ConfigError>,
    /// For servers that receive early data; `None` if this context does not.
    early_server: Option<Arc<ServerConfig>>,
    /// How a server checks its clients; `None` if it does not.
    clients: Option<Clients>,
    /// What a resumed session relies on.
    policy: Vec<u8>,
    tickets: Tickets,
    pub(crate) deadlines: Deadlines,
    pub(crate) options: StreamOptions,
    pub(crate) accept_missing_close_notify: bool,
}

/// How long the phases of a connection may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// Resolving, connecting and the handshake together. Default 30 s.
    pub connect: Duration,
    /// The handshake. Default 10 s.
    pub handshake: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { connect: Duration::from_secs(30), handshake: Duration::from_secs(10) }
    }
}

impl Context {
    /// A context for clients with the defaults: Mozilla's roots, no identity.
    ///
    /// # Errors
    /// If no cryptography is enabled, or this CPU is too old for the default one; the message says what to do.
    pub fn new() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// A context of the caller's choice.
    pub fn builder() -> ContextBuilder {
        ContextBuilder::default()
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    /// This context, with the ticket keys and the remembered sessions of `before` if they are a process's own and the policy is the same: then a new
    /// certificate costs nobody the session.
    pub(crate) fn with_tickets_of(self, before: &Self) -> Self {
        let (Ok(server), Ok(old)) = (&self.inner.server, &before.inner.server) else { return self };
        let own = |context: &Self| matches!(context.inner.tickets, Tickets::PerProcess);
        if !own(&self) || !own(before) || self.inner.policy != before.inner.policy {
            return self;
        }
        let mut server = ServerConfig::clone(server);
        server.ticketer = old.ticketer.clone();
        let mut early_server = self.inner.early_server.clone();
        if let (Some(early), Some(old)) = (&mut early_server, &before.inner.early_server) {
            Arc::make_mut(early).session_storage = old.session_storage.clone();
        }
        Self { inner: Arc::new(Inner { server: Ok(Arc::new(server)), early_server, ..Inner::clone(&self.inner) }) }
    }

    /// What a client needs.
    pub(crate) fn client(&self) -> Result<Arc<ClientConfig>, Error> {
        Ok(self.inner.client.clone()?)
    }

    /// What a server needs.
    pub(crate) fn server(&self) -> Result<Arc<ServerConfig>, Error> {
        Ok(self.inner.server.clone()?)
    }

    /// What a server that receives early data needs: if this context does not, as [`server`](Self::server).
    pub(crate) fn early_server(&self) -> Result<Arc<ServerConfig>, Error> {
        self.inner.early_server.clone().map_or_else(|| self.server(), Ok)
    }

    /// Whether servers can receive early data.
    pub(crate) fn has_early_data(&self) -> bool {
        self.inner.early_server.is_some()
    }
}

impl Inner {
    /// Checks a client's certificate again: one that was shown in a session that is resumed may have expired, or been
    /// revoked, since.
    pub(crate) fn check_client_again(&self, chain: &[CertificateDer<'_>]) -> Result<(), Error> {
        let (Some(clients), Some((leaf, intermediates))) = (&self.clients, chain.split_first()) else { return Ok(()) };
        match clients.verifier.verify_client_cert(leaf, intermediates, UnixTime::now()) {
            Ok(_) => Ok(()),
            Err(rustls::Error::InvalidCertificate(error)) => {
                Err(TlsError::Certificate(Box::new(trust::explain(error))).into())
            }
            Err(error) => Err(TlsError::Protocol(error).into()),
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
