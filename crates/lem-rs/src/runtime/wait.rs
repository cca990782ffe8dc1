//! What is left behind by a task that waits, so that it can be woken.

use std::rc::{Rc, Weak};
use std::task::Waker;

use super::core::Core;
use super::handler::ReadyHandler;
use super::key::Key;
use super::source::Direction;
use super::vigil::Hold;

/// Wakes one waiter of one machine.
///
/// A task of the machine is named by its key: no reference count is touched, and a key that has outlived its task
/// wakes nobody. Anything else that polls our futures (a combinator with wakers of its own) gives its `Waker`.
/// Because our own primitives hold no clone of a task's waker, a task whose waker has clones is one that somebody
/// outside may wake; [`Core::is_stalled`] rests on that.
#[derive(Debug, Clone)]
pub(crate) enum Wait {
    Task(Key, Hold),
    Foreign(Waker),
    /// A stream, which knows who waits on it.
    Handler(Weak<dyn ReadyHandler>, Direction),
}

/// A [`Wait`] that knows its machine, for things that may be used when another machine runs.
#[derive(Debug)]
pub(crate) struct Parked {
    core: Rc<Core>,
    wait: Wait,
}

impl Parked {
    pub(crate) fn new(core: &Rc<Core>, wait: Wait) -> Self {
        Self { core: core.clone(), wait }
    }

    /// A second wake-up for the same waiter.
    pub(crate) fn again(&self) -> Self {
        Self { core: self.core.clone(), wait: self.wait.clone() }
    }

    /// Wakes. Call it with no `RefCell` borrowed: a foreign waker runs foreign code.
    pub(crate) fn wake(self) {
        self.core.wake(self.wait);
    }
}
