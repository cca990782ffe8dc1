//! Descriptors: how many a server may have open, and how many clients it lets in because of that.

use crate::log::Log;
use crate::platform::raise_descriptor_limit;

/// What a server would have open at once if all its places were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Demand {
    pub(crate) connections: u32,
    /// So many descriptors belong to one connection.
    pub(crate) per_connection: u32,
    /// Handshakes with clients at each listener.
    pub(crate) handshakes: u32,
    /// Listeners that have handshakes.
    pub(crate) listeners: u32,
}

/// How many clients are let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    pub(crate) connections: u32,
    /// At each listener.
    pub(crate) handshakes: u32,
}

/// What is left for everything else: the log, listeners, requests for metrics, files that are read again, challenges, checks
/// of back ends, lookups of names.
const RESERVE: u64 = 64;

impl Demand {
    /// Raises the limit of the process as far as it may be raised, and says how many clients fit below it. Further ones wait
    /// to be accepted; a connection that was accepted finds the descriptors that it needs.
    pub(crate) fn provide(self, log: &Log) -> Allowance {
        let Some(limit) = raise_descriptor_limit() else { return self.whole() };
        let allowance = self.below(limit);
        if allowance != self.whole() {
            let Allowance { connections, handshakes } = allowance;
            let handshakes = if self.listeners == 0 { String::new() } else { format!(" and {handshakes} handshakes") };
            log.warn(format!(
                "this process may have {limit} files and sockets open (ulimit -n), and what it is to do needs {}: it lets in \
                 {connections} connections{handshakes} at once, and further clients wait",
                self.needed()
            ));
        }
        allowance
    }

    fn whole(self) -> Allowance {
        Allowance { connections: self.connections, handshakes: self.handshakes }
    }

    fn needed(self) -> u64 {
        let handshakes = u64::from(self.handshakes) * u64::from(self.listeners);
        RESERVE + u64::from(self.connections) * u64::from(self.per_connection) + handshakes
    }

    /// What fits below this limit, in the proportion that was asked for; one of each at least.
    fn below(self, limit: u64) -> Allowance {
        let (needed, there) = (self.needed() - RESERVE, limit.saturating_sub(RESERVE));
        if needed <= there {
            return self.whole();
        }
        // Of 32 bits and 64 the product may have 96; the part is less than the whole.
        let scaled = |number: u32| u128::from(number) * u128::from(there) / u128::from(needed);
        let part = |number: u32| u32::try_from(scaled(number)).unwrap_or(number).max(1);
        Allowance { connections: part(self.connections), handshakes: part(self.handshakes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TUNNEL: Demand = Demand { connections: 1024, per_connection: 2, handshakes: 1024, listeners: 1 };

    #[test]
    fn whatever_fits_below_the_limit_is_let_in() {
        assert_eq!(TUNNEL.below(20_000), TUNNEL.whole());
        assert_eq!(TUNNEL.below(TUNNEL.needed()), TUNNEL.whole());
        let Allowance { connections, handshakes } = TUNNEL.below(1024);
        assert_eq!((connections, handshakes), (320, 320));
        for limit in [0, 10, 64, 65, 100, 1000, TUNNEL.needed() - 1] {
            let Allowance { connections, handshakes } = TUNNEL.below(limit);
            let taken = u64::from(connections) * 2 + u64::from(handshakes);
            assert!(taken <= limit.saturating_sub(RESERVE).max(3), "{limit}: {taken}");
        }
    }

    #[test]
    fn the_greatest_numbers_are_no_overflow() {
        let most = Demand { connections: u32::MAX, per_connection: 2, handshakes: u32::MAX, listeners: 100 };
        let Allowance { connections, handshakes } = most.below(1 << 20);
        assert!(connections == handshakes && u64::from(connections) * 102 < 1 << 20);
    }
}
