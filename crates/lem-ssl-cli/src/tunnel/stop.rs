//! The end of the time for everything that is under way.

use std::cell::Cell;

use lem_ssl_rs::Queue;

/// Tells all connections at once that their time is over.
#[derive(Debug, Default)]
pub(super) struct Stop {
    over: Cell<bool>,
    waiting: Queue<()>,
}

impl Stop {
    /// The time is over, for those who wait and those who will.
    pub(super) fn now(&self) {
        self.over.set(true);
        self.waiting.signal(&());
    }

    /// Waits for that.
    pub(super) async fn wait(&self) {
        if !self.over.get() {
            // The queue is private: nobody resets it.
            let _ = self.waiting.get().await;
        }
    }
}
