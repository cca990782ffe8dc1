//! Permits for long computations, a few in each turn of the loop: a fair semaphore that is refilled.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use super::key::{Key, Keyed};
use super::shrink::shrink_queue;
use super::wait::Wait;

/// How many long computations are done in one turn: steps of handshakes, above all, of which each may take a third of a
/// millisecond. What else is ready has its turn in between, so a flood of them delays nobody by more than this many.
const PERMITS_PER_TURN: usize = 4;

/// The permits of the present turn, and the queue for those of the next ones.
#[derive(Debug)]
pub(super) struct CpuPermits {
    /// For those that ask in this turn, while nobody waits.
    free: Cell<usize>,
    /// Permits that were granted to the front of the queue and not used yet. They count in the turn in which they are
    /// used, whichever that is.
    granted: Cell<usize>,
    waiting: RefCell<Keyed<Wait>>,
    /// The first has waited longest. Keys whose entry has gone are passed over.
    queue: RefCell<VecDeque<Key>>,
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
            granted: Cell::new(0),
            waiting: RefCell::default(),
            queue: RefCell::default(),
        }
    }
}

impl CpuPermits {
    pub(super) fn begin_turn(&self) {
        self.free.set(PERMITS_PER_TURN - self.granted.get());
    }

    /// Takes a free permit, or waits for one behind all others that do: a newcomer overtakes nobody.
    pub(super) fn ask(&self, wait: Wait) -> Asked {
        let free = self.free.get();
        if free > 0 && self.waiting.borrow().len() == 0 {
            self.free.set(free - 1);
            return Asked::Granted;
        }
        let key = self.waiting.borrow_mut().insert(wait);
        self.queue.borrow_mut().push_back(key);
        Asked::Queued(key)
    }

    /// Asks again: `Ok` if it was granted meanwhile; otherwise it waits on, and what it replaces is the caller's to drop,
    /// unborrowed.
    pub(super) fn ask_again(&self, key: Key, wait: Wait) -> Result<(), Wait> {
        match self.waiting.borrow_mut().get_mut(key) {
            Some(waiting) => Err(std::mem::replace(waiting, wait)),
            None => {
                self.granted.set(self.granted.get() - 1);
                Ok(())
            }
        }
    }

    /// Waits no more. What waited is the caller's to drop, unborrowed.
    pub(super) fn leave(&self, key: Key) -> Option<Wait> {
        let left = self.waiting.borrow_mut().remove(key);
        if left.is_none() {
            // It was granted and not used.
            self.granted.set(self.granted.get() - 1);
        }
        left
    }

    /// Gives back one that was taken in this turn and not used.
    pub(super) fn give_back(&self) {
        self.free.set((self.free.get() + 1).min(PERMITS_PER_TURN));
    }

    pub(super) fn is_waited_for(&self) -> bool {
        self.waiting.borrow().len() > 0
    }

    /// Grants the next turn's permits to those that have waited longest, and hands out whom to wake.
    pub(super) fn grant(&self, woken: &mut Vec<Wait>) {
        let (mut waiting, mut queue) = (self.waiting.borrow_mut(), self.queue.borrow_mut());
        while self.granted.get() < PERMITS_PER_TURN
            && let Some(key) = queue.pop_front()
        {
            if let Some(wait) = waiting.remove(key) {
                self.granted.set(self.granted.get() + 1);
                woken.push(wait);
            }
        }
    }

    /// Gives back the memory that a burst has left.
    pub(super) fn shrink(&self) {
        shrink_queue(&mut self.queue.borrow_mut());
    }
}
