//! Permits for long computations, a few in each turn of the loop: a fair semaphore that is refilled.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use super::key::{Key, Keyed};
use super::shrink::shrink_queue;
use super::wait::Wait;

/// How many long computations are done in one turn: steps of handshakes, above all, of which each may take a third of a
/// millisecond. What else is ready has its turn in between, so a flood of them delays nobody by more than this
/// many, or twice as many where some granted before come late.
const PERMITS_PER_TURN: usize = 4;

/// The permits of the present turn, and the queue for those of the next ones.
#[derive(Debug)]
pub(super) struct CpuPermits {
    /// For those that ask in this turn, while nobody waits.
    free: Cell<usize>,
    /// For those whose grant has lapsed before they have asked again.
    late: Cell<usize>,
    /// Permits that were granted for the present turn, or for the next one while events are waited for. Those that are not
    /// used in it lapse: a holder that is not polled must not keep them from others.
    granted: Cell<usize>,
    turn: Cell<u64>,
    places: RefCell<Keyed<Place>>,
    /// How many of the places wait.
    waiting: Cell<usize>,
    /// The places that wait; the first has waited longest. Keys whose entry has gone are passed over.
    queue: RefCell<VecDeque<Key>>,
}

#[derive(Debug)]
enum Place {
    Waiting(Wait),
    /// For this turn.
    Granted(u64),
}

/// What came of asking for a permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Granted,
    Queued(Key),
}

impl Default for CpuPermits {
    fn default() -> Self {
        Self {
            free: Cell::new(PERMITS_PER_TURN),
            late: Cell::new(PERMITS_PER_TURN),
            granted: Cell::new(0),
            turn: Cell::new(0),
            places: RefCell::default(),
            waiting: Cell::new(0),
            queue: RefCell::default(),
        }
    }
}

impl CpuPermits {
    pub(super) fn begin_turn(&self) {
        self.turn.set(self.turn.get() + 1);
        self.free.set(PERMITS_PER_TURN - self.granted.get());
        self.late.set(PERMITS_PER_TURN);
    }

    /// Takes a free permit, or waits for one behind all others that do: a newcomer overtakes nobody.
    pub(super) fn ask(&self, wait: Wait) -> Asked {
        if !self.is_waited_for() && take_one(&self.free) {
            return Asked::Granted;
        }
        let key = self.places.borrow_mut().insert(Place::Waiting(wait));
        self.waiting.set(self.waiting.get() + 1);
        self.queue.borrow_mut().push_back(key);
        Asked::Queued(key)
    }

    /// Asks again: `Ok` if it was granted meanwhile; otherwise it waits on, and what it replaces is the caller's to drop,
    /// unborrowed.
    pub(super) fn ask_again(&self, key: Key, wait: Wait) -> Result<(), Option<Wait>> {
        let mut places = self.places.borrow_mut();
        let Some(place) = places.get_mut(key) else {
            debug_assert!(false, "a place lasts until its permit is used");
            return Ok(());
        };
        let granted_for = match place {
            Place::Waiting(waiting) => return Err(Some(std::mem::replace(waiting, wait))),
            Place::Granted(turn) => *turn,
        };
        // Its task may have stood far back in the ready queue. There are some for such in each turn, so that it is not
        // granted and lapses for ever.
        let counts_in = if granted_for == self.turn.get() { &self.granted } else { &self.late };
        if take_one(counts_in) || take_one(&self.free) {
            places.remove(key);
            return Ok(());
        }
        *place = Place::Waiting(wait);
        self.waiting.set(self.waiting.get() + 1);
        self.queue.borrow_mut().push_front(key);
        Err(None)
    }

    /// Waits no more. What waited is the caller's to drop, unborrowed.
    pub(super) fn leave(&self, key: Key) -> Option<Wait> {
        match self.places.borrow_mut().remove(key)? {
            Place::Waiting(wait) => {
                self.waiting.set(self.waiting.get() - 1);
                Some(wait)
            }
            Place::Granted(_) => None,
        }
    }

    /// Gives back one that was taken in this turn and not used.
    pub(super) fn give_back(&self) {
        self.free.set((self.free.get() + 1).min(PERMITS_PER_TURN));
    }

    pub(super) fn is_waited_for(&self) -> bool {
        self.waiting.get() > 0
    }

    /// Grants the next turn's permits to those that have waited longest, and hands out whom to wake.
    pub(super) fn grant(&self, woken: &mut Vec<Wait>) {
        self.granted.set(0);
        if !self.is_waited_for() {
            // Those that have left.
            self.queue.borrow_mut().clear();
            return;
        }
        let next_turn = self.turn.get() + 1;
        let (mut places, mut queue) = (self.places.borrow_mut(), self.queue.borrow_mut());
        while self.granted.get() < PERMITS_PER_TURN
            && let Some(key) = queue.pop_front()
        {
            if let Some(place @ Place::Waiting(_)) = places.get_mut(key)
                && let Place::Waiting(wait) = std::mem::replace(place, Place::Granted(next_turn))
            {
                self.granted.set(self.granted.get() + 1);
                self.waiting.set(self.waiting.get() - 1);
                woken.push(wait);
            }
        }
    }

    /// Gives back the memory that a burst has left.
    pub(super) fn shrink(&self) {
        shrink_queue(&mut self.queue.borrow_mut());
    }
}

/// Takes one of those, if there is one.
fn take_one(permits: &Cell<usize>) -> bool {
    let there = permits.get();
    permits.set(there.saturating_sub(1));
    there > 0
}
