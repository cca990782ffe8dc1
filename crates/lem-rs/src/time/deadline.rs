//! One deadline over several phases of one piece of work.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::time::{Duration, Instant};

use super::timeout;
use crate::error::{Error, Phase, Timeout};
use crate::runtime::{Awaited, current, now};

/// A point in time until which a piece of work, phase after phase, must be done.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    begun: Instant,
    limit: Duration,
}

impl Deadline {
    /// `limit` from now on.
    ///
    /// ```
    /// # use lem_rs::{Deadline, Error, Machine};
    /// # use std::time::Duration;
    /// # Machine::new()?.run(async {
    /// let deadline = Deadline::after(Duration::from_secs(30));
    /// assert!(deadline.remaining() <= Duration::from_secs(30));
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn after(limit: Duration) -> Self {
        Self { begun: now(), limit }
    }

    /// The same beginning, and the earlier of this deadline and `limit` from **now** on.
    #[must_use]
    pub fn at_most(self, limit: Duration) -> Self {
        let spent = now().saturating_duration_since(self.begun);
        Self { begun: self.begun, limit: self.limit.min(spent.saturating_add(limit)) }
    }

    /// What is left.
    pub fn remaining(&self) -> Duration {
        self.limit.saturating_sub(now().saturating_duration_since(self.begun))
    }

    /// Runs one phase under the deadline. `target` is made a text of only if it is needed.
    ///
    /// # Errors
    /// The future's own; [`Error::Timeout`] that names the phase, the target, and how long the whole work has taken.
    ///
    /// **Cancel safety:** that of `future`.
    pub async fn limit<T>(
        &self,
        phase: Phase,
        target: &(impl fmt::Display + ?Sized),
        future: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let mut future = pin!(future);
        let noted = poll_fn(|cx| {
            let poll = future.as_mut().poll(cx);
            if poll.is_pending()
                && let Some(core) = current()
            {
                core.awaited().note(|| Awaited::Phase(phase, Some(target.to_string().into())));
            }
            poll
        });
        timeout(self.remaining(), noted).await.unwrap_or_else(|_| {
            let waited = now().saturating_duration_since(self.begun);
            Err(Timeout::new(phase, waited).target(target.to_string()).into())
        })
    }
}
