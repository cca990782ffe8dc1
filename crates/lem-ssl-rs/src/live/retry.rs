//! When to try again what the operating system has refused.

use std::io;
use std::time::{Duration, Instant};

use lem_rs::JoinError;

use crate::error::{Error, TlsError};

/// A failure that may pass by itself, and that was told.
#[derive(Debug)]
pub(super) struct Retry {
    due: Instant,
    pause: Duration,
    told: String,
}

/// The first pause.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Pauses double up to this one, or to the interval of the watch if that is longer.
const MAX_PAUSE: Duration = Duration::from_secs(60);

impl Retry {
    /// After `error`, and after what was tried `before`, if nothing has changed since. `None` if the files must change
    /// first.
    pub(super) fn after(error: &Error, before: Option<Self>, interval: Duration, now: Instant) -> Option<Self> {
        let pause = match before {
            Some(before) => (before.pause * 2).min(MAX_PAUSE.max(interval)),
            None => FIRST_PAUSE.min(interval),
        };
        may_pass(error).then(|| Self { due: now + pause, pause, told: error.to_string() })
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.due
    }

    /// Until when it is to be tried again.
    pub(super) fn remaining(&self, now: Instant) -> Duration {
        self.due.saturating_duration_since(now)
    }

    /// Whether this failure was told already.
    pub(super) fn has_told(&self, error: &Error) -> bool {
        self.told == error.to_string()
    }
}

/// Whether a failure may pass although no file changes: there was no descriptor, no thread, or no answer from a disk.
fn may_pass(error: &Error) -> bool {
    let of_system = match (error, TlsError::of(error)) {
        (Error::Task(JoinError::NoThread(_)), _) => return true,
        (Error::Io { source, .. }, _) => Some(&**source),
        (_, Some(TlsError::Config(config))) => config.io_error(),
        _ => None,
    };
    // A file that appears has changed.
    of_system.is_some_and(|error| error.kind() != io::ErrorKind::NotFound)
}
