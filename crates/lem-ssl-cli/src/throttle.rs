//! Lines of the log that a flood of connections must not multiply.

use std::cell::Cell;
use std::time::{Duration, Instant};

use lem_ssl_rs::now;

/// One line in so long is told, as the library does with clients that it refuses.
const INTERVAL: Duration = Duration::from_secs(1);

/// Lets one line through in a while, and counts the others.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    last: Cell<Option<Instant>>,
    withheld: Cell<u64>,
}

impl Throttle {
    /// Whether a line is due; if so, how many were withheld since the one before.
    pub(crate) fn due(&self) -> Option<u64> {
        let now = now();
        if self.last.get().is_some_and(|last| now.saturating_duration_since(last) < INTERVAL) {
            self.withheld.set(self.withheld.get() + 1);
            return None;
        }
        self.last.set(Some(now));
        Some(self.withheld.take())
    }
}
