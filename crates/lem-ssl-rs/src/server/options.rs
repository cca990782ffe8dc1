//! What a server does where its user says nothing.

use std::rc::Rc;

use lem_rs::{Endpoint, HandlerError, ListenOptions};

use crate::error::Error;

/// How a server listens, and what it lets clients do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerOptions {
    /// How to listen.
    pub listen: ListenOptions,
    /// How many connections may be shaking hands, or wait to be accepted, at once; further ones wait in the kernel's
    /// queue ([`ListenOptions::backlog`]), and the kernel refuses or ignores those that do not fit there. A handshake
    /// has a deadline; a stream that nobody accepts has none, and keeps its place. Of
    /// [`serve_threads`](crate::serve_threads) each thread has as many. Default 1024.
    pub handshakes: usize,
    /// How many of them may come from one address, or from one /64 of IPv6; a further one is dropped at once. Default 256. Keep
    /// it well below `handshakes`, or one address can fill every place until its handshakes time out or are accepted;
    /// but behind a proxy or a load balancer, where all clients have one address, make the two equal, unless it tells
    /// who they are ([`Server::proxies`](crate::Server::proxies)).
    pub handshakes_per_peer: usize,
    /// How many connections may be open at once, from the moment they are accepted until they are gone: handshakes, open
    /// streams, and streams that are being closed. At the limit accepting stops, and further clients wait in the kernel's
    /// queue ([`ListenOptions::backlog`]) until a connection goes; those that do not fit there are refused or ignored by
    /// the kernel. [`ServerEvent::AtLimit`] and [`Counters::limited`](crate::Counters::limited) tell. Zero accepts nobody,
    /// until [`Server::set_connections`](crate::Server::set_connections) raises it. Of
    /// [`serve_threads`](crate::serve_threads) each thread has the limit for itself. Default: none (`usize::MAX`); the
    /// process's limit of descriptors is the next one.
    pub connections: usize,
    /// Whether to receive early data (0-RTT), as far as the context does
    /// ([`ContextBuilder::early_data`](crate::ContextBuilder::early_data), which tells what that means). Streams are then
    /// accepted with [`Server::accept_early`](crate::Server::accept_early) only. Default: no.
    pub early_data: bool,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            listen: ListenOptions::default(),
            handshakes: 1024,
            handshakes_per_peer: 256,
            connections: usize::MAX,
            early_data: false,
        }
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

    /// Sets [`connections`](Self#structfield.connections).
    ///
    /// ```
    /// use lem_ssl_rs::ServerOptions;
    /// let options = ServerOptions::default().connections(10_000);
    /// ```
    #[must_use]
    pub fn connections(self, connections: usize) -> Self {
        Self { connections, ..self }
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
    /// An authority has seen the answer to its challenge (TLS-ALPN-01 of ACME, RFC 8737).
    Validated {
        /// Which.
        peer: &'a Endpoint,
        /// The name that it validates.
        name: &'a str,
    },
    /// A connection was dropped because too many from its address shake hands or wait to be accepted
    /// ([`ServerOptions::handshakes_per_peer`]). Reported once a second at most;
    /// [`Counters::refused`](crate::Counters) counts all of them.
    Refused {
        /// Whose.
        peer: &'a Endpoint,
    },
    /// Accepting pauses because descriptors or memory have run out, or 64 connections in a row were gone before they were
    /// accepted. Reported once for each pause; it goes on by itself.
    Paused(&'a Error),
    /// As many connections are open as may be ([`ServerOptions::connections`]): accepting stops until one goes. Told once
    /// a second at most; [`Counters::limited`](crate::Counters::limited) counts all of them.
    AtLimit {
        /// The limit.
        connections: usize,
    },
    /// A handler of [`Server::autospawn`](crate::Server::autospawn) has returned an error.
    HandlerFailed {
        /// Whose connection it handled.
        peer: &'a Endpoint,
        /// What it returned.
        error: &'a HandlerError,
    },
    /// Accepting failed for good; the server is closed.
    Failed(&'a Error),
}

impl std::fmt::Display for ServerEvent<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::HandshakeFailed { peer, error } => write!(f, "{peer}: {error}"),
            Self::Validated { peer, name } => {
                write!(f, "{peer}: an authority has seen the answer to its challenge for {name}")
            }
            Self::Refused { peer } => {
                write!(f, "{peer}: refused, too many connections from its address shake hands or wait to be accepted")
            }
            Self::Paused(error) => write!(f, "accepting pauses: {error}"),
            Self::AtLimit { connections } => {
                write!(f, "accepting stops: {connections} connections are open, as many as may be")
            }
            Self::HandlerFailed { peer, error } => write!(f, "{peer}: the handler failed: {error}"),
            Self::Failed(error) => write!(f, "accepting ended: {error}"),
        }
    }
}

/// What a server calls with its events.
pub(super) type EventHandler = Rc<dyn Fn(&ServerEvent<'_>)>;
