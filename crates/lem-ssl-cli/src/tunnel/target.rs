//! A back end as it was given: an address, or a name whose addresses change.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use lem_ssl_rs::lem_rs::transport::resolve;
use lem_ssl_rs::{Address, Queue, now, spawn, timeout};

use super::dial::{BackEnd, Undialled};
use super::member::Member;

/// Addresses of a name are good for so long: systems do not tell for how long they are.
const FRESH: Duration = Duration::from_secs(5);

/// A lookup may take so long before those who know older addresses go on with them. Most take less, and then nobody is sent
/// where the name has led before.
const GRACE: Duration = Duration::from_millis(100);

/// A name has so many addresses at most, as far as we are concerned.
const MAX_ADDRESSES: usize = 64;

/// A back end as it was given.
pub(super) struct Target {
    back_end: BackEnd,
    members: RefCell<Vec<Rc<Member>>>,
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

impl Target {
    /// At the end of each lookup, those who wait at `news` are told.
    pub(super) fn new(back_end: BackEnd, news: Queue<()>) -> Rc<Self> {
        let members = match &back_end.address {
            Address::Name { .. } => Vec::new(),
            address => vec![Rc::new(Member::new(back_end.clone(), address.to_string()))],
        };
        let members = RefCell::new(members);
        Rc::new(Self { back_end, members, lookup: Cell::new(Lookup::Never), failed: RefCell::default(), news })
    }

    /// Its addresses as they are known.
    pub(super) fn members(&self) -> Vec<Rc<Member>> {
        self.members.borrow().clone()
    }

    pub(super) fn label(&self) -> String {
        self.back_end.address.to_string()
    }

    /// Why the last lookup has failed, if it has.
    pub(super) fn failure(&self) -> Option<Undialled> {
        self.failed.borrow().clone()
    }

    /// Begins to resolve the name if its addresses are old.
    pub(super) fn refresh(self: &Rc<Self>) {
        let is_fresh = match self.lookup.get() {
            Lookup::Ended { at } => self.failed.borrow().is_none() && now().saturating_duration_since(at) < FRESH,
            Lookup::Never | Lookup::Running { .. } => false,
        };
        if !is_fresh {
            self.ask();
        }
    }

    /// Begins to resolve the name if it was not since `begun`. Whether a lookup is under way.
    pub(super) fn ask_since(self: &Rc<Self>, begun: Instant) -> bool {
        match self.lookup.get() {
            Lookup::Ended { at } if at >= begun => false,
            _ => self.ask(),
        }
    }

    /// Whether nothing is known yet, and a lookup is under way.
    pub(super) fn is_awaited(&self) -> bool {
        matches!(self.lookup.get(), Lookup::Running { .. }) && self.members.borrow().is_empty()
    }

    /// How long it is worth to wait for newer addresses than those that are known.
    pub(super) fn grace(&self) -> Option<Duration> {
        let Lookup::Running { since } = self.lookup.get() else { return None };
        let left = GRACE.saturating_sub(now().saturating_duration_since(since));
        Some(left).filter(|left| !left.is_zero() && !self.members.borrow().is_empty())
    }

    /// Every address, after the name was resolved if that was long ago; what is known, if that takes long.
    pub(super) async fn refreshed(self: &Rc<Self>, within: Duration) -> Vec<Rc<Member>> {
        self.refresh();
        let within = self.grace().unwrap_or(within);
        let resolved = async {
            while self.grace().is_some() || self.is_awaited() {
                self.hear().await;
            }
        };
        // What cannot be resolved is told by the connections that need it.
        let _ = timeout(within, resolved).await;
        self.members()
    }

    /// Waits for the end of a lookup.
    async fn hear(&self) {
        // Nobody resets it.
        let _ = self.news.get().await;
    }

    /// Begins a lookup if none is under way; false if there is no name.
    fn ask(self: &Rc<Self>) -> bool {
        let Address::Name { host, port } = &self.back_end.address else { return false };
        if matches!(self.lookup.get(), Lookup::Running { .. }) {
            return true;
        }
        self.lookup.set(Lookup::Running { since: now() });
        let (target, host, port) = (self.clone(), host.clone(), *port);
        spawn(async move {
            let found = resolve(&host, port).await;
            // What is known stays if nobody can tell.
            let failed = found.map(|found| target.replace(found)).err().map(Undialled::from);
            drop(target.failed.replace(failed));
            target.lookup.set(Lookup::Ended { at: now() });
            target.news.signal(&());
        })
        .detach();
        true
    }

    /// Takes these addresses for those of the name. What is known of those that stay, stays.
    fn replace(&self, mut found: Vec<SocketAddr>) {
        found.truncate(MAX_ADDRESSES);
        let before = self.members();
        let known = |address: &SocketAddr| {
            before.iter().find(|member| member.back_end.address == Address::Ip(*address)).cloned()
        };
        let label = self.label();
        let member = |address: SocketAddr| {
            let back_end = BackEnd { address: Address::Ip(address), name: self.back_end.name.clone() };
            Rc::new(Member::new(back_end, format!("{label} ({address})")))
        };
        let members = found.into_iter().map(|address| known(&address).unwrap_or_else(|| member(address))).collect();
        let gone = self.members.replace(members);
        drop(gone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_an_address_stays_when_the_name_is_resolved_anew() {
        let address = Address::Name { host: "db.example".into(), port: 5432 };
        let target = Target::new(BackEnd { address, name: None }, Queue::new());
        assert!(target.members().is_empty());
        let [a, b, c] = ["192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1"].map(|text| text.parse().unwrap());
        target.replace(vec![a, b]);
        let before = target.members();
        assert_eq!(before[0].label, "db.example:5432 (192.0.2.1:1)");
        target.replace(vec![b, c]);
        let after = target.members();
        assert!(Rc::ptr_eq(&before[1], &after[0]));
        assert_eq!(after[1].back_end.address, Address::Ip(c));
    }
}
