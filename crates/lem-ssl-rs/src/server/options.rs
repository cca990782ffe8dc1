//! What a server does where its user says nothing.

use std::rc::Rc;

use lem_rs::{Endpoint, ListenOptions};

use crate::error::Error;

/// How a server listens, and what it lets clients do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerOptions {
    /// How to listen.
    pub listen: ListenOptions,
    /// How many connections may be shaking hands, or wait to be accepted, at once; further ones wait in the kernel's
    /// queue. Default 1024.
    pub handshakes: usize,
    /// How many of them may come from one address, or from one /64 of IPv6; a further one is dropped at once. Default 256. Keep
    /// it well below `handshakes`, or one address can fill every place until its handshakes time out; but behind a proxy
    /// or a load balancer, where all clients have one address, make the two equal.
    pub handshakes_per_peer: usize,
    /// Whether to receive early data (0-RTT), as far as the context does
    /// ([`ContextBuilder::early_data`](crate::ContextBuilder::early_data), which tells what that means). Streams are then
    /// accepted with [`Server::accept_early`](crate::Server::accept_early) only. Default: no.
    pub early_data: bool,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self { listen: ListenOptions::default(), handshakes: 1024, handshakes_per_peer: 256, early_data: false }
    }
}

impl ServerOptions {
    /// Sets [`listen`](Self#structfield.listen).
    #[must_use]
    pub fn listen(self, listen: ListenOptions) -> Self {
        Self { listen, ..self }
    }

    /// Sets [`handshakes`](Self#structfield.handshakes); at least one.
    #[must_use]
    pub fn handshakes(self, handshakes: usize) -> Self {
        Self { handshakes: handshakes.max(1), ..self }
    }

    /// Sets [`handshakes_per_peer`](Self#structfield.handshakes_per_peer); at least one.
    #[must_use]
    pub fn handshakes_per_peer(self, handshakes: usize) -> Self {
        Self { handshakes_per_peer: handshakes.max(1), ..self }
    }

    /// Sets [`early_data`](Self#structfield.early_data).
    #[must_use]
    pub fn early_data(self, early_data: bool) -> Self {
        Self { early_data, ..self }
    }
}

/// What a server has to tell, beside its counters: for a log.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServerEvent<'a> {
    /// A handshake failed.
    HandshakeFailed {
        /// With whom.
        peer: &'a Endpoint,
        /// Why.
        error: &'a Error,
    },
    /// A connection was dropped because its peer's address has too many handshakes under way
    /// ([`ServerOptions::handshakes_per_peer`]). Told once a second at most; [`Counters::refused`](crate::Counters) counts
    /// all of them.
    Refused {
        /// Whose.
        peer: &'a Endpoint,
    },
    /// Accepting pauses because descriptors or memory have run out. Told once for each pause; it goes on by itself.
    Paused(&'a Error),
    /// Accepting failed for good; the server is closed.
    Failed(&'a Error),
}

impl std::fmt::Display for ServerEvent<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::HandshakeFailed { peer, error } => write!(f, "{peer}: {error}"),
            Self::Refused { peer } => write!(f, "{peer}: refused, its address has too many handshakes under way"),
            Self::Paused(error) => write!(f, "accepting pauses: {error}"),
            Self::Failed(error) => write!(f, "accepting ended: {error}"),
        }
    }
}

/// What a server calls with its events.
pub(super) type EventHandler = Rc<dyn Fn(&ServerEvent<'_>)>;
