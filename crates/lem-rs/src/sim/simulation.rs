//! A simulated world with a machine in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::agenda::Agenda;
use super::connecting::FIRST_PORT;
use super::faults::{FaultCounts, Faults};
use super::link::Link;
use super::names::{Names, canonical};
use super::net::Net;
use super::rng::Rng;
use super::shared::Shared;
use super::state::{Name, State};
use super::trace::Trace;
use super::world::SimWorld;
use crate::error::Error;
use crate::runtime::Machine;

/// How many turns of the loop the runs in a world may take: a program that needs more spins.
const MAX_TURNS: u64 = 1_000_000;

/// The parts of a test that draw numbers of their own.
const WORLD: u64 = 1;
const DRIVER: u64 = 2;

/// A simulated world with a machine in it. See [the module](super) for what is simulated.
///
/// ```
/// use lem_rs::sim::Sim;
/// use lem_rs::{Error, now, sleep};
/// use std::time::Duration;
///
/// let sim = Sim::new(1);
/// let passed = sim.run(async {
///     let began = now();
///     sleep(Duration::from_secs(3600)).await;
///     now() - began
/// })?;
/// // An hour of virtual time, in no time.
/// assert_eq!(passed, Duration::from_secs(3600));
/// assert!(sim.leftovers().is_empty());
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Sim {
    // Before the world: its tasks close their sockets.
    machine: Machine,
    net: Net,
    seed: u64,
}

impl Sim {
    /// A calm world: no faults, the default link, the one name `localhost`.
    pub fn new(seed: u64) -> Self {
        Self::builder(seed).build()
    }

    /// A world of the caller's choice.
    pub fn builder(seed: u64) -> SimBuilder {
        SimBuilder {
            seed,
            faults: Faults::none(),
            link: Link::default(),
            links: BTreeMap::new(),
            names: BTreeMap::from([("localhost".into(), Name::at([IpAddr::V4(Ipv4Addr::LOCALHOST)]))]),
            most_descriptors: usize::MAX,
            most_turns: MAX_TURNS,
            checks_wakers: true,
            linger: None,
        }
    }

    /// Runs `main` in this world, as [`Machine::run`] does. Time and everything else go on where the run before ended.
    ///
    /// The result is the machine's, with `main`'s own in it: `Ok(Err(error))` if `main` has failed.
    ///
    /// # Errors
    /// [`Error::Stalled`] if tasks wait and nothing can happen any more; [`Error::Misuse`] if a task waits although its
    /// future kept no waker ([`SimBuilder::check_wakers`]), or a machine already runs on this thread; [`Error::Io`] if
    /// it is not over after the [most turns](SimBuilder::most_turns).
    ///
    /// # Panics
    /// As [`Machine::run`].
    #[track_caller]
    pub fn run<F: Future>(&self, main: F) -> Result<F::Output, Error> {
        self.machine.run(main)
    }

    /// The machine.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// The world's switches, also for tasks.
    pub fn net(&self) -> Net {
        self.net.clone()
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// A generator for what the test itself decides; a function of the seed, and the same at each call. What is drawn
    /// from it changes nothing in the world. Give each task its own [fork](Rng::fork): then what it draws does not depend
    /// on the others' turns.
    pub fn rng(&self) -> Rng {
        Rng::new(self.seed).fork(DRIVER)
    }

    /// How much virtual time has passed.
    pub fn elapsed(&self) -> Duration {
        self.net.elapsed()
    }

    /// What has happened so far.
    pub fn trace(&self) -> Trace {
        self.net.trace()
    }

    /// How many faults have happened, by kind.
    pub fn faults(&self) -> FaultCounts {
        self.net.faults()
    }

    /// What there still is: nothing, after a run whose tasks are over and which has closed what it opened. A task is
    /// over when it has had its last turn: one that was interrupted just before `main` ended is left, unless `main`
    /// awaited it.
    pub fn leftovers(&self) -> Leftovers {
        let (tasks, timers, sockets) = self.machine.counts();
        Leftovers {
            tasks,
            timers,
            sockets,
            descriptors: self.net.open_descriptors(),
            connections: self.net.connections(),
        }
    }
}

/// Chooses a simulated world's parts.
#[derive(Debug, Clone)]
#[must_use = "call build"]
pub struct SimBuilder {
    seed: u64,
    faults: Faults,
    link: Link,
    links: BTreeMap<IpAddr, Link>,
    names: BTreeMap<String, Name>,
    most_descriptors: usize,
    most_turns: u64,
    checks_wakers: bool,
    linger: Option<Duration>,
}

impl SimBuilder {
    /// How probable faults are, from the very beginning: servers that begin to listen meet them as well. To set up
    /// first, use [`Net::set_faults`]. Default none.
    pub fn faults(self, faults: Faults) -> Self {
        Self { faults, ..self }
    }

