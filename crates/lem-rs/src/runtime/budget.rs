//! Cooperative budgets: what is done in one poll and in one turn of the loop before others have their turn.
//!
//! A task that has spent its share gives way; nothing is refused, only deferred. The third budget, of long computations,
//! are the [CPU permits](super::cpu_permits).

use std::cell::Cell;
use std::time::Duration;

/// How many bytes all tasks together may move in one turn: about a millisecond of decryption.
const BYTES_PER_TURN: usize = 2 * 1024 * 1024;

/// How many bytes one task may move before the others have their turn. It leaves room for two full receive arenas.
const BYTES_PER_POLL: usize = 512 * 1024;

/// What an operation costs at least, so that a loop over tiny results ends its turn as well.
const MIN_CHARGE: usize = 64;

/// What is left of the shares.
#[derive(Debug, Default)]
pub(super) struct Budget {
    /// Bytes that the present poll may still move.
    left: Cell<usize>,
    /// Bytes that were charged in this turn.
    charged: Cell<usize>,
    /// The longest that a single poll has held the loop; `None` until it is asked for.
    longest_poll: Cell<Option<Duration>>,
}

impl Budget {
    pub(super) fn begin_turn(&self) {
        self.charged.set(0);
    }

    /// A task is polled, or a stream flushes.
    pub(super) fn begin_poll(&self) {
        self.left.set(BYTES_PER_POLL);
    }

    /// The present poll has moved `bytes`.
    pub(super) fn charge(&self, bytes: usize) {
        let bytes = bytes.max(MIN_CHARGE);
        self.left.set(self.left.get().saturating_sub(bytes));
        self.charged.set(self.charged.get().saturating_add(bytes));
    }

    /// What was charged in this turn.
    pub(super) fn charged(&self) -> usize {
        self.charged.get()
    }

    /// Whether the present poll has spent its share.
    pub(super) fn poll_is_spent(&self) -> bool {
        self.left.get() == 0
    }

    /// Whether the turn should end.
    pub(super) fn turn_is_spent(&self) -> bool {
        self.charged.get() >= BYTES_PER_TURN
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
}
