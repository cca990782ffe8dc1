//! A UDP socket in the simulated world.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::trace::Why;
use crate::world::Group;

/// A UDP socket.
pub(super) struct Bound {
    pub(super) at: SocketAddr,
    pub(super) shared: bool,
    pub(super) peer: Option<SocketAddr>,
    pub(super) queue: VecDeque<(SocketAddr, Vec<u8>)>,
    pub(super) broadcast: bool,
    pub(super) groups: BTreeSet<Group>,
    /// What an earlier datagram came to.
    pub(super) error: Option<Why>,
    /// By peer, the address of ours that it sent to.
    pub(super) answers: BTreeMap<SocketAddr, IpAddr>,
    pub(super) token: Option<usize>,
    /// A call said that there was nothing to receive: an edge is due when that changes.
    pub(super) waits: bool,
    pub(super) edge_due: bool,
}

impl Bound {
    /// Whether what is sent to this address is for it.
    pub(super) fn hears(&self, to: SocketAddr) -> bool {
        if self.at.port() != to.port() {
            return false;
        }
        let any = self.at.ip().is_unspecified() && (self.at.is_ipv6() || to.is_ipv4());
        match to.ip() {
            IpAddr::V4(Ipv4Addr::BROADCAST) => self.at.is_ipv4(),
            group if group.is_multicast() => self.groups.iter().any(|joined| joined.address() == group),
            ip => any || self.at.ip() == ip,
        }
    }

    /// Whether it wants what comes from there.
    pub(super) fn accepts(&self, from: SocketAddr) -> bool {
        self.peer.is_none_or(|peer| peer == from)
    }

    pub(super) fn is_readable(&self) -> bool {
        self.error.is_some() || !self.queue.is_empty()
    }
}

impl Group {
    pub(super) fn address(&self) -> IpAddr {
        match self {
            Self::V4 { address, .. } => IpAddr::V4(*address),
            Self::V6 { address, .. } => IpAddr::V6(*address),
        }
    }
}
