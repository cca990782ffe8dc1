//! A back end as it was given: an address, or a name whose addresses change.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use lem_ssl_rs::{Address, timeout};

use super::dial::{BackEnd, Undialled};
use super::host::{Host, Hosts};
use super::member::Member;

/// A back end as it was given.
pub(super) struct Target {
    back_end: BackEnd,
    /// If it has a name: that, and the port.
    host: Option<(Rc<Host>, u16)>,
    /// The edition of the name's addresses of which `members` were made.
    edition: Cell<u64>,
    members: RefCell<Vec<Rc<Member>>>,
}

impl Target {
    /// A name is one of `hosts`.
    pub(super) fn new(back_end: BackEnd, hosts: &mut Hosts) -> Rc<Self> {
        let (host, members) = match &back_end.address {
            Address::Name { host, port } => (Some((hosts.of(host), *port)), Vec::new()),
            address => (None, vec![Rc::new(Member::new(back_end.clone(), address.to_string()))]),
        };
        Rc::new(Self { back_end, host, edition: Cell::new(0), members: RefCell::new(members) })
    }

    /// Its addresses as they are known.
    pub(super) fn members(&self) -> Vec<Rc<Member>> {
        if let Some((host, port)) = &self.host
            && self.edition.replace(host.edition()) != host.edition()
        {
            self.replace(host.addresses(*port));
        }
        self.members.borrow().clone()
    }

    pub(super) fn label(&self) -> String {
        self.back_end.address.to_string()
    }

    /// Why the last lookup has failed, if it has.
    pub(super) fn failure(&self) -> Option<Undialled> {
        self.host()?.failure()
    }

    /// Begins to resolve the name if its addresses are old.
    pub(super) fn refresh(&self) {
        self.host().into_iter().for_each(Host::refresh);
    }

    /// Begins to resolve the name if it was not since `begun`. Whether a lookup is under way.
    pub(super) fn ask_since(&self, begun: Instant) -> bool {
        self.host().is_some_and(|host| host.ask_since(begun))
    }

    /// Whether nothing is known yet, and a lookup is under way.
    pub(super) fn is_awaited(&self) -> bool {
        self.host().is_some_and(|host| host.is_awaited())
    }

    /// How long it is worth to wait for newer addresses than those that are known.
    pub(super) fn grace(&self) -> Option<Duration> {
        self.host()?.grace()
    }

    /// Every address, after the name was resolved if that was long ago; what is known, if that takes long.
    pub(super) async fn refreshed(&self, within: Duration) -> Vec<Rc<Member>> {
        if let Some(host) = self.host() {
            host.refresh();
            let within = host.grace().unwrap_or(within);
            let resolved = async {
                while host.grace().is_some() || host.is_awaited() {
                    host.hear().await;
                }
            };
            // What cannot be resolved is told by the connections that need it.
            let _ = timeout(within, resolved).await;
        }
        self.members()
    }

    fn host(&self) -> Option<&Rc<Host>> {
        self.host.as_ref().map(|(host, _)| host)
    }

    /// Takes these addresses for those of the name. What is known of those that stay, stays.
    fn replace(&self, found: Vec<SocketAddr>) {
        let before = self.members.take();
        let known = |address: &SocketAddr| {
            before.iter().find(|member| member.back_end.address == Address::Ip(*address)).cloned()
        };
        let label = self.label();
        let member = |address: SocketAddr| {
            let back_end = BackEnd { address: Address::Ip(address), name: self.back_end.name.clone() };
            Rc::new(Member::new(back_end, format!("{label} ({address})")))
        };
        let members = found.into_iter().map(|address| known(&address).unwrap_or_else(|| member(address))).collect();
        self.members.replace(members);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_an_address_stays_when_the_name_is_resolved_anew() {
        let address = Address::Name { host: "db.example".into(), port: 5432 };
        let target = Target::new(BackEnd { address, name: None }, &mut Hosts::default());
        assert!(target.members().is_empty());
        let host = target.host().unwrap();
        let [a, b, c] = ["192.0.2.1:0", "192.0.2.2:0", "192.0.2.3:0"].map(|text| text.parse().unwrap());
        host.learn(vec![a, b]);
        let before = target.members();
        assert_eq!(before[0].label, "db.example:5432 (192.0.2.1:5432)");
        host.learn(vec![b, c]);
        let after = target.members();
        assert!(Rc::ptr_eq(&before[1], &after[0]));
        assert_eq!(after[1].back_end.address, Address::Ip(([192, 0, 2, 3], 5432).into()));
    }
}
