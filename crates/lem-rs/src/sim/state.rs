//! The simulated world's state: what there is, and what happens next.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use super::agenda::{Agenda, Due};
use super::bound::Bound;
use super::conn::Conn;
use super::faults::{Fault, FaultCounts, Faults};
use super::link::Link;
use super::rng::Rng;
use super::trace::{EndId, Side, Trace, What};
use crate::endpoint::Endpoint;
#[cfg(feature = "signal")]
use crate::world::Signal;
use crate::world::{Job, ReadyEvent};

/// What one turn of the machine's loop takes, so that a task that spins sees time pass as well.
const TURN: Duration = Duration::from_micros(1);

/// How long a blocking call takes.
const BLOCKING: Duration = Duration::from_millis(1);

pub(super) struct State {
    pub(super) now: Duration,
    pub(super) agenda: Agenda,
    pub(super) rng: Rng,
    pub(super) faults: Faults,
    pub(super) counts: FaultCounts,
    pub(super) trace: Trace,
    pub(super) link: Link,
    /// Links of their own, by either end's address.
    pub(super) links: BTreeMap<IpAddr, Link>,
    pub(super) names: BTreeMap<String, Name>,
    pub(super) conns: BTreeMap<u32, Conn>,
    pub(super) last_conn: u32,
    pub(super) listeners: BTreeMap<u32, Listening>,
    pub(super) last_listener: u32,
    pub(super) datagrams: BTreeMap<u32, Bound>,
    pub(super) last_datagram: u32,
    #[cfg(feature = "signal")]
    pub(super) signals: BTreeMap<u32, Receiving>,
    #[cfg(feature = "signal")]
    pub(super) last_signals: u32,
    pub(super) next_port: u16,
    /// Addresses that nothing reaches and nothing leaves.
    pub(super) dark: BTreeSet<IpAddr>,
    /// Open sockets and listeners.
    pub(super) descriptors: usize,
    pub(super) most_descriptors: usize,
    pub(super) turns: u64,
    pub(super) most_turns: u64,
}

/// What is known of a name.
#[derive(Debug, Clone, Default)]
pub(super) struct Name {
    pub(super) addresses: Vec<IpAddr>,
    /// How much longer its lookup takes.
    pub(super) delay: Duration,
}

/// A listening socket.
pub(super) struct Listening {
    pub(super) at: Endpoint,
    pub(super) backlog: usize,
    pub(super) shared: bool,
    pub(super) queue: VecDeque<u32>,
    pub(super) token: Option<usize>,
    /// A call said that there was nothing to accept: an edge is due when that changes.
    pub(super) waits: bool,
    pub(super) edge_due: bool,
}

/// Where signals are received.
#[cfg(feature = "signal")]
pub(super) struct Receiving {
    pub(super) wanted: Vec<Signal>,
    pub(super) arrived: Vec<Signal>,
    pub(super) token: Option<usize>,
}

/// What the machine is to do with what has happened.
pub(super) enum Outcome {
    /// There are events, or the time is over.
    Return,
    /// This blocking call is to be run; then go on.
    Run(Job),
    /// Nothing will ever happen.
    Never,
}

impl State {
    pub(super) fn log(&mut self, what: What) {
        self.trace.add(self.now, what);
    }

    /// Whether this fault happens now; if so it is counted and logged.
    pub(super) fn strikes(&mut self, fault: Fault, conn: Option<u32>) -> bool {
        let strikes = self.rng.chance(self.faults.rate(fault));
        if strikes {
            self.note_fault(fault, conn);
        }
        strikes
    }

    pub(super) fn note_fault(&mut self, fault: Fault, conn: Option<u32>) {
        self.counts.note(fault);
        self.log(What::Fault { fault, conn });
    }

    /// How long this fault lasts now; nothing if it does not happen.
    pub(super) fn delay(&mut self, fault: Fault, conn: Option<u32>) -> Duration {
        if self.strikes(fault, conn) { self.rng.within(fault.lasts()) } else { Duration::ZERO }
    }

    /// A turn of the machine's loop begins to wait.
    pub(super) fn begin_turn(&mut self) {
        self.turns += 1;
        self.now += TURN;
    }

    /// Goes on until there is something to tell the machine, or the time is `until`.
    pub(super) fn advance(&mut self, until: Option<Duration>, ready: &mut Vec<ReadyEvent>) -> Outcome {
        loop {
            while let Some(due) = self.agenda.take(self.now) {
                if let Due::Blocking(job) = due {
                    self.log(What::Blocking);
                    return Outcome::Run(job);
                }
                self.happen(due, ready);
            }
            if !ready.is_empty() {
                return Outcome::Return;
            }
            match (self.agenda.next(), until) {
                (Some(next), until) if until.is_none_or(|until| next <= until) => self.now = self.now.max(next),
                (_, Some(until)) => {
                    self.now = self.now.max(until);
                    return Outcome::Return;
                }
                (_, None) => return Outcome::Never,
            }
        }
    }

