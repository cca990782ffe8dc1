//! From a handshake under way to a stream that can be accepted.

use std::rc::Rc;

use lem_rs::{Endpoint, Queue};

use super::monitor::Monitor;
use super::peers::Admitted;
use crate::error::Error;
use crate::handshake::Handshake;
use crate::transport::{Stream, Tls};

/// The right to carry a connection that was not accepted yet: one of
/// [`ServerOptions::handshakes`](crate::ServerOptions::handshakes), given back when it is dropped.
pub(super) struct Permit(Queue<()>);

impl Permit {
    /// Of a permit that was taken out of `permits`.
    pub(super) fn taken_from(permits: &Queue<()>) -> Self {
        Self(permits.clone())
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.put(());
    }
}

/// A handshake, and what it holds of its server.
pub(super) struct Handshaking {
    pub(super) handshake: Handshake,
    /// Its number in the registry.
    pub(super) id: u64,
    pub(super) monitor: Rc<Monitor>,
    pub(super) peer: Endpoint,
    pub(super) permit: Permit,
    pub(super) admitted: Admitted,
}

impl Handshaking {
    /// Ends the connection; the failure is counted and reported, and the client gets an alert.
    pub(super) fn fail(self, error: &Error) {
        let Self { handshake, monitor, peer, .. } = self;
        handshake.give_up();
        monitor.handshake_failed(&peer, error);
    }

    /// The stream, once the handshake is over.
    pub(super) fn finish(self) -> Unclaimed {
        let Self { handshake, id, monitor, peer, permit, admitted } = self;
        let stream = handshake.into_stream();
        let resumed = stream.with_transport(Tls::is_resumed) == Some(true);
        monitor.count(|counters| {
            counters.handshakes_finished += 1;
            counters.handshakes_resumed += u64::from(resumed);
        });
        monitor.registry.mark_ready(id, &stream);
        Unclaimed { stream, id, monitor, peer, _permit: permit, _admitted: admitted }
    }
}

/// A stream that was not accepted yet: it keeps its place, and its address' share of the places, until then.
pub(super) struct Unclaimed {
    stream: Stream,
    id: u64,
    monitor: Rc<Monitor>,
    peer: Endpoint,
    _permit: Permit,
    _admitted: Admitted,
}

impl Unclaimed {
    pub(super) fn accept(self) -> Stream {
        self.accept_with_peer().0
    }

    /// As [`accept`](Self::accept), and whose it is.
    pub(super) fn accept_with_peer(self) -> (Stream, Endpoint) {
        self.monitor.registry.mark_open(self.id, &self.stream);
        (self.stream, self.peer)
    }

    /// Cuts the connection off: its client must not take nothing for a complete answer.
    pub(super) fn abort(self) {
        self.stream.abort();
    }
}
