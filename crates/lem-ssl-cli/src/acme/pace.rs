//! How often an authority is asked how far it is, as it says, or else more and more slowly; and for how long.

use std::future::Future;
use std::time::{Duration, Instant};

use lem_ssl_rs::{Deadline, now, sleep, timeout};

use super::problem::Fault;
use crate::text::span;

/// The pace of one attempt.
#[derive(Debug)]
pub(super) struct Pace {
    began: Instant,
    next: Duration,
}

/// When an attempt is cut, whatever it waits for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    time: Duration,
    end: Deadline,
}

/// The authority is asked how far it is for so long.
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

impl Limit {
    /// An attempt that begins now, and may take so long.
    pub(super) fn of(time: Duration) -> Self {
        Self { time, end: Deadline::after(time) }
    }

    /// Does this, which fails where the attempt has taken too long.
    pub(super) async fn cut<T>(&self, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        let time = || span(i64::try_from(self.time.as_secs()).unwrap_or(i64::MAX));
        let late = |_| Err(Fault::new(format!("the attempt is not done after {}", time())));
        timeout(self.end.remaining(), work).await.unwrap_or_else(late)
    }
}
