//! How often an authority is asked how far it is: as it says, or else more and more slowly.

use std::time::{Duration, Instant};

use lem_ssl_rs::{now, sleep};

/// The pace of one attempt.
#[derive(Debug)]
pub(super) struct Pace {
    began: Instant,
    next: Duration,
}

/// An attempt ends after so long.
const PATIENCE: Duration = Duration::from_secs(4 * 60);

const FIRST_WAIT: Duration = Duration::from_millis(200);
const MAX_WAIT: Duration = Duration::from_secs(3);

/// The longest wait between two looks if the authority asks for it.
pub(super) const MAX_ASKED_WAIT: Duration = Duration::from_secs(60);

impl Pace {
    pub(super) fn new() -> Self {
        Self { began: now(), next: FIRST_WAIT }
    }

    pub(super) fn is_over(&self) -> bool {
        now().saturating_duration_since(self.began) >= PATIENCE
    }

    /// Waits until the authority is asked again, which has asked for `retry_after`.
    pub(super) async fn wait(&mut self, retry_after: Option<Duration>) {
        let asked = retry_after.unwrap_or_default().min(MAX_ASKED_WAIT);
        sleep(asked.max(self.next)).await;
        self.next = (self.next * 3 / 2).min(MAX_WAIT);
    }
}
