//! What a server counts.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
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
    /// Handshakes that brought early data (0-RTT), whatever became of them.
    pub handshakes_early: u64,
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
    /// Anything else; an [`Early`](crate::Early) that was dropped before its handshake was finished, for one.
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
        self.handshakes_early += other.handshakes_early;
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
    /// In the order of their numbers, which is the one in which they are ended.
    listed: RefCell<BTreeMap<u64, Listed<H>>>,
    next: Cell<u64>,
    /// Signalled whenever the last one on the list is gone.
    emptied: Queue<()>,
    /// The time for what is on the list is over.
    over: Cell<bool>,
}

/// A connection that somebody may be busy with.
#[derive(Clone)]
pub(crate) enum Listed<H> {
    /// Handed out with its early data; its handshake is not finished.
    Early(H),
    /// Its handshake is finished; nobody has accepted it.
    Waiting(H),
    /// Accepted.
    Open(H),
    /// Accepted, and our goodbye is said: what is left is to be delivered.
    Ending(H),
}

impl<H: Clone + 'static> Meter<H> {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
            counters: RefCell::default(),
            listed: RefCell::default(),
            next: Cell::new(0),
            emptied: Queue::new(),
            over: Cell::new(false),
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
        let open = self.listed.borrow().values().filter(|listed| !matches!(listed, Listed::Early(_))).count() as u64;
        Counters { open, ..*self.counters.borrow() }
    }

    /// How many were accepted and are not gone.
    pub(crate) fn accepted(&self) -> u64 {
        self.listed.borrow().values().filter(|listed| !matches!(listed, Listed::Waiting(_))).count() as u64
    }

    /// The time is over: early connections yield no stream any more. Says what is left.
    pub(crate) fn end(&self) -> Vec<Listed<H>> {
        self.over.set(true);
        self.listed.borrow().values().cloned().collect()
    }

    /// Whether [`end`](Self::end) was called.
    pub(crate) fn is_over(&self) -> bool {
        self.over.get()
    }

    /// Waits until nothing is on the list.
    pub(crate) async fn emptied(&self) {
        while !self.listed.borrow().is_empty() {
            // The queue is private: nobody resets it.
            let _ = self.emptied.get().await;
        }
    }

    /// A connection begins; it is not on the list yet.
    pub(crate) fn connection(self: &Rc<Self>) -> Metered<H> {
        let id = self.next.get();
        self.next.set(id + 1);
        Metered { meter: self.clone(), id }
    }
}

/// What a connection does with its server's meter. A program without a server contains none of it.
trait Listing<H> {
    fn list(&self, id: u64, listed: Listed<H>);
    fn end(&self, id: u64);
    fn strike(&self, id: u64);
    fn add(&self, received: usize, sent: usize);
}

impl<H: Clone + 'static> Listing<H> for Meter<H> {
    fn list(&self, id: u64, listed: Listed<H>) {
        let before = self.listed.borrow_mut().insert(id, listed);
        drop(before);
    }

    fn end(&self, id: u64) {
        if let Some(listed) = self.listed.borrow_mut().get_mut(&id)
            && let Listed::Open(handle) = listed
        {
            *listed = Listed::Ending(handle.clone());
        }
    }

    fn strike(&self, id: u64) {
        let gone = self.listed.borrow_mut().remove(&id);
        drop(gone);
        if self.listed.borrow().is_empty() {
            self.emptied.signal(&());
        }
    }

    fn add(&self, received: usize, sent: usize) {
        self.count(|counters| {
            counters.received += received as u64;
            counters.sent += sent as u64;
        });
    }
}

/// One connection's place with its server's meter; struck from the list when it is dropped.
pub(crate) struct Metered<H> {
    meter: Rc<dyn Listing<H>>,
    id: u64,
}

impl<H> Metered<H> {
    /// It is handed out with its early data.
    pub(crate) fn early(&self, handle: H) {
        self.meter.list(self.id, Listed::Early(handle));
    }

    /// Our goodbye is said.
    pub(crate) fn ending(&self) {
        self.meter.end(self.id);
    }

    /// The handshake is finished: `handle` ends the stream.
    pub(crate) fn waits(&self, handle: H) {
        self.meter.list(self.id, Listed::Waiting(handle));
    }

    /// The stream was accepted.
    pub(crate) fn accepted(&self, handle: H) {
        self.meter.list(self.id, Listed::Open(handle));
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.meter.add(bytes, 0);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.meter.add(0, bytes);
    }
}

impl<H> Drop for Metered<H> {
    fn drop(&mut self) {
        self.meter.strike(self.id);
    }
}
