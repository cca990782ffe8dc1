//! A back end as it was given: an address, or a name whose addresses change.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lem_ssl_rs::{Address, Deadline, Error, Phase, now, unblock};

use super::dial::{BackEnd, Undialled};
use super::member::Member;

/// Addresses of a name are good for so long: systems do not tell for how long they are.
const FRESH: Duration = Duration::from_secs(5);

/// A name has so many addresses at most, as far as we are concerned.
const MAX_ADDRESSES: usize = 64;

/// A back end as it was given.
pub(super) struct Target {
    back_end: BackEnd,
    members: RefCell<Vec<Rc<Member>>>,
    /// When the name was resolved last.
    resolved: Cell<Option<Instant>>,
    is_resolving: Cell<bool>,
}

/// A name is being resolved; over when it is dropped.
struct Resolving<'a>(&'a Cell<bool>);

impl Drop for Resolving<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

impl Target {
    pub(super) fn new(back_end: BackEnd) -> Self {
        let members = match &back_end.address {
            Address::Name { .. } => Vec::new(),
            address => vec![Rc::new(Member::new(back_end.clone(), address.to_string()))],
        };
        let members = RefCell::new(members);
        Self { back_end, members, resolved: Cell::new(None), is_resolving: Cell::new(false) }
    }

    /// Its addresses as they are known.
    pub(super) fn members(&self) -> Vec<Rc<Member>> {
        self.members.borrow().clone()
    }

    pub(super) fn label(&self) -> String {
        self.back_end.address.to_string()
    }

    /// Whether the name was resolved since then. An address always was.
    pub(super) fn is_resolved_since(&self, moment: Instant) -> bool {
        !matches!(self.back_end.address, Address::Name { .. }) || self.resolved.get().is_some_and(|at| at >= moment)
    }

    /// Resolves the name if that was long ago. If it cannot be resolved, what is known stays.
    pub(super) async fn refresh(&self, deadline: &Deadline) -> Result<(), Undialled> {
        let is_fresh = self.resolved.get().is_some_and(|at| now().saturating_duration_since(at) < FRESH);
        if is_fresh { Ok(()) } else { self.resolve(deadline).await }
    }

    /// Resolves the name. One asks; the others take what is known, if there is anything.
    pub(super) async fn resolve(&self, deadline: &Deadline) -> Result<(), Undialled> {
        let Address::Name { host, port } = &self.back_end.address else { return Ok(()) };
        let has_members = !self.members.borrow().is_empty();
        if has_members && self.is_resolving.get() {
            return Ok(());
        }
        let (name, port) = (host.clone(), *port);
        self.is_resolving.set(true);
        let resolving = Resolving(&self.is_resolving);
        let asking = async move {
            let found = unblock(move || (name.as_str(), port).to_socket_addrs().map(Iterator::collect)).await;
            let failed = |source| Error::Resolve { host: host.to_string(), source: Arc::new(source) };
            let found: Vec<SocketAddr> = found?.map_err(failed)?;
            if found.is_empty() { Err(failed(io::ErrorKind::NotFound.into())) } else { Ok(found) }
        };
        // With something to fall back to it is not worth all of the time.
        let deadline = if has_members { deadline.at_most(deadline.remaining() / 3) } else { *deadline };
        let found = deadline.limit(Phase::Resolve, &self.label(), asking).await;
        drop(resolving);
        match found {
            Ok(found) => {
                self.resolved.set(Some(now()));
                self.replace(found);
                Ok(())
            }
            Err(_) if has_members => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes these addresses for those of the name. What is known of those that stay, stays.
    fn replace(&self, mut found: Vec<SocketAddr>) {
        found.dedup();
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
        let target = Target::new(BackEnd { address, name: None });
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