    /// The link of every connection that has no other.
    pub fn link(self, link: Link) -> Self {
        Self { link, ..self }
    }

    /// The link of the connections from or to this address.
    pub fn link_to(mut self, address: IpAddr, link: Link) -> Self {
        self.links.insert(address, link);
        self
    }

    /// Gives a name these addresses, best first.
    ///
    /// # Panics
    /// If an address is none.
    pub fn host<'a>(mut self, name: &str, addresses: impl IntoIterator<Item = &'a str>) -> Self {
        let parse = |address: &str| address.parse().unwrap_or_else(|_| panic!("{address:?} is no IP address"));
        self.names.insert(canonical(name), Name::at(addresses.into_iter().map(parse)));
        self
    }

    /// At most so many sockets and listeners may be open; more fail with EMFILE. Default without limit.
    pub fn descriptors(self, most: usize) -> Self {
        Self { most_descriptors: most, ..self }
    }

    /// How many turns of the loop all runs in this world may take before they count as spinning. Default one million.
    pub fn most_turns(self, most: u64) -> Self {
        Self { most_turns: most, ..self }
    }

    /// Whether a run fails as soon as a task waits although its future kept no waker. Default on; turn it off for
    /// programs that wait for [`std::future::pending`] on purpose.
    pub fn check_wakers(self, on: bool) -> Self {
        Self { checks_wakers: on, ..self }
    }

    /// As [`MachineBuilder::linger`](crate::MachineBuilder::linger), in virtual time.
    pub fn linger(self, most: Duration) -> Self {
        Self { linger: Some(most), ..self }
    }

    /// The world, at time zero.
    pub fn build(self) -> Sim {
        let shared = Shared::new(State {
            now: Duration::ZERO,
            agenda: Agenda::default(),
            rng: Rng::new(self.seed).fork(WORLD),
            faults: self.faults,
            counts: FaultCounts::default(),
            trace: Trace::default(),
            link: self.link,
            links: self.links,
            names: self.names,
            conns: BTreeMap::new(),
            last_conn: 0,
            listeners: BTreeMap::new(),
            last_listener: 0,
            datagrams: BTreeMap::new(),
            last_datagram: 0,
            #[cfg(feature = "signal")]
            signals: BTreeMap::new(),
            #[cfg(feature = "signal")]
            last_signals: 0,
            next_port: FIRST_PORT,
            dark: BTreeSet::new(),
            descriptors: 0,
            most_descriptors: self.most_descriptors,
            turns: 0,
            most_turns: self.most_turns,
        });
        let mut builder = Machine::builder().resolver(Names(shared.clone())).check_wakers(self.checks_wakers);
        if let Some(linger) = self.linger {
            builder = builder.linger(linger);
        }
        let machine = builder.build_in(Box::new(SimWorld(shared.clone())));
        Sim { machine, net: Net { shared }, seed: self.seed }
    }
}

impl Name {
    fn at(addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        Self { addresses: addresses.into_iter().collect(), delay: Duration::ZERO }
    }
}

/// What there still is in a simulated world and its machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leftovers {
    /// Tasks that are not over.
    pub tasks: usize,
    /// Timers that somebody waits for.
    pub timers: usize,
    /// Sockets and listeners that the machine watches.
    pub sockets: usize,
    /// Sockets and listeners that are open.
    pub descriptors: usize,
    /// Connections of which one end is open or waits to be accepted.
    pub connections: usize,
}

impl Leftovers {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.tasks + self.timers + self.sockets + self.descriptors + self.connections == 0
    }
}

impl fmt::Display for Leftovers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tasks, timers, sockets, descriptors, connections } = self;
        write!(
            f,
            "{tasks} task(s), {timers} timer(s), {sockets} watched socket(s), {descriptors} descriptor(s), \
             {connections} connection(s)"
        )
    }
}
