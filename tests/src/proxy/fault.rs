//! What can happen to the bytes of a connection, and when.

use std::fmt;
use std::time::Duration;

/// What happens to the bytes that go one way. Offsets count from the first byte of that direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// They pass.
    None,
    /// What comes after the first `at` bytes comes so much later.
    Delay {
        /// So many bytes are in time.
        at: u64,
        /// How late the rest is.
        by: Duration,
    },
    /// They pass in pieces of so many bytes, with a little time between them.
    Split(usize),
    /// The first `at` bytes pass; after that there is silence. Both connections stay open.
    Stall {
        /// So many bytes pass.
        at: u64,
    },
    /// The first `at` bytes pass, then FIN.
    Truncate {
        /// So many bytes pass.
        at: u64,
    },
    /// One bit of the byte at `at` is changed.
    Flip {
        /// The byte.
        at: u64,
        /// The bit, from 0 to 7.
        bit: u8,
    },
    /// The first `at` bytes pass, then both connections are reset (RST).
    Reset {
        /// So many bytes pass.
        at: u64,
    },
}

/// What happens to a connection, in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Faults {
    /// To what the client sends.
    pub to_server: Fault,
    /// To what the server sends.
    pub to_client: Fault,
}

impl Faults {
    /// Everything passes.
    pub const NONE: Self = Self { to_server: Fault::None, to_client: Fault::None };
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("nothing"),
            Self::Delay { at, by } => write!(f, "delay after {at} by {} ms", by.as_millis()),
            Self::Split(size) => write!(f, "split into {size}"),
            Self::Stall { at } => write!(f, "stall after {at}"),
            Self::Truncate { at } => write!(f, "truncate after {at}"),
            Self::Flip { at, bit } => write!(f, "flip bit {bit} of byte {at}"),
            Self::Reset { at } => write!(f, "reset after {at}"),
        }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "to the server {}, to the client {}", self.to_server, self.to_client)
    }
}

/// Decides, for the bytes of one direction as they come, what passes and what happens then.
#[derive(Debug)]
pub(super) struct Gate {
    fault: Fault,
    passed: u64,
}

/// What happens after the bytes that passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// The rest of them passes.
    GoOn,
    /// So much time.
    Pause(Duration),
    /// Nothing passes any more.
    Stall,
    /// FIN; nothing passes any more.
    End,
    /// RST, both ways.
    Reset,
}

/// Between two pieces: usually enough for the receiver to take them apart.
const BETWEEN_PIECES: Duration = Duration::from_micros(20);

impl Gate {
    pub(super) fn new(fault: Fault) -> Self {
        Self { fault, passed: 0 }
    }

    /// How many of these bytes pass now, perhaps changed, and what happens then. To be asked with no bytes once at the
    /// beginning, and then until none are left.
    pub(super) fn pass(&mut self, bytes: &mut [u8]) -> (usize, Then) {
        let before = self.passed;
        let (count, then) = match self.fault {
            Fault::None => (bytes.len(), Then::GoOn),
            Fault::Split(size) => (bytes.len().min(size.max(1)), Then::Pause(BETWEEN_PIECES)),
            Fault::Delay { at, by } => match reach(at, before, bytes.len()) {
                Some(count) => {
                    self.fault = Fault::None;
                    (count, Then::Pause(by))
                }
                None => (bytes.len(), Then::GoOn),
            },
            Fault::Flip { at, bit } => {
                if let Some(byte) = at.checked_sub(before).and_then(|place| bytes.get_mut(usize::try_from(place).ok()?))
                {
                    *byte ^= 1 << (bit & 7);
                }
                (bytes.len(), Then::GoOn)
            }
            Fault::Stall { at } => cut(at, before, bytes.len(), Then::Stall),
            Fault::Truncate { at } => cut(at, before, bytes.len(), Then::End),
            Fault::Reset { at } => cut(at, before, bytes.len(), Then::Reset),
        };
        self.passed += count as u64;
        (count, then)
    }
}

/// How many of `length` bytes come before the offset `at`, if it is among them or right behind them.
fn reach(at: u64, before: u64, length: usize) -> Option<usize> {
    let count = usize::try_from(at.saturating_sub(before)).ok()?;
    (count <= length).then_some(count)
}

fn cut(at: u64, before: u64, length: usize, then: Then) -> (usize, Then) {
    match reach(at, before, length) {
        Some(count) => (count, then),
        None => (length, Then::GoOn),
    }
}
