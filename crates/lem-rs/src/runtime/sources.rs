//! The table of sockets: what is known of each one's readiness, and who waits for it.

use super::direction::Direction;
use super::key::{Key, Keyed};
use super::wait::Registered;
use crate::world::ReadyEvent;

/// All sockets of a machine.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    entries: Keyed<Readiness>,
    /// How many waiters there are in all entries.
    waiting: usize,
}

/// What is known of one socket. It begins optimistic: the first call finds out.
#[derive(Debug)]
struct Readiness {
    read: Side,
    write: Side,
    short_read: ShortRead,
}

/// What a read of fewer bytes than there was room for says, on a socket where it says anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ShortRead {
    /// There is no more now. What has come since the last event is announced by the next one.
    MeansEmpty,
    /// Nothing: the kernel ends a read before an urgent byte, and more may stand behind it. Until there is no more.
    BeforeUrgent,
    /// That it has brought the last before FIN: that has come, and no urgent byte before it.
    BeforeFin,
    /// Nothing: everything before FIN was read, and a read never blocks again.
    AtFin,
    /// Nothing: the socket has failed, or an urgent byte stands before FIN. A read never blocks again.
    BeforeEnd,
}

/// What is known of the peer's FIN, without a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fin {
    /// Nothing: it may have come.
    Unknown,
    /// It has come, or the socket has failed; there may be something to read before it.
    Announced,
    /// Everything that came before it was read.
    Reached,
}

#[derive(Debug, Default)]
struct Side {
    blocked: bool,
    waiter: Option<Registered>,
}

impl ShortRead {
    /// What it says after an event.
    fn after(self, event: ReadyEvent) -> Self {
        let ordinary = !event.failed && !event.urgent;
        match self {
            Self::BeforeEnd => Self::BeforeEnd,
            Self::BeforeFin | Self::AtFin if ordinary => self,
            Self::MeansEmpty if ordinary && event.read_closed => Self::BeforeFin,
            Self::BeforeFin | Self::AtFin => Self::BeforeEnd,
            _ if event.read_closed => Self::BeforeEnd,
            _ if event.urgent => Self::BeforeUrgent,
            _ => self,
        }
    }
}

impl Readiness {
    fn side(&mut self, direction: Direction) -> &mut Side {
        match direction {
            Direction::Read => &mut self.read,
            Direction::Write => &mut self.write,
        }
    }
}

impl Sources {
    pub(crate) fn insert(&mut self) -> Key {
        let (read, write) = (Side::default(), Side::default());
        self.entries.insert(Readiness { read, write, short_read: ShortRead::MeansEmpty })
    }

    /// Forgets a socket. Its waiters are the caller's to drop, unborrowed.
    pub(crate) fn remove(&mut self, key: Key) -> [Option<Registered>; 2] {
        let waiters = [Direction::Read, Direction::Write].map(|direction| self.take_waiter(key, direction));
        self.entries.remove(key);
        waiters
    }

    /// Whether a call in this direction is worth making.
    pub(crate) fn is_ready(&self, key: Key, direction: Direction) -> bool {
        self.entries.get(key).is_some_and(|entry| match direction {
            Direction::Read => !entry.read.blocked,
            Direction::Write => !entry.write.blocked,
        })
    }

    /// A call said `WouldBlock`: nothing is worth trying before the next event. False if one more try is: at an urgent byte
    /// Linux says it also to a call that a signal met.
    #[must_use]
    pub(crate) fn blocked(&mut self, key: Key, direction: Direction) -> bool {
        let Some(entry) = self.entries.get_mut(key) else { return true };
        if direction == Direction::Read && entry.short_read == ShortRead::BeforeUrgent {
            entry.short_read = ShortRead::MeansEmpty;
            return false;
        }
        entry.side(direction).blocked = true;
        true
    }

