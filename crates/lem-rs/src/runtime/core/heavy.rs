//! Long computations, and how long they hold the loop.

use std::task::{Context, Poll};
use std::time::Duration;

use super::Core;
use crate::runtime::key::Key;
use crate::runtime::wait::Wait;

impl Core {
    /// Takes one of this turn's long computations. If there is none left, the polling task is woken in a later turn,
    /// behind what the sockets have woken, and has one that nobody else takes.
    pub(crate) fn poll_heavy(&self, cx: &Context<'_>) -> Poll<()> {
        if self.pace.take_heavy() {
            return Poll::Ready(());
        }
        let wait = self.wait_of(cx);
        if let Wait::Task(task, _) = wait
            && let Some(task) = self.tasks.borrow_mut().get_mut(task)
        {
            // A task that is polled for another reason asks again: it keeps the place that it has, the better one.
            if self.pace.count_ask() <= task.places {
                return Poll::Pending;
            }
            task.places += 1;
        }
        self.pace.put_off(self.polled.get().map(|(task, _)| task), wait);
        Poll::Pending
    }

    /// A task's place among those that were put off is reached; false if the task has gone.
    pub(super) fn leave_place(&self, task: Key, wait: &Wait) -> bool {
        let mut tasks = self.tasks.borrow_mut();
        let Some(task) = tasks.get_mut(task) else { return false };
        if matches!(wait, Wait::Task(..)) {
            task.places -= 1;
        }
        true
    }

    /// Gives back what [`poll_heavy`](Self::poll_heavy) gave, unused.
    pub(crate) fn return_heavy(&self) {
        self.pace.return_heavy();
    }

    pub(crate) fn longest_poll(&self) -> Duration {
        self.pace.longest_poll()
    }

    pub(super) fn measured<R>(&self, poll: impl FnOnce() -> R) -> R {
        if !self.pace.measures() {
            return poll();
        }
        let begun = self.world.now();
        let result = poll();
        self.pace.note_poll(self.world.now().saturating_duration_since(begun));
        result
    }
}
