//! How many connections of each address shake hands, or wait to be accepted.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::rc::Rc;

use lem_rs::Endpoint;

/// Counts by address; an address with none has no entry.
#[derive(Debug, Default)]
pub(super) struct Peers {
    under_way: RefCell<BTreeMap<IpAddr, usize>>,
}

impl Peers {
    /// One more from `peer`; `None` if it has `max` already. Unix-domain sockets have no address to count by.
    pub(super) fn admit(self: &Rc<Self>, peer: &Endpoint, max: usize) -> Option<Admitted> {
        let Some(address) = peer.ip().map(|peer| group(peer.ip())) else {
            return Some(Admitted::uncounted());
        };
        match self.under_way.borrow_mut().entry(address) {
            Entry::Occupied(mut count) if *count.get() < max => *count.get_mut() += 1,
            Entry::Vacant(count) if max > 0 => drop(count.insert(1)),
            Entry::Occupied(_) | Entry::Vacant(_) => return None,
        }
        Some(Admitted { peers: Some((self.clone(), address)) })
    }
}

/// One connection of an address; accepted, or over, when it is dropped.
#[derive(Debug)]
pub(super) struct Admitted {
    peers: Option<(Rc<Peers>, IpAddr)>,
}

impl Admitted {
    /// Of a peer that is not counted.
    pub(super) fn uncounted() -> Self {
        Self { peers: None }
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let Some((peers, address)) = self.peers.take() else { return };
        if let Entry::Occupied(mut count) = peers.under_way.borrow_mut().entry(address) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// Counts IPv6 by /64: one client usually controls the whole prefix, and may use a new address for each connection.
fn group(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => {
            const UPPER_HALF: u128 = !0 << 64;
            IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & UPPER_HALF))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_no_connection_has_no_entry_even_if_it_was_refused() {
        let peers = Rc::new(Peers::default());
        let peer = Endpoint::from(std::net::SocketAddr::from(([192, 0, 2, 1], 443)));
        assert!(peers.admit(&peer, 0).is_none());
        assert!(peers.under_way.borrow().is_empty());
        let admitted = peers.admit(&peer, 1);
        assert!(admitted.is_some() && peers.admit(&peer, 1).is_none());
        drop(admitted);
        assert!(peers.under_way.borrow().is_empty());
    }

    #[test]
    fn addresses_of_one_network_of_ipv6_count_together_and_those_of_ipv4_alone() {
        let grouped = |address: &str| group(address.parse().expect("an address"));
        assert_eq!(grouped("2001:db8:1:2:3:4:5:6"), grouped("2001:db8:1:2::1"));
        assert_ne!(grouped("2001:db8:1:2::1"), grouped("2001:db8:1:3::1"));
        assert_ne!(grouped("2001:db8:1:2::1"), grouped("2001:db9:1:2::1"));
        assert_ne!(grouped("192.0.2.1"), grouped("192.0.2.2"));
        assert_eq!(grouped("192.0.2.1"), grouped("::ffff:192.0.2.1"), "the same client at a socket of both kinds");
    }
}