    /// The faults of a turn, when it has waited.
    pub(super) fn end_turn(&mut self, ready: &mut Vec<ReadyEvent>) {
        if self.strikes(Fault::Spurious, None) {
            let tokens: Vec<usize> = self
                .conns
                .values()
                .flat_map(|conn| [&conn.client, &conn.server])
                .filter(|end| end.open)
                .filter_map(|end| end.token)
                .chain(self.listeners.values().filter_map(|listener| listener.token))
                .chain(self.datagrams.values().filter_map(|bound| bound.token))
                .collect();
            let token = self.rng.pick(&tokens).copied();
            ready.extend(token.map(|token| ReadyEvent {
                token,
                readable: true,
                writable: true,
                read_closed: false,
                failed: false,
                urgent: false,
            }));
        }
        if ready.len() > 1 && self.strikes(Fault::Shuffle, None) {
            self.rng.shuffle(ready);
        }
        let late = self.delay(Fault::LateWakeup, None);
        self.now += late;
    }

    fn happen(&mut self, due: Due, ready: &mut Vec<ReadyEvent>) {
        match due {
            Due::Hello { conn, attempt } => self.hello(conn, attempt),
            Due::Answer { conn, why } => self.answer(conn, why),
            Due::Pump { end } => {
                let now = self.now;
                if let Some(conn) = self.conns.get_mut(&end.conn) {
                    let wire = &mut conn.end(end.side).out;
                    if wire.pump_at.is_some_and(|at| at <= now) {
                        wire.pump_at = None;
                    }
                    self.pump(end);
                }
            }
            Due::Arrive { end, bytes, fin } => self.arrive(end, &bytes, fin),
            Due::Reset { end } => self.reset_arrives(end),
            Due::Edge { end } => ready.extend(self.edge(end)),
            Due::Acceptable { listener } => ready.extend(self.acceptable(listener)),
            Due::Datagram { sender, from, to, bytes } => self.deliver(sender, from, to, bytes),
            Due::Unreachable { socket, to } => self.unreachable(socket, to),
            Due::Receivable { socket } => ready.extend(self.receivable(socket)),
            #[cfg(feature = "signal")]
            Due::Signalled { receiver } => ready.extend(self.signalled(receiver)),
            // Taken out by `advance`, which runs it without a borrow.
            Due::Blocking(_) => {}
        }
    }

    /// An edge is due at this end if it waits for what is there now.
    pub(super) fn raise(&mut self, end: EndId) {
        let Some(conn) = self.conns.get_mut(&end.conn) else { return };
        let (readable, writable) = (conn.is_readable(end.side), conn.is_writable(end.side));
        let this = conn.end(end.side);
        let due = (this.waits_readable && readable) || (this.waits_writable && writable);
        if !due || this.edge_due || this.token.is_none() || !this.open {
            return;
        }
        this.edge_due = true;
        let at = self.now + self.delay(Fault::LateEdge, Some(end.conn));
        self.agenda.put(at, Due::Edge { end });
    }

    fn edge(&mut self, end: EndId) -> Option<ReadyEvent> {
        let conn = self.conns.get_mut(&end.conn)?;
        let (readable, writable) = (conn.is_readable(end.side), conn.is_writable(end.side));
        let this = conn.end(end.side);
        this.edge_due = false;
        if !this.open {
            return None;
        }
        this.waits_readable &= !readable;
        this.waits_writable &= !writable;
        let read_closed = this.fin || this.dead;
        let failed = this.dead || this.error.is_some();
        let ready = ReadyEvent { token: this.token?, readable, writable, read_closed, failed, urgent: false };
        self.log(What::Edge { end, readable, writable });
        Some(ready)
    }

    pub(super) fn raise_listener(&mut self, listener: u32) {
        let Some(listening) = self.listeners.get_mut(&listener) else { return };
        if listening.waits && !listening.queue.is_empty() && !listening.edge_due && listening.token.is_some() {
            listening.edge_due = true;
            let at = self.now + self.delay(Fault::LateEdge, None);
            self.agenda.put(at, Due::Acceptable { listener });
        }
    }

    fn acceptable(&mut self, listener: u32) -> Option<ReadyEvent> {
        let listening = self.listeners.get_mut(&listener)?;
        listening.edge_due = false;
        listening.waits = false;
        let (token, at) = (listening.token?, listening.at.clone());
        self.log(What::Acceptable { at });
        Some(ReadyEvent { token, readable: true, writable: false, read_closed: false, failed: false, urgent: false })
    }

    /// A blocking call begins.
    pub(super) fn block(&mut self, job: Job) {
        let at = self.now + BLOCKING + self.delay(Fault::SlowBlocking, None);
        self.agenda.put(at, Due::Blocking(job));
    }

    /// The link between two addresses.
    pub(super) fn link_between(&self, one: &Endpoint, other: &Endpoint) -> Link {
        let own = [other, one].into_iter().filter_map(Endpoint::ip).find_map(|ip| self.links.get(&ip.ip()));
        own.unwrap_or(&self.link).bounded()
    }

    pub(super) fn is_dark(&self, address: &Endpoint) -> bool {
        address.ip().is_some_and(|address| self.dark.contains(&address.ip()))
    }

    /// Both ends of every connection that has one at `matches`.
    pub(super) fn ends_at(&self, matches: impl Fn(&Endpoint) -> bool) -> Vec<u32> {
        let concerned =
            self.conns.iter().filter(|(_, conn)| matches(&conn.client.address) || matches(&conn.server.address));
        concerned.map(|(id, _)| *id).collect()
    }

    pub(super) fn sides(conn: u32) -> [EndId; 2] {
        [EndId { conn, side: Side::Client }, EndId { conn, side: Side::Server }]
    }
}
