//! What can go wrong in the simulated world, how often it does, and how often it did.

use std::fmt;
use std::time::Duration;

/// One kind of fault. Each happens with its own probability, at each of the occasions that its text names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// A read returns fewer bytes than are there. Each read.
    ShortRead,
    /// A write takes fewer bytes than there is room for. Each write.
    ShortWrite,
    /// A segment is cut in two at any byte, and the second part travels by itself. Each segment.
    Split,
    /// Nothing more sets out on the connection for up to two seconds. Each segment.
    Stall,
    /// The machine learns of readiness up to 50 ms late. Each edge.
    LateEdge,
    /// The machine is told of readiness where there is none. Each turn of the loop.
    Spurious,
    /// The machine wakes up to 20 ms late, its timers with it. Each turn of the loop.
    LateWakeup,
    /// Events of the same moment are told in another order. Each turn of the loop that has several.
    Shuffle,
    /// A blocking call ([`unblock`](crate::unblock)) takes up to a second. Each call.
    SlowBlocking,
    /// A name is looked up for up to eight seconds. Each lookup.
    SlowLookup,

    /// The name server fails. Each lookup.
    LookupFailure,
    /// The connection is refused. Each connect.
    Refused,
    /// Nothing ever answers; the connection fails by itself after 127 seconds. Each connect.
    BlackHole,
    /// Connecting fails at once: the network is unreachable. Each connect.
    Unreachable,
    /// No descriptor is left (EMFILE). Each connect, listen and opening of a UDP socket, and each accept that would succeed.
    NoDescriptor,
    /// A connection is gone before it is accepted (ECONNABORTED). Each accept that would succeed.
    AcceptAborted,
    /// Both ends are told that the connection was reset (RST), one of them at any byte. Each segment.
    Reset,
    /// What was received and not read goes with a reset, as on some systems. Each reset that arrives.
    ResetDestroys,
    /// The connection ends with a FIN at any byte that its sender did not mean, as if a proxy had died. A plain stream
    /// cannot tell that from a proper end; TLS can. Each segment.
    Cut,
    /// One bit of a segment is flipped. A plain stream cannot tell; TLS can. Each segment.
    Corrupt,

    /// A datagram is lost. Each datagram.
    DatagramLoss,
    /// A datagram arrives twice. Each datagram.
    DatagramDuplicate,
    /// A datagram takes up to 100 ms longer, and others overtake it. Each datagram, and each copy of one.
    DatagramReorder,
}

impl Fault {
    /// All kinds.
    pub const ALL: &'static [Self] = &[
        Self::ShortRead,
        Self::ShortWrite,
        Self::Split,
        Self::Stall,
        Self::LateEdge,
        Self::Spurious,
        Self::LateWakeup,
        Self::Shuffle,
        Self::SlowBlocking,
        Self::SlowLookup,
        Self::LookupFailure,
        Self::Refused,
        Self::BlackHole,
        Self::Unreachable,
        Self::NoDescriptor,
        Self::AcceptAborted,
        Self::Reset,
        Self::ResetDestroys,
        Self::Cut,
        Self::Corrupt,
        Self::DatagramLoss,
        Self::DatagramDuplicate,
        Self::DatagramReorder,
    ];

    /// Whether a program can go through it without any error, as long as its deadlines are longer than the faults
    /// [last](Self::lasts): it costs time, or makes the world come in other pieces.
    pub fn is_harmless(self) -> bool {
        (self as usize) <= Self::SlowLookup as usize
    }

    /// The longest that this kind of fault lasts; nothing for those that take no time.
    pub fn lasts(self) -> Duration {
        Duration::from_millis(match self {
            Self::Stall => 2_000,
            Self::LateEdge => 50,
            Self::LateWakeup => 20,
            Self::SlowBlocking => 1_000,
            Self::SlowLookup => 8_000,
            Self::DatagramReorder => 100,
            _ => 0,
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ShortRead => "short read",
            Self::ShortWrite => "short write",
            Self::Split => "split segment",
            Self::Stall => "stall",
            Self::LateEdge => "late edge",
            Self::Spurious => "spurious readiness",
            Self::LateWakeup => "late wake-up",
            Self::Shuffle => "shuffled events",
            Self::SlowBlocking => "slow blocking call",
            Self::SlowLookup => "slow lookup",
            Self::LookupFailure => "failed lookup",
            Self::Refused => "refused connect",
            Self::BlackHole => "black-holed connect",
            Self::Unreachable => "unreachable network",
            Self::NoDescriptor => "no descriptor",
            Self::AcceptAborted => "aborted accept",
            Self::Reset => "reset",
            Self::ResetDestroys => "reset that destroys",
            Self::Cut => "cut",
            Self::Corrupt => "corrupted segment",
            Self::DatagramLoss => "lost datagram",
            Self::DatagramDuplicate => "doubled datagram",
            Self::DatagramReorder => "late datagram",
        })
    }
}