    /// A call is worth making, whatever the last event said.
    pub(crate) fn unblock(&mut self, key: Key, direction: Direction) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.side(direction).blocked = false;
        }
    }

    /// A call moved fewer bytes than it could, on a socket where that says something: the next one would say `WouldBlock`,
    /// or find FIN.
    pub(crate) fn short(&mut self, key: Key, direction: Direction) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.side(direction).blocked = direction == Direction::Write || entry.short_read == ShortRead::MeansEmpty;
            if direction == Direction::Read && entry.short_read == ShortRead::BeforeFin {
                entry.short_read = ShortRead::AtFin;
            }
        }
    }

    /// What is known of the peer's FIN.
    pub(crate) fn fin(&self, key: Key) -> Fin {
        match self.entries.get(key).map(|entry| entry.short_read) {
            Some(ShortRead::AtFin) => Fin::Reached,
            Some(ShortRead::BeforeFin | ShortRead::BeforeEnd) => Fin::Announced,
            _ => Fin::Unknown,
        }
    }

    /// Leaves a waiter for the next event of this direction, in place of the one before.
    #[must_use = "the waiter before it must be dropped outside of the borrow"]
    pub(crate) fn replace_waiter(
        &mut self,
        key: Key,
        direction: Direction,
        registered: Registered,
    ) -> Option<Registered> {
        let entry = self.entries.get_mut(key)?;
        let before = entry.side(direction).waiter.replace(registered);
        if before.is_none() {
            self.waiting += 1;
        }
        before
    }

    /// Whether the next event of this direction wakes somebody.
    pub(crate) fn has_waiter(&self, key: Key, direction: Direction) -> bool {
        self.entries.get(key).is_some_and(|entry| match direction {
            Direction::Read => entry.read.waiter.is_some(),
            Direction::Write => entry.write.waiter.is_some(),
        })
    }

    #[must_use = "the waiter must be dropped outside of the borrow"]
    pub(crate) fn take_waiter(&mut self, key: Key, direction: Direction) -> Option<Registered> {
        let taken = self.entries.get_mut(key)?.side(direction).waiter.take();
        if taken.is_some() {
            self.waiting -= 1;
        }
        taken
    }

    /// Takes in an event; hands out whom it wakes. An event for a socket that is gone changes nothing.
    pub(crate) fn handle_event(&mut self, event: ReadyEvent, woken: &mut Vec<(Registered, Direction)>) {
        let Some(entry) = self.entries.at_token(event.token) else { return };
        entry.short_read = entry.short_read.after(event);
        for (direction, happened) in [(Direction::Read, event.readable), (Direction::Write, event.writable)] {
            if happened {
                let side = entry.side(direction);
                side.blocked = false;
                if let Some(registered) = side.waiter.take() {
                    self.waiting -= 1;
                    woken.push((registered, direction));
                }
            }
        }
    }

    /// How many tasks wait for a socket.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many sockets there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is known of FIN after these events, and after a short read behind them. Each tells whether reading is closed,
    /// whether the socket has failed, and whether an urgent byte is there.
    fn fin_after(events: &[(bool, bool, bool)]) -> [Fin; 2] {
        let mut sources = Sources::default();
        let key = sources.insert();
        let token = key.to_token().expect("there is room");
        for (read_closed, failed, urgent) in events.iter().copied() {
            let event = ReadyEvent { token, readable: true, writable: true, read_closed, failed, urgent };
            sources.handle_event(event, &mut Vec::new());
        }
        let before = sources.fin(key);
        sources.short(key, Direction::Read);
        [before, sources.fin(key)]
    }

    #[test]
    fn a_short_read_has_reached_a_fin_that_is_announced() {
        assert_eq!(fin_after(&[]), [Fin::Unknown; 2]);
        assert_eq!(fin_after(&[(false, false, false)]), [Fin::Unknown; 2]);
        assert_eq!(fin_after(&[(true, false, false)]), [Fin::Announced, Fin::Reached]);
        assert_eq!(fin_after(&[(false, false, false), (true, false, false)]), [Fin::Announced, Fin::Reached]);
    }

    #[test]
    fn behind_an_urgent_byte_or_a_failure_a_short_read_says_nothing_of_fin() {
        let plain = (true, false, false);
        for odd in [(true, false, true), (true, true, false)] {
            assert_eq!(fin_after(&[odd]), [Fin::Announced; 2]);
            assert_eq!(fin_after(&[odd, plain]), [Fin::Announced; 2]);
            assert_eq!(fin_after(&[plain, odd]), [Fin::Announced; 2]);
        }
        assert_eq!(fin_after(&[(false, false, true), plain]), [Fin::Announced; 2]);
    }
}
