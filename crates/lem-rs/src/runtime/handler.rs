//! What the machine does for a stream outside of tasks.

use std::rc::Rc;

use super::direction::Direction;
use crate::endpoint::Endpoint;

/// A stream as the machine knows it: woken by its socket, and asked to send what was accepted.
///
/// Both methods are called with nothing borrowed. A stream that is gone is not called: the machine keeps it weakly.
pub(crate) trait ReadyHandler {
    /// The socket is ready. Wakes the task that waits for that; what takes time is left to [`flush`](Self::flush).
    fn handle_ready(self: Rc<Self>, direction: Direction);

    /// Sends what was accepted and the kernel does not have, within one poll's budget.
    fn flush(self: Rc<Self>);

    /// The peer's address, while it is known.
    fn peer(&self) -> Option<Endpoint> {
        None
    }

    /// Gives up what can be made again, if the stream was not used since this was called last; says whether it is at rest.
    /// Until then it is called again.
    fn rest_if_quiet(self: Rc<Self>) -> bool {
        true
    }
}
