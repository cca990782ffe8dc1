//! The check for tasks that wait although nothing can wake them: a future said `Pending` and kept no waker.
//!
//! Every [`Wait`](super::wait::Wait) that names a task shares the task's [`Hold`], wherever it is kept: in a timer, at a
//! socket, in a queue. So a task that waits, is in no queue, whose hold has no other owner and whose waker has no clone
//! is one that nobody can wake any more. Only in builds with the feature `sim`; the others pay nothing.

use super::key::Key;
use super::task::Tasks;
use crate::error::Error;

pub(crate) use imp::{Hold, Vigil};

#[cfg(feature = "sim")]
mod imp {
    use std::cell::Cell;
    use std::panic::Location;
    use std::rc::Rc;

    use super::{Error, Key, Tasks};

    /// Counts who may wake a task. The task itself holds one.
    #[derive(Debug, Clone, Default)]
    pub(crate) struct Hold(Option<Rc<Location<'static>>>);

    impl Hold {
        /// For a task that is spawned where the caller stands.
        #[track_caller]
        pub(crate) fn new() -> Self {
            Self(Some(Rc::new(*Location::caller())))
        }

        /// The wait that kept it is over.
        pub(crate) fn release(self) {}
    }

    /// Looks at every task after its poll, if it is switched on.
    #[derive(Debug, Default)]
    pub(crate) struct Vigil {
        on: Cell<bool>,
        found: Cell<Option<Location<'static>>>,
    }

    impl Vigil {
        pub(crate) fn switch(&self, on: bool) {
            self.on.set(on);
        }

        /// Looks at a task whose poll said `Pending`.
        pub(crate) fn look_at(&self, tasks: &Tasks, key: Key) {
            if !self.on.get() {
                return;
            }
            let Some(task) = tasks.get(key).filter(|task| !task.queued && !task.is_wakeable_from_outside()) else {
                return;
            };
            if let Some(shared) = task.hold().0.as_ref().filter(|shared| Rc::strong_count(shared) == 1) {
                self.found.set(Some(**shared));
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

    #[derive(Debug, Clone, Default)]
    pub(crate) struct Hold(());

    impl Hold {
        pub(crate) fn new() -> Self {
            Self(())
        }

        pub(crate) fn release(self) {}
    }

    #[derive(Debug, Default)]
    pub(crate) struct Vigil(());

    impl Vigil {
        pub(crate) fn switch(&self, _: bool) {}

        pub(crate) fn look_at(&self, _: &Tasks, _: Key) {}

        pub(crate) fn report(&self) -> Result<(), Error> {
            Ok(())
        }
    }
}
