//! Who may wait for ever.

use lem_rs::{Direction, ReadMode};

use super::closed::Closed;
use super::{Model, Operation, Outbound, Phase};
use crate::model::verb::{Side, Verb};

/// A verb that waits although nothing has happened for a long time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Whose.
    pub side: Side,
    /// Which way it goes; `None` for `shutdown`.
    pub direction: Option<Direction>,
    /// What it is.
    pub what: String,
    /// Why it must not wait, if it must not.
    pub wrong: Option<&'static str>,
}

impl Model {
    /// Who waits, when nothing moves any more, and whether that is the peer's doing or a fault.
    pub fn waiting(&self) -> Vec<Waiting> {
        let waits = |operation: &Operation| operation.phase != Phase::Fresh || operation.verb == Verb::Shutdown;
        self.operations
            .iter()
            .filter(|(_, operation)| waits(operation))
            .map(|(id, operation)| Waiting {
                side: operation.side,
                direction: operation.verb.direction(),
                what: super::finish::name(&operation.verb),
                wrong: self.wrong(*id, operation),
            })
            .collect()
    }

    fn wrong(&self, id: u64, operation: &Operation) -> Option<&'static str> {
        let (end, peer) = (self.end(operation.side), self.end(operation.side.other()));
        if operation.phase == Phase::Interrupted {
            return Some("it was interrupted");
        }
        let peer_is_gone = peer.closed.is_some();
        match &operation.verb {
            Verb::Copy => self.copy_is_stuck(id, operation.side),
            verb if verb.direction() == Some(Direction::Read) && peer_is_gone => Some("the peer has closed"),
            // A length that was changed on the way makes a receiver wait for what nobody sends.
            verb if verb.direction() == Some(Direction::Read) && self.weather.corrupts => None,
            Verb::Read(mode) if self.is_satisfied(operation.side, *mode) => Some("what it asks for is there"),
            Verb::NextLine(_) if self.is_satisfied(operation.side, ReadMode::Line) => Some("a line is there"),
            Verb::Until(delimiter) if self.delimited(operation.side, delimiter).is_some() => {
                Some("the delimiter is there")
            }
            Verb::Peek(at_least) if *at_least <= end.available() => Some("so much is there"),
            verb if verb.direction() == Some(Direction::Read) && end.received < peer.accepted => {
                Some("the peer has written more than has arrived")
            }
            verb if verb.direction() == Some(Direction::Read) && peer.goodbye => Some("the peer has ended its side"),
            Verb::Read(_) | Verb::Until(_) | Verb::Peek(_) | Verb::NextLine(_) => None,
            Verb::Write(_) | Verb::EndWriting if peer_is_gone => Some("the peer has closed"),
            Verb::Write(_) | Verb::EndWriting if self.weather.corrupts => None,
            Verb::Write(_) | Verb::EndWriting if self.reads(operation.side.other()) => Some("the peer reads"),
            Verb::Write(_) if end.outbound != Outbound::Open => Some("the sending side is closed"),
            // Tickets may stand before the first byte of all.
            Verb::Write(_) | Verb::EndWriting if end.accepted > 0 && peer.received == end.accepted => {
                Some("the peer has everything")
            }
            Verb::Write(_) | Verb::EndWriting => None,
            Verb::Shutdown if end.closed.is_some_and(Closed::is_aborted) => Some("the stream was aborted"),
            Verb::Shutdown if end.closed.is_some_and(|closed| self.now > closed.at + end.terms.close_deadline * 2) => {
                Some("the deadline has passed")
            }
            Verb::Shutdown if peer_is_gone => Some("the peer has closed"),
            // One who has ended its side and does not read keeps what is still to be flushed waiting.
            Verb::Shutdown if peer.goodbye && self.reads(operation.side.other()) && !self.weather.corrupts => {
                Some("the peer has ended its side, and reads")
            }
            Verb::Shutdown if peer.goodbye && end.accepted > 0 && end.accepted == peer.received => {
                Some("the peer has ended its side, and has everything")
            }
            Verb::Shutdown => None,
        }
    }

    /// Whether what is under way may be changed.
    pub fn is_corrupted(&self) -> bool {
        self.weather.corrupts
    }

    /// The read that waits at this end although everything that its peer has written is here: it waits for whatever the
    /// peer does next.
    pub fn idle_read(&self, side: Side) -> Option<u64> {
        let everything = self.end(side).received == self.end(side.other()).accepted;
        let mut operations = self.operations.iter();
        let (id, _) = operations.find(|(_, one)| one.side == side && one.is_waiting_read())?;
        everything.then_some(*id)
    }

    /// Whether a task waits in this direction at this end.
    pub(super) fn waits(&self, side: Side, direction: Direction) -> bool {
        direction == Direction::Read && self.reads(side)
    }

    /// Whether a task waits to read at this end.
    fn reads(&self, side: Side) -> bool {
        self.operations.values().any(|operation| operation.side == side && operation.is_waiting_read())
    }
}

impl Operation {
    fn is_waiting_read(&self) -> bool {
        self.phase == Phase::Waiting && self.verb.direction() == Some(Direction::Read)
    }
}
