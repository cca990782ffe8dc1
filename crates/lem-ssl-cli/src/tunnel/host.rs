//! A name whose addresses change. Back ends that have it in common look it up together, whatever their ports are.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use lem_ssl_rs::lem_rs::transport::resolve;
use lem_ssl_rs::{Queue, now, spawn};

use super::dial::Undialled;

/// Addresses of a name are good for so long: systems do not tell for how long they are.
const FRESH: Duration = Duration::from_secs(5);

/// A lookup may take so long before those who know older addresses go on with them. Most take less, and then nobody is sent
/// where the name has led before.
const GRACE: Duration = Duration::from_millis(100);

/// A name has so many addresses at most, as far as we are concerned.
const MAX_ADDRESSES: usize = 64;

/// A name, and what is known of it.
pub(super) struct Host {
    name: String,
    /// Their ports are of no meaning.
    addresses: RefCell<Vec<SocketAddr>>,
    /// How often they were looked up.
    edition: Cell<u64>,
    lookup: Cell<Lookup>,
    /// Why the last lookup has failed, if it has.
    failed: RefCell<Option<Undialled>>,
    /// Told at the end of each lookup.
    news: Queue<()>,
}

/// How far the name is. There is one lookup at a time, however many wait for it, and however short their time is: a thread
/// that asks the operating system cannot be stopped.
#[derive(Debug, Clone, Copy)]
enum Lookup {
    Never,
    Running { since: Instant },
    Ended { at: Instant },
}

/// All names that lead to back ends, each once.
#[derive(Default)]
pub(super) struct Hosts {
    known: HashMap<String, Rc<Host>>,
    news: Queue<()>,
}

impl Hosts {
    /// The one of this name.
    pub(super) fn of(&mut self, name: &str) -> Rc<Host> {
        let news = &self.news;
        let new = || Rc::new(Host::new(name.to_owned(), news.clone()));
        self.known.entry(name.to_ascii_lowercase()).or_insert_with(new).clone()
    }

    /// Told at the end of each lookup of any of them.
    pub(super) fn news(&self) -> Queue<()> {
        self.news.clone()
    }
}

impl Host {
    fn new(name: String, news: Queue<()>) -> Self {
        let (addresses, edition, failed) = (RefCell::default(), Cell::default(), RefCell::default());
        Self { name, addresses, edition, lookup: Cell::new(Lookup::Never), failed, news }
    }

    /// How often its addresses were looked up: other addresses have another number.
    pub(super) fn edition(&self) -> u64 {
        self.edition.get()
    }

    /// Its addresses as they are known, with this port.
    pub(super) fn addresses(&self, port: u16) -> Vec<SocketAddr> {
        let mut addresses = self.addresses.borrow().clone();
        addresses.iter_mut().for_each(|address| address.set_port(port));
        addresses
    }

    /// Why the last lookup has failed, if it has.
    pub(super) fn failure(&self) -> Option<Undialled> {
        self.failed.borrow().clone()
    }

    /// Begins a lookup if the addresses are old.
    pub(super) fn refresh(self: &Rc<Self>) {
        let is_fresh = match self.lookup.get() {
            Lookup::Ended { at } => self.failed.borrow().is_none() && now().saturating_duration_since(at) < FRESH,
            Lookup::Never | Lookup::Running { .. } => false,
        };
        if !is_fresh {
            self.ask();
        }
    }

    /// Begins a lookup if there was none since `begun`. Whether one is under way.
    pub(super) fn ask_since(self: &Rc<Self>, begun: Instant) -> bool {
        let is_over = matches!(self.lookup.get(), Lookup::Ended { at } if at >= begun);
        if !is_over {
            self.ask();
        }
        !is_over
    }

    /// Whether nothing is known yet, and a lookup is under way.
    pub(super) fn is_awaited(&self) -> bool {
        matches!(self.lookup.get(), Lookup::Running { .. }) && self.addresses.borrow().is_empty()
    }

    /// How long it is worth to wait for newer addresses than those that are known.
    pub(super) fn grace(&self) -> Option<Duration> {
        let Lookup::Running { since } = self.lookup.get() else { return None };
        let left = GRACE.saturating_sub(now().saturating_duration_since(since));
        Some(left).filter(|left| !left.is_zero() && !self.addresses.borrow().is_empty())
    }

    /// Waits for the end of a lookup, of this name or of another.
    pub(super) async fn hear(&self) {
        // Nobody resets it.
        let _ = self.news.get().await;
    }

    /// Begins a lookup if none is under way.
    fn ask(self: &Rc<Self>) {
        if matches!(self.lookup.get(), Lookup::Running { .. }) {
            return;
        }
        self.lookup.set(Lookup::Running { since: now() });
        let host = self.clone();
        spawn(async move {
            let found = resolve(&host.name, 0).await;
            // What is known stays if nobody can tell.
            let failed = found.map(|found| host.learn(found)).err().map(Undialled::from);
            drop(host.failed.replace(failed));
            host.lookup.set(Lookup::Ended { at: now() });
            host.news.signal(&());
        })
        .detach();
    }

    /// Takes these addresses for those of the name.
    pub(super) fn learn(&self, mut found: Vec<SocketAddr>) {
        found.truncate(MAX_ADDRESSES);
        self.addresses.replace(found);
        self.edition.set(self.edition.get() + 1);
    }
}
