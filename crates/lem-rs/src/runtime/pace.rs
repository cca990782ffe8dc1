//! How much is done before others have their turn.
//!
//! Three bounds: bytes in one poll of a task, bytes in one turn of the loop, and long computations in one turn. A task
//! that has spent its share gives way; nothing is refused, only put off.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::Duration;

use super::key::Key;
use super::scratch::release_queue;
use super::wait::Wait;

/// How many bytes all tasks together may move in one turn: about a millisecond of decryption.
const BYTES_PER_TURN: usize = 2 * 1024 * 1024;

/// How many bytes one task may move before the others have their turn. It leaves room for two full receive arenas.
const BYTES_PER_POLL: usize = 512 * 1024;

/// What an operation costs at least, so that a loop over tiny results ends its turn as well.
const LEAST_CHARGE: usize = 64;

/// How many long computations are done in one turn: handshakes, above all, of which each step may take a third of a
/// millisecond. What else is ready has its turn in between, so a flood of them delays nobody by more than this many.
const HEAVY_PER_TURN: usize = 4;

/// What is left of the shares.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Bytes that the task being polled may still move.
    allowance: Cell<usize>,
    /// Bytes that all tasks have moved in this turn.
    moved: Cell<usize>,
    /// Long computations that may still be done in this turn, by whoever asks first.
    heavy: Cell<usize>,
    /// Those that are set aside for tasks that waited longest. Under load there is always somebody who asks first:
    /// without this, whoever was put off once would wait for ever.
    granted: RefCell<Vec<Key>>,
    /// Those that the task being polled has of these. What it does not take is anybody's.
    own: Cell<usize>,
    /// How often the task being polled has asked in vain.
    asks: Cell<usize>,
    /// The longest that a single poll has held the loop; `None` while nobody wants to know.
    longest_poll: Cell<Option<Duration>>,
    /// Who waits for a later turn's, and which task that is; the first has waited longest.
    put_off: RefCell<VecDeque<(Option<Key>, Wait)>>,
}

impl Pace {
    /// `is_ready` tells whether a task will be polled.
    pub(super) fn begin_turn(&self, is_ready: impl Fn(Key) -> bool) {
        self.moved.set(0);
        let mut granted = self.granted.borrow_mut();
        granted.retain(|task| is_ready(*task));
        self.heavy.set(HEAVY_PER_TURN - granted.len());
        self.own.set(0);
    }

    pub(super) fn begin_poll(&self, task: Key) {
        self.allowance.set(BYTES_PER_POLL);
        let mut granted = self.granted.borrow_mut();
        let before = granted.len();
        granted.retain(|other| *other != task);
        let not_taken = self.own.replace(before - granted.len());
        self.heavy.set(self.heavy.get() + not_taken);
        self.asks.set(0);
    }

    /// As [`begin_poll`](Self::begin_poll), for what the machine itself does for a stream.
    pub(super) fn begin_poll_outside_of_tasks(&self) {
        self.allowance.set(BYTES_PER_POLL);
    }

    /// The task being polled has moved `bytes`.
    pub(super) fn charge(&self, bytes: usize) {
        let bytes = bytes.max(LEAST_CHARGE);
        self.allowance.set(self.allowance.get().saturating_sub(bytes));
        self.moved.set(self.moved.get().saturating_add(bytes));
    }

    /// What all tasks were charged in this turn.
    pub(super) fn charged(&self) -> usize {
        self.moved.get()
    }

    /// Whether the task being polled has spent its allowance.
    pub(super) fn poll_is_spent(&self) -> bool {
        self.allowance.get() == 0
    }

    /// Whether the turn should end.
    pub(super) fn turn_is_spent(&self) -> bool {
        self.moved.get() >= BYTES_PER_TURN
    }

    /// Takes one of this turn's long computations; false if there is none left.
    pub(super) fn take_heavy(&self) -> bool {
        let from = if self.own.get() > 0 { &self.own } else { &self.heavy };
        let left = from.get();
        from.set(left.saturating_sub(1));
        left > 0
    }

    /// Gives back one that was not used.
    pub(super) fn return_heavy(&self) {
        self.heavy.set((self.heavy.get() + 1).min(HEAVY_PER_TURN));
    }

    /// The longest poll since this was first asked. From then on polls are measured, for a look at the clock each.
    pub(super) fn longest_poll(&self) -> Duration {
        let longest = self.longest_poll.get().unwrap_or_default();
        self.longest_poll.set(Some(longest));
        longest
    }

    pub(super) fn measures(&self) -> bool {
        self.longest_poll.get().is_some()
    }

    pub(super) fn note_poll(&self, took: Duration) {
        self.longest_poll.set(self.longest_poll.get().max(Some(took)));
    }

    /// How often the task being polled has asked in vain, now included.
    pub(super) fn count_ask(&self) -> usize {
        self.asks.set(self.asks.get() + 1);
        self.asks.get()
    }

    /// Waits for a later turn's, behind all others who do.
    pub(super) fn put_off(&self, task: Option<Key>, wait: Wait) {
        self.put_off.borrow_mut().push_back((task, wait));
    }

    pub(super) fn has_put_off(&self) -> bool {
        !self.put_off.borrow().is_empty()
    }

    /// Gives back what a burst has left, if nobody waits.
    pub(super) fn release(&self) {
        release_queue(&mut self.put_off.borrow_mut());
    }

    /// Wakes those who have waited longest, and sets a computation of the next turn aside for each. `reach` is told of
    /// each, and tells whether the task still exists: those that were cancelled, or ran out of time, must not take the
    /// turns of those who wait.
    pub(super) fn take_put_off(&self, woken: &mut Vec<Wait>, reach: impl Fn(Key, &Wait) -> bool) {
        let (mut granted, mut put_off) = (self.granted.borrow_mut(), self.put_off.borrow_mut());
        while granted.len() < HEAVY_PER_TURN
            && let Some((task, wait)) = put_off.pop_front()
        {
            granted.extend(task.filter(|task| reach(*task, &wait)));
            woken.push(wait);
        }
    }
}
