//! What is counted of one route.

use std::cell::Cell;
use std::time::Duration;

use super::histogram::{CONNECTIONS, HANDSHAKES, Histogram};

/// What is counted of one route.
#[derive(Debug)]
pub(super) struct Traffic {
    /// Clients that might come in.
    pub(super) connections: Cell<u64>,
    pub(super) open: Cell<u64>,
    /// Bytes to the back ends, of connections that are open, too.
    pub(super) up: Cell<u64>,
    /// Bytes to the clients.
    pub(super) down: Cell<u64>,
    pub(super) handshakes: Histogram,
    pub(super) dials: Histogram,
    pub(super) connections_lasted: Histogram,
}

/// A connection that is open.
pub(super) struct Passing<'a>(&'a Traffic);

impl Traffic {
    pub(super) fn new() -> Self {
        Self {
            connections: Cell::default(),
            open: Cell::default(),
            up: Cell::default(),
            down: Cell::default(),
            handshakes: Histogram::new(HANDSHAKES),
            dials: Histogram::new(HANDSHAKES),
            connections_lasted: Histogram::new(CONNECTIONS),
        }
    }

    /// A client comes in, after a handshake of so long.
    pub(super) fn enter(&self, handshake: Option<Duration>) -> Passing<'_> {
        self.connections.set(self.connections.get() + 1);
        self.open.set(self.open.get() + 1);
        if let Some(duration) = handshake {
            self.handshakes.observe(duration);
        }
        Passing(self)
    }

    pub(super) fn carried_up(&self, bytes: u64) {
        self.up.set(self.up.get() + bytes);
    }

    pub(super) fn carried_down(&self, bytes: u64) {
        self.down.set(self.down.get() + bytes);
    }
}

impl Passing<'_> {
    /// It has ended.
    pub(super) fn leave(self, lasted: Duration) {
        self.0.connections_lasted.observe(lasted);
    }
}

impl Drop for Passing<'_> {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
    }
}
