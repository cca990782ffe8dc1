//! Switches of the simulated world, for use while it runs.

use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use super::faults::{FaultCounts, Faults};
use super::link::{Link, NEVER};
use super::names::canonical;
use super::shared::Shared;
use super::state::State;
use super::trace::{Trace, What};
use crate::endpoint::Endpoint;

/// The simulated world's switches. Clones are the same world; tasks may hold one.
///
/// A connection is named by the address of either of its ends, as its streams tell it: a client's own address
/// ([`Stream::local_addr`](crate::Stream::local_addr)) names one connection, a server's all that go there.
#[derive(Clone)]
pub struct Net {
    pub(super) shared: Rc<Shared>,
}

impl Net {
    fn with<R>(&self, work: impl FnOnce(&mut State) -> R) -> R {
        work(&mut self.shared.state.borrow_mut())
    }

    /// How much virtual time has passed.
    pub fn elapsed(&self) -> Duration {
        self.with(|state| state.now)
    }

    /// Changes how probable faults are from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.with(|state| state.faults = faults);
    }

    /// How many faults have happened, by kind.
    pub fn faults(&self) -> FaultCounts {
        self.with(|state| state.counts)
    }

    /// Changes the link of connections that are begun from now on.
    pub fn set_link(&self, link: Link) {
        self.with(|state| state.link = link);
    }

    /// Gives a name these addresses, best first. Without any, its lookup finds none.
    pub fn host(&self, name: &str, addresses: impl IntoIterator<Item = IpAddr>) {
        // What the caller gave is iterated over with nothing borrowed.
        let addresses = addresses.into_iter().collect();
        self.with(|state| state.names.entry(canonical(name)).or_default().addresses = addresses);
    }

    /// Forgets a name: its lookup fails.
    pub fn forget_host(&self, name: &str) {
        self.with(|state| state.names.remove(&canonical(name)));
    }

    /// Lets the lookup of a name take so much longer. A name that was not known has no addresses.
    pub fn slow_host(&self, name: &str, delay: Duration) {
        self.with(|state| {
            state.names.entry(canonical(name)).or_default().delay = delay.min(NEVER);
        });
    }

    /// Cuts an address off: nothing sets out from it or to it, no end of a connection either, until [`heal`](Self::heal).
    /// What is under way still arrives.
    pub fn partition(&self, ip: IpAddr) {
        self.with(|state| {
            state.log(What::Note(format!("{ip} is cut off").into()));
            state.dark.insert(ip);
        });
    }

    /// Ends what [`partition`](Self::partition) began; what has waited goes on.
    pub fn heal(&self, ip: IpAddr) {
        self.with(|state| {
            state.log(What::Note(format!("{ip} is back").into()));
            state.dark.remove(&ip);
            let all: Vec<u32> = state.conns.keys().copied().collect();
            all.into_iter().flat_map(State::sides).for_each(|end| state.pump(end));
        });
    }

    /// Resets every connection with an end at this address: both ends are told, behind what is under way to them, and not
    /// through a partition or a stall. Returns how many there are.
    pub fn reset(&self, end: &Endpoint) -> usize {
        self.each(end, State::break_by_reset)
    }

    /// Ends every connection with an end at this address, with a FIN in both directions that nobody meant, and that passes
    /// no partition or stall. Returns how many there are.
    pub fn cut(&self, end: &Endpoint) -> usize {
        self.each(end, State::break_by_fin)
    }

    /// Nothing sets out on the connections with an end at this address for so long, and none of them is answered that is
    /// being made. What is under way still arrives. Returns how many there are.
    pub fn stall(&self, end: &Endpoint, duration: Duration) -> usize {
        self.each(end, |state, id| {
            let until = state.now + duration.min(NEVER);
            if let Some(conn) = state.conns.get_mut(&id) {
                conn.stalled_until = conn.stalled_until.max(until);
            }
        })
    }

    fn each(&self, end: &Endpoint, work: impl Fn(&mut State, u32)) -> usize {
        self.with(|state| {
            let concerned = state.ends_at(|address| address == end);
            concerned.iter().for_each(|id| work(state, *id));
            concerned.len()
        })
    }

    /// At most so many sockets and listeners may be open from now on; more fail with EMFILE.
    pub fn limit_descriptors(&self, most: usize) {
        self.with(|state| state.most_descriptors = most);
    }

    /// How many sockets and listeners are open.
    pub fn open_descriptors(&self) -> usize {
        self.with(|state| state.descriptors)
    }

    /// How many connections there are: those included whose last bytes are under way to somebody who may still read
    /// them, and those that nobody has accepted.
    pub fn connections(&self) -> usize {
        self.with(|state| state.conns.len())
    }

    /// How many bytes are under way, or wait in buffers for somebody who may still read them.
    pub fn bytes_under_way(&self) -> usize {
        self.with(|state| {
            let ends = state.conns.values().flat_map(|conn| [&conn.client, &conn.server]);
            ends.map(|end| end.received.len() + end.out.queue.len() + end.out.in_flight).sum()
        })
    }

    /// Adds an event to the trace. That changes nothing else, so the same seed still gives the same run. A text with a
    /// line break takes several lines when the trace is printed.
    pub fn note(&self, text: impl Into<Box<str>>) {
        let text = text.into();
        self.with(|state| state.log(What::Note(text)));
    }

    /// What has happened so far.
    pub fn trace(&self) -> Trace {
        self.with(|state| state.trace.clone())
    }
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Net").field("elapsed", &self.elapsed()).finish_non_exhaustive()
    }
}
