//! A connection: two ends, and a wire in each direction.

use std::collections::VecDeque;
use std::time::Duration;

use super::link::Link;
use super::trace::Side;
use crate::endpoint::Endpoint;

pub(super) struct Conn {
    pub(super) link: Link,
    pub(super) client: End,
    pub(super) server: End,
    /// The client has the server's answer.
    pub(super) established: bool,
    /// Nothing moves before this time.
    pub(super) stalled_until: Duration,
    /// A fault has ended the connection: what is written from now on goes nowhere.
    pub(super) broken: bool,
    /// What a short read or write means on this connection; see [`Socket`](crate::world::Socket).
    pub(super) short_means_empty: bool,
}

/// One end, with the wire that leads away from it.
pub(super) struct End {
    pub(super) address: Endpoint,
    /// Whether there is a socket, or one that waits to be accepted.
    pub(super) open: bool,
    /// The machine's name for the socket.
    pub(super) token: Option<usize>,
    pub(super) received: VecDeque<u8>,
    /// The peer's FIN was received.
    pub(super) fin: bool,
    /// Closing it sends RST.
    pub(super) resets: bool,
    /// A reset was received, or connecting has failed: nothing goes either way any more.
    pub(super) dead: bool,
    /// What the next call is to say, once.
    pub(super) error: Option<super::trace::Why>,
    /// A call said that there was nothing to read, or no room: an edge is due when that changes.
    pub(super) waits_readable: bool,
    pub(super) waits_writable: bool,
    /// An edge is on its way.
    pub(super) edge_due: bool,
    pub(super) out: Wire,
}

/// What an end has to send, and what of it is under way.
#[derive(Default)]
pub(super) struct Wire {
    pub(super) queue: VecDeque<u8>,
    pub(super) in_flight: usize,
    /// Nothing more will be written.
    pub(super) ended: bool,
    /// FIN or RST is under way or has arrived: nothing follows it.
    pub(super) over: bool,
    /// What a fault, or the end of this socket, sends behind all that, as soon as anything can set out.
    pub(super) last: Option<Last>,
    /// When the link has taken up what was sent last.
    pub(super) free_at: Duration,
    /// When what was sent last arrives; nothing overtakes it.
    pub(super) last_arrival: Duration,
    /// The next time at which it tries to send on.
    pub(super) pump_at: Option<Duration>,
}

/// A segment that is none of the data's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    /// Nobody meant it: writing goes on, into the void.
    Fin,
    Reset,
}

impl Conn {
    pub(super) fn new(link: Link, client: Endpoint, server: Endpoint, short_means_empty: bool) -> Self {
        Self {
            link,
            client: End::new(client, true),
            server: End::new(server, false),
            established: false,
            stalled_until: Duration::ZERO,
            broken: false,
            short_means_empty,
        }
    }

    pub(super) fn end(&mut self, side: Side) -> &mut End {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        !self.client.open && !self.server.open
    }

    /// Whether this end's socket can be used at all.
    pub(super) fn is_connected(&self, side: Side) -> bool {
        self.established || side == Side::Server
    }

    pub(super) fn is_readable(&self, side: Side) -> bool {
        let end = match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        };
        end.dead || (self.is_connected(side) && (!end.received.is_empty() || end.fin))
    }

    pub(super) fn is_writable(&self, side: Side) -> bool {
        let end = match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        };
        end.dead || (self.is_connected(side) && (end.out.ended || end.out.queue.len() < self.link.send_buffer))
    }
}

impl End {
    fn new(address: Endpoint, open: bool) -> Self {
        Self {
            address,
            open,
            token: None,
            received: VecDeque::new(),
            fin: false,
            resets: false,
            dead: false,
            error: None,
            waits_readable: false,
            waits_writable: false,
            edge_due: false,
            out: Wire::default(),
        }
    }
}
