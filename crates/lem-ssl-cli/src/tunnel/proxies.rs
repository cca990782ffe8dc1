//! Proxies in front of us: who they are, and what they may take of us before they have said for whom they speak.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use lem_ssl_rs::Endpoint;

use crate::networks::Network;
use crate::throttle::Throttle;

/// Proxies in front of us. Clones count together.
#[derive(Debug, Clone, Default)]
pub(super) struct Proxies {
    networks: Vec<Network>,
    /// The most connections of one proxy whose header has not come.
    max_headerless: u32,
    /// So long a header may take.
    pub(super) header_time: Duration,
    /// Connections whose header has not come, by the address of their proxy; those of Unix-domain sockets have none. An
    /// address with no such connection has no entry.
    headerless: Rc<RefCell<Counts>>,
    /// What the log is told of connections beyond that number.
    pub(super) refusals: Rc<Throttle>,
}

type Counts = HashMap<Option<IpAddr>, u32>;

/// A connection whose header has not come, as long as this lives.
#[derive(Debug)]
pub(super) struct Headerless {
    headerless: Rc<RefCell<Counts>>,
    proxy: Option<IpAddr>,
}

impl Proxies {
    pub(super) fn new(networks: &[Network], max_headerless: u32, header_time: Duration) -> Self {
        let (headerless, refusals) = (Rc::default(), Rc::default());
        Self { networks: networks.to_vec(), max_headerless, header_time, headerless, refusals }
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.networks.is_empty()
    }

    /// Whether this peer is one of them.
    pub(super) fn has(&self, peer: &Endpoint) -> bool {
        self.networks.iter().any(|network| network.has(peer))
    }

    /// One more connection of this proxy; `None` if it has as many as it may.
    pub(super) fn admit(&self, proxy: &Endpoint) -> Option<Headerless> {
        let proxy = proxy.ip().map(|proxy| proxy.ip().to_canonical());
        let mut headerless = self.headerless.borrow_mut();
        let count = headerless.entry(proxy).or_default();
        // There is no entry without a connection, since one may have at least one.
        if *count >= self.max_headerless.max(1) {
            return None;
        }
        *count += 1;
        Some(Headerless { headerless: self.headerless.clone(), proxy })
    }
}

impl Drop for Headerless {
    fn drop(&mut self) {
        let mut headerless = self.headerless.borrow_mut();
        let Some(count) = headerless.get_mut(&self.proxy) else { return };
        *count -= 1;
        if *count == 0 {
            headerless.remove(&self.proxy);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_proxy_has_a_number_of_its_own_and_leaves_nothing_behind() {
        let proxies = Proxies::new(&[], 2, Duration::ZERO);
        let ip = |text: &str| Endpoint::Ip(text.parse().unwrap());
        let first = proxies.admit(&ip("192.0.2.1:1")).unwrap();
        let second = proxies.clone().admit(&ip("[::ffff:192.0.2.1]:2")).unwrap();
        assert!(proxies.admit(&ip("192.0.2.1:3")).is_none());
        let others = ["192.0.2.2:1", "[2001:db8::1]:1"].map(|other| proxies.admit(&ip(other)).unwrap());
        let unix = [(); 2].map(|()| proxies.admit(&Endpoint::Unix(None)).unwrap());
        assert!(proxies.admit(&Endpoint::Unix(None)).is_none());
        drop(first);
        let third = proxies.admit(&ip("192.0.2.1:4")).unwrap();
        drop((second, third, others, unix));
        assert!(proxies.headerless.borrow().is_empty());
    }
}
