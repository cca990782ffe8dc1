//! The side of the clients.

use std::cell::Cell;
use std::rc::Rc;

use lem_ssl_rs::{
    Counters, Endpoint, Error, Listener, LiveContext, Server, ServerEvent, ServerOptions, Stream, TcpStream,
};

use super::preface::{self, Preface};
use crate::log::Log;
use crate::words;

/// Where clients come in.
#[derive(Debug)]
pub(super) enum Front {
    Plain(Listener),
    /// `claimed` counts the clients that were accepted.
    Tls {
        server: Server,
        claimed: Cell<u64>,
    },
}

/// A client; if it speaks TLS, its handshake is finished.
pub(super) enum Client {
    Plain(TcpStream),
    Tls(Stream),
}

impl Front {
    /// Takes clients from this listener; with TLS, if there is a context.
    pub(super) fn open(
        listener: Listener,
        context: Option<&LiveContext>,
        options: ServerOptions,
        preface: &Preface,
        log: &Log,
    ) -> Result<Self, Error> {
        let log = log.clone();
        let Some(context) = context else {
            listener.on_pause(move |error| log.warn(format!("accepting pauses: {error}")));
            return Ok(Self::Plain(listener));
        };
        let server = Server::over(context.clone(), listener, options)?;
        if !preface.is_empty() {
            let preface = Rc::new(preface.clone());
            let proxies = preface.clone();
            server.proxies(move |peer| proxies.is_from_proxy(peer));
            server.before_handshake(move |stream| {
                let preface = preface.clone();
                async move { preface.take(stream).await }
            });
        }
        server.on_event(move |event| match event {
            ServerEvent::HandshakeFailed { error, .. } if !preface::is_told(error) => {}
            event => log.line(words::event(event)),
        });
        Ok(Self::Tls { server, claimed: Cell::new(0) })
    }

    pub(super) async fn accept(&self) -> Result<Client, Error> {
        match self {
            Self::Plain(listener) => listener.accept().await.map(Client::Plain),
            Self::Tls { server, claimed } => {
                let stream = server.accept().await?;
                claimed.set(claimed.get() + 1);
                Ok(Client::Tls(stream))
            }
        }
    }

    /// Lets no more clients in, and cuts those that were not accepted: how many these were.
    pub(super) fn close(&self) -> u64 {
        // "already closed" is as good.
        match self {
            Self::Plain(listener) => {
                let _ = listener.close();
                0
            }
            Self::Tls { server, claimed } => {
                let before = server.counters();
                let _ = server.close();
                let unfinished = server.counters().failed.total() - before.failed.total();
                before.handshakes_finished.saturating_sub(claimed.get()) + unfinished
            }
        }
    }

    /// Whether it lets no more clients in.
    pub(super) fn is_closed(&self) -> bool {
        match self {
            Self::Plain(listener) => listener.is_closed(),
            Self::Tls { server, .. } => server.is_closed(),
        }
    }

    pub(super) fn local_addr(&self) -> &Endpoint {
        match self {
            Self::Plain(listener) => listener.local_addr(),
            Self::Tls { server, .. } => server.local_addr(),
        }
    }

    /// What was counted of handshakes, if there are any.
    pub(super) fn counters(&self) -> Option<Counters> {
        match self {
            Self::Plain(_) => None,
            Self::Tls { server, .. } => Some(server.counters()),
        }
    }
}
