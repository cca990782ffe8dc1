//! The check for tasks that wait although nothing can wake them: a future said `Pending` and kept no waker.
//!
//! A task that waits, is in no queue, whose [count](super::waker_count) has no other owner and whose waker has no clone
//! can never be woken. Only in builds with the feature `sim`; the others pay nothing.

use super::key::Key;
use super::task::Tasks;
use crate::error::Error;

pub(crate) use imp::LostWakeupCheck;

#[cfg(feature = "sim")]
mod imp {
    use std::cell::Cell;
    use std::panic::Location;

    use super::{Error, Key, Tasks};

    /// Looks at every task after its poll, if it is enabled.
    #[derive(Debug, Default)]
    pub(crate) struct LostWakeupCheck {
        enabled: Cell<bool>,
        found: Cell<Option<&'static Location<'static>>>,
    }

    impl LostWakeupCheck {
        pub(crate) fn enable(&self, enabled: bool) {
            self.enabled.set(enabled);
        }

        /// Checks a task whose poll said `Pending`.
        pub(crate) fn check(&self, tasks: &Tasks, key: Key) {
            if !self.enabled.get() {
                return;
            }
            let waits = |task: &&super::super::task::Task| !task.queued && !task.is_wakeable_from_outside();
            if let Some(task) = tasks.get(key).filter(waits).filter(|task| task.waker_count().is_last()) {
                self.found.set(Some(task.started_at));
            }
        }

        /// What was found since the last call.
        pub(crate) fn report(&self) -> Result<(), Error> {
            self.found.take().map_or(Ok(()), |place| {
                Err(Error::Misuse(format!(
                    "the task that was started at {place} waits, and nothing can wake it: a future in it said Pending and \
                     kept no waker"
                )))
            })
        }
    }
}

#[cfg(not(feature = "sim"))]
mod imp {
    use super::{Error, Key, Tasks};

    #[derive(Debug, Default)]
    pub(crate) struct LostWakeupCheck(());

    impl LostWakeupCheck {
        pub(crate) fn enable(&self, _: bool) {}

        pub(crate) fn check(&self, _: &Tasks, _: Key) {}

        pub(crate) fn report(&self) -> Result<(), Error> {
            Ok(())
        }
    }
}