/// How probable each kind of fault is. Begin with a preset, and set what the test is about.
///
/// ```
/// use lem_rs::sim::{Fault, Faults};
/// let faults = Faults::rough().with(Fault::Reset, 0.01);
/// assert_eq!(faults.rate(Fault::Reset), 0.01);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Faults {
    rates: [f64; Fault::ALL.len()],
}

impl Faults {
    /// No fault at all. The default.
    pub fn none() -> Self {
        Self { rates: [0.0; Fault::ALL.len()] }
    }

    /// Plenty of every fault that is [harmless](Fault::is_harmless): a correct program whose deadlines leave room for
    /// them reports no error.
    pub fn rough() -> Self {
        let none = Self::none();
        Fault::ALL.iter().copied().filter(|fault| fault.is_harmless()).fold(none, |faults, fault| {
            faults.with(
                fault,
                match fault {
                    Fault::Stall => 0.01,
                    Fault::Spurious | Fault::LateWakeup => 0.05,
                    Fault::SlowLookup => 0.1,
                    _ => 0.2,
                },
            )
        })
    }

    /// [`rough`](Self::rough), and some of everything that breaks connections, without what a plain stream cannot
    /// tell: [`Fault::Cut`] and [`Fault::Corrupt`].
    pub fn hostile() -> Self {
        Self::rough()
            .with(Fault::LookupFailure, 0.05)
            .with(Fault::Refused, 0.05)
            .with(Fault::BlackHole, 0.05)
            .with(Fault::Unreachable, 0.02)
            .with(Fault::NoDescriptor, 0.1)
            .with(Fault::AcceptAborted, 0.05)
            .with(Fault::Reset, 0.01)
            .with(Fault::ResetDestroys, 0.5)
            .with(Fault::DatagramLoss, 0.05)
            .with(Fault::DatagramDuplicate, 0.05)
            .with(Fault::DatagramReorder, 0.1)
    }

    /// These, with this kind as probable as that: 0 for never, 1 for always.
    ///
    /// # Panics
    /// If the number is not between these two.
    #[must_use]
    pub fn with(mut self, fault: Fault, probability: f64) -> Self {
        assert!((0.0..=1.0).contains(&probability), "{probability} is no probability of {fault}");
        self.rates[fault as usize] = probability;
        self
    }

    /// How probable this kind is.
    pub fn rate(&self, fault: Fault) -> f64 {
        self.rates[fault as usize]
    }
}

impl Default for Faults {
    fn default() -> Self {
        Self::none()
    }
}

/// How many faults of each kind have happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FaultCounts {
    counts: [u64; Fault::ALL.len()],
}

impl FaultCounts {
    /// Of this kind.
    pub fn of(&self, fault: Fault) -> u64 {
        self.counts[fault as usize]
    }

    /// Of all kinds.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Every kind with its count, those included that did not happen.
    pub fn iter(&self) -> impl Iterator<Item = (Fault, u64)> {
        Fault::ALL.iter().copied().zip(self.counts)
    }

    /// Adds the counts of another run.
    pub fn add(&mut self, other: &Self) {
        self.counts.iter_mut().zip(other.counts).for_each(|(count, other)| *count += other);
    }

    pub(super) fn note(&mut self, fault: Fault) {
        self.counts[fault as usize] += 1;
    }
}

impl fmt::Display for FaultCounts {
    /// What has happened, the most frequent kind first: `12 short read, 3 stall`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut happened: Vec<(Fault, u64)> = self.iter().filter(|(_, count)| *count > 0).collect();
        if happened.is_empty() {
            return f.write_str("none");
        }
        happened.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        for (index, (fault, count)) in happened.iter().enumerate() {
            write!(f, "{}{count} {fault}", if index > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_stands_in_the_list_at_its_own_place() {
        assert!(Fault::ALL.iter().copied().enumerate().all(|(place, fault)| fault as usize == place));
    }
}
