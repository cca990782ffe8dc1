//! A wait that knows its machine.

use std::rc::Rc;

use super::core::Core;
use super::wait::Wait;

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

    /// Wakes. Call it with no `RefCell` borrowed: a foreign waker is code of the user's.
    pub(crate) fn wake(self) {
        self.core.wake(self.wait);
    }
}
