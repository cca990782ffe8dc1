//! A stream's limits and deadlines.

use std::time::Duration;

use crate::proto::Limits;

/// What a stream does where its user says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamOptions {
    /// What a peer may make the stream store.
    pub limits: Limits,
    /// How long flushing, saying goodbye and waiting for the peer's goodbye may take in all. Default 5 s.
    pub close_deadline: Duration,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self { limits: Limits::default(), close_deadline: Duration::from_secs(5) }
    }
}
