//! What will happen, and when.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::trace::{EndId, Why};
use crate::world::Job;

/// Things to come. Those of the same moment happen in the order in which they were put here.
#[derive(Default)]
pub(super) struct Agenda {
    entries: BTreeMap<(Duration, u64), Due>,
    count: u64,
}

/// One thing to come. What has lost its meaning when it comes changes nothing.
pub(super) enum Due {
    /// A client's first segment reaches the server's host, on this attempt.
    Hello { conn: u32, attempt: u32 },
    /// The answer to it reaches the client: yes, or why not.
    Answer { conn: u32, why: Option<Why> },
    /// An end may send on.
    Pump { end: EndId },
    /// A segment reaches this end.
    Arrive { end: EndId, bytes: Vec<u8>, fin: bool },
    /// RST reaches this end.
    Reset { end: EndId },
    /// The machine learns what this end is ready for.
    Edge { end: EndId },
    /// The machine learns that a listener has something to accept.
    Acceptable { listener: u32 },
    /// A datagram has come to its address.
    Datagram { sender: u32, from: SocketAddr, to: SocketAddr, bytes: Vec<u8> },
    /// ICMP "port unreachable": nobody received what this socket sent there.
    Unreachable { socket: u32, to: SocketAddr },
    /// The machine learns that a UDP socket has something to receive.
    Receivable { socket: u32 },
    /// The machine learns that a signal has arrived.
    #[cfg(feature = "signal")]
    Signalled { receiver: u32 },
    /// A blocking call has taken its time.
    Blocking(Job),
}

impl Agenda {
    pub(super) fn put(&mut self, at: Duration, due: Due) {
        self.count += 1;
        self.entries.insert((at, self.count), due);
    }

    /// When the next thing happens.
    pub(super) fn next(&self) -> Option<Duration> {
        self.entries.first_key_value().map(|((at, _), _)| *at)
    }

    /// The next thing, if it has its time by `now`.
    pub(super) fn take(&mut self, now: Duration) -> Option<Due> {
        let entry = self.entries.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }
}
