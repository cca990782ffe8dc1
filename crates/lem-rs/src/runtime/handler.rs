//! What the machine does for a stream outside of tasks.

use std::rc::{Rc, Weak};

use super::source::Direction;

/// A stream as the machine knows it: woken by its socket, and asked to send what was accepted.
///
/// Both methods are called with nothing borrowed. A stream that is gone is not called: the machine keeps it weakly.
pub(crate) trait ReadyHandler {
    /// The socket is ready. Wakes who waits for that; what takes time is [scheduled](super::Core::schedule_flush).
    fn handle_ready(self: Rc<Self>, direction: Direction);

    /// Sends what was accepted and the kernel does not have, within one poll's budget.
    fn flush(self: Rc<Self>);
}

/// An entry of the ready queue.
#[derive(Debug)]
pub(super) enum Ready {
    /// A task that was woken.
    Task(super::key::Key),
    /// A stream with something to send that no task waits for.
    Flush(Weak<dyn ReadyHandler>),
}
