//! Arming and disarming the machine's timers.

use std::task::Context;
use std::time::Instant;

use super::Core;
use crate::runtime::timers::TimerKey;

/// The machine's timers.
impl Core {
    pub(crate) fn arm(&self, deadline: Instant, cx: &Context<'_>) -> TimerKey {
        let wait = self.wait_of(cx);
        self.timers.borrow_mut().arm(deadline, wait)
    }

    /// Replaces what a timer wakes; false if it has fired.
    pub(crate) fn rearm(&self, timer: TimerKey, cx: &Context<'_>) -> bool {
        let wait = self.wait_of(cx);
        let mut timers = self.timers.borrow_mut();
        let Some(waiter) = timers.waiter_mut(timer) else { return false };
        let before = std::mem::replace(waiter, wait);
        drop(timers);
        drop(before);
        true
    }

    pub(crate) fn disarm(&self, timer: TimerKey) {
        let waiter = self.timers.borrow_mut().cancel(timer);
        drop(waiter);
    }
}
