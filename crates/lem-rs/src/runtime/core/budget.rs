//! What tasks are charged for, and when they should give way.

use std::time::Duration;

use super::Core;

impl Core {
    /// Charges the task being polled for moving `bytes`.
    pub(crate) fn charge(&self, bytes: usize) {
        self.budget.charge(bytes);
    }

    /// What was charged so far, for [`charge_at_least`](Self::charge_at_least).
    pub(crate) fn charged(&self) -> usize {
        self.budget.charged()
    }

    /// Charges `bytes`, less what was charged since `before`: for a call that may have charged for itself.
    pub(crate) fn charge_at_least(&self, bytes: usize, before: usize) {
        self.charge(bytes.saturating_sub(self.charged().saturating_sub(before)));
    }

    /// Whether the budget of the present poll is spent, in a task or in a stream's flush.
    pub(crate) fn poll_is_spent(&self) -> bool {
        self.budget.poll_is_spent()
    }

    /// Whether the task being polled has spent its budget and should give way. Outside of a poll nobody waits.
    pub(crate) fn must_give_way(&self) -> bool {
        self.polled.get().is_some() && self.budget.poll_is_spent()
    }

    pub(crate) fn longest_poll(&self) -> Duration {
        self.budget.longest_poll()
    }
}
