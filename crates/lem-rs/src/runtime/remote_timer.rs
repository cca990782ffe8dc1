//! A timer whose handle may be sent to other threads.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use super::current::current;
use super::remote::Remote;
use super::timers::TimerKey;

/// A deadline, and the timer that was armed for it on one machine. Unlike [`Sleep`](crate::Sleep) it is `Send` and
/// `Sync`; it can be polled only inside of a machine.
#[derive(Debug)]
pub(crate) struct RemoteTimer {
    deadline: Instant,
    armed: Option<(Arc<Remote>, TimerKey)>,
}

impl RemoteTimer {
    pub(crate) fn new(deadline: Instant) -> Self {
        Self { deadline, armed: None }
    }

    /// Waits for the deadline.
    ///
    /// # Panics
    /// Outside of [`Machine::run`](crate::Machine::run).
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let core = current().expect("a timer must be polled inside of Machine::run");
        if core.now() >= self.deadline {
            return Poll::Ready(());
        }
        let rearmed = self
            .armed
            .as_ref()
            .is_some_and(|(machine, timer)| Arc::ptr_eq(machine, core.remote()) && core.rearm(*timer, cx));
        if !rearmed {
            self.armed = Some((core.remote().clone(), core.arm(self.deadline, cx)));
        }
        Poll::Pending
    }
}

impl Drop for RemoteTimer {
    /// Elsewhere than on its machine the timer is left to fire: its wake-up is spurious then.
    fn drop(&mut self) {
        if let Some((machine, timer)) = self.armed.take()
            && let Some(core) = current()
            && Arc::ptr_eq(&machine, core.remote())
        {
            core.disarm(timer);
        }
    }
}
