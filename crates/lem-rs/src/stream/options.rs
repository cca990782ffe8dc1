//! A stream's limits and deadlines.

use std::time::Duration;

use crate::proto::Limits;

/// What a stream does where its user says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamOptions {
    /// What a peer may make the stream store.
    pub limits: Limits,
    /// How long flushing, saying goodbye and waiting for the peer's goodbye may take in all. Default 5 s.
    pub close_deadline: Duration,
}

impl StreamOptions {
    /// Sets [`limits`](Self#structfield.limits).
    #[must_use]
    pub const fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Sets [`close_deadline`](Self#structfield.close_deadline).
    #[must_use]
    pub const fn close_deadline(self, close_deadline: Duration) -> Self {
        Self { close_deadline, ..self }
    }
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self { limits: Limits::default(), close_deadline: Duration::from_secs(5) }
    }
}
