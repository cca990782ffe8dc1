//! The right to one long computation.

use std::fmt;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::core::Core;
use super::cpu_permits::Asked;
use super::key::Key;

/// Asks the machine for the right to a long computation, such as a handshake's signatures: there are a few in each turn
/// of the loop, in the order in which they were asked for, so that a flood of them still leaves everybody else a turn in
/// between.
///
/// It may be used again, for one computation after another. Dropping it gives up its place in the queue.
pub struct CpuPermit {
    core: Rc<Core>,
    /// Its place in the queue, while it waits or has been granted what it waited for.
    place: Option<Key>,
}

impl CpuPermit {
    pub(super) fn new(core: &Rc<Core>) -> Self {
        Self { core: core.clone(), place: None }
    }

    /// Ready when a computation may be done; the next call asks for another one. What was granted while it waited is given
    /// to others if this is not called in that turn; then it asks again, in front of them.
    pub fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        let permits = self.core.cpu_permits();
        let wait = self.core.wait_of(cx);
        match self.place.take() {
            None => match permits.ask(wait) {
                Asked::Granted => Poll::Ready(()),
                Asked::Queued(place) => {
                    self.place = Some(place);
                    Poll::Pending
                }
            },
            Some(place) => match permits.ask_again(place, wait) {
                Ok(()) => Poll::Ready(()),
                Err(before) => {
                    self.place = Some(place);
                    drop(before);
                    Poll::Pending
                }
            },
        }
    }

    /// Gives back what [`poll`](Self::poll) gave: there was nothing to compute.
    pub fn give_back(&mut self) {
        self.core.cpu_permits().give_back();
    }
}

impl Drop for CpuPermit {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            let waited = self.core.cpu_permits().leave(place);
            drop(waited);
        }
    }
}

impl fmt::Debug for CpuPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CpuPermit").field("waits", &self.place.is_some()).finish_non_exhaustive()
    }
}
