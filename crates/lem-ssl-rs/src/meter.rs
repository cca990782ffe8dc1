//! What a server counts.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use lem_rs::{Error, Queue};

use crate::error::TlsError;

/// What a server has done so far. Plain numbers: a snapshot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Connections that were accepted.
    pub accepted: u64,
    /// Connections that were dropped at once because their peer's address had too many handshakes under way.
    pub refused: u64,
    /// How often accepting paused because descriptors or memory had run out.
    pub pauses: u64,
    /// Handshakes that were begun.
    pub handshakes_started: u64,
    /// Handshakes that were finished.
    pub handshakes_finished: u64,
    /// Of the finished ones, those that resumed a session.
    pub handshakes_resumed: u64,
    /// Handshakes that failed, by reason.
    pub failed: Failures,
    /// Streams that are open now: from the end of their handshake until their connection is gone.
    pub open: u64,
    /// Bytes of content that were received.
    pub received: u64,
    /// Bytes of content that were sent.
    pub sent: u64,
    /// The longest that a single task has held the loop: no other task's latency can be better.
    pub loop_lag: Duration,
}

/// Failed handshakes, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failures {
    /// The deadline passed.
    pub timed_out: u64,
    /// What the client sent was not TLS.
    pub not_tls: u64,
    /// The client went away.
    pub cut: u64,
    /// The client refused us, by an alert.
    pub refused_by_peer: u64,
    /// We refused the client's certificate, or it had none.
    pub certificate: u64,
    /// No version, suite, group or application protocol in common, or no identity for the name asked for.
    pub incompatible: u64,
    /// The client broke the protocol.
    pub protocol: u64,
    /// Anything else.
    pub other: u64,
}

impl Failures {
    /// All of them.
    pub fn total(&self) -> u64 {
        let Self { timed_out, not_tls, cut, refused_by_peer, certificate, incompatible, protocol, other } = *self;
        timed_out + not_tls + cut + refused_by_peer + certificate + incompatible + protocol + other
    }

    fn count(&mut self, error: &Error) {
        let class = match (error, TlsError::of(error)) {
            (Error::Timeout(_), _) => &mut self.timed_out,
            (_, Some(TlsError::NotTls { .. })) => &mut self.not_tls,
            (_, Some(TlsError::HandshakeCut { .. })) => &mut self.cut,
            (_, Some(TlsError::Alert { .. })) => &mut self.refused_by_peer,
            (_, Some(TlsError::Certificate(_))) => &mut self.certificate,
            (_, Some(TlsError::Incompatible(_) | TlsError::NoCommonProtocol | TlsError::UnknownName)) => {
                &mut self.incompatible
            }
            (_, Some(TlsError::Protocol(_))) => &mut self.protocol,
            _ => &mut self.other,
        };
        *class += 1;
    }
}

impl std::ops::AddAssign for Counters {
    /// Adds up the counters of several machines; of the lag, the longest counts.
    fn add_assign(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.pauses += other.pauses;
        self.handshakes_started += other.handshakes_started;
        self.handshakes_finished += other.handshakes_finished;
        self.handshakes_resumed += other.handshakes_resumed;
        self.failed.timed_out += other.failed.timed_out;
        self.failed.not_tls += other.failed.not_tls;
        self.failed.cut += other.failed.cut;
        self.failed.refused_by_peer += other.failed.refused_by_peer;
        self.failed.certificate += other.failed.certificate;
        self.failed.incompatible += other.failed.incompatible;
        self.failed.protocol += other.failed.protocol;
        self.failed.other += other.failed.other;
        self.open += other.open;
        self.received += other.received;
        self.sent += other.sent;
        self.loop_lag = self.loop_lag.max(other.loop_lag);
    }
}

/// A server's counters, and the list of what is open. `H` ends a stream that is on the list.
pub(crate) struct Meter<H> {
    counters: RefCell<Counters>,
    open: RefCell<HashMap<u64, H>>,
    next: Cell<u64>,
    /// Signalled whenever the last open stream is gone.
    emptied: Queue<()>,
}

impl<H: Clone> Meter<H> {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
            counters: RefCell::default(),
            open: RefCell::default(),
            next: Cell::new(0),
            emptied: Queue::new(),
        })
    }

    /// Counts something.
    pub(crate) fn count(&self, what: impl FnOnce(&mut Counters)) {
        what(&mut self.counters.borrow_mut());
    }

    pub(crate) fn count_failure(&self, error: &Error) {
        self.counters.borrow_mut().failed.count(error);
    }

    pub(crate) fn snapshot(&self) -> Counters {
        let open = self.open.borrow().len() as u64;
        Counters { open, ..*self.counters.borrow() }
    }

    /// What is open now.
    pub(crate) fn open(&self) -> Vec<H> {
        self.open.borrow().values().cloned().collect()
    }

    /// Waits until nothing is open.
    pub(crate) async fn emptied(&self) {
        while !self.open.borrow().is_empty() {
            // The queue is private: nobody resets it.
            let _ = self.emptied.get().await;
        }
    }

    /// A connection begins; it is not open yet.
    pub(crate) fn connection(self: &Rc<Self>) -> Metered<H> {
        let id = self.next.get();
        self.next.set(id + 1);
        Metered { meter: self.clone(), id }
    }

    fn strike(&self, id: u64) {
        let gone = self.open.borrow_mut().remove(&id);
        drop(gone);
        if self.open.borrow().is_empty() {
            self.emptied.signal(&());
        }
    }
}

/// One connection's place with its server's meter; struck from the list of what is open when it is dropped.
pub(crate) struct Metered<H: Clone> {
    meter: Rc<Meter<H>>,
    id: u64,
}

impl<H: Clone> Metered<H> {
    /// The handshake is finished: `handle` ends the stream.
    pub(crate) fn open(&self, handle: H) {
        self.meter.open.borrow_mut().insert(self.id, handle);
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.meter.count(|counters| counters.received += bytes as u64);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.meter.count(|counters| counters.sent += bytes as u64);
    }
}

impl<H: Clone> Drop for Metered<H> {
    fn drop(&mut self) {
        self.meter.strike(self.id);
    }
}
