//! Which way bytes go.

/// Which way bytes go. Exhaustive on purpose: there are two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the peer to us.
    Read,
    /// From us to the peer.
    Write,
}
