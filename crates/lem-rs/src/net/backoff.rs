//! When accepting fails: which failures are passed over, and how long it pauses after the others.

use std::time::Duration;

/// The first pause when descriptors have run out, and the longest.
const MIN_PAUSE: Duration = Duration::from_millis(10);
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// So many failed connections in a row are rather a failure of something else: then it pauses as well.
const MAX_FAILURES: u32 = 64;

/// What has failed since a connection was accepted. It belongs to the listener and not to one accept: an accept under a
/// deadline may be dropped in each pause.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    /// Connections in a row that were gone before they were accepted.
    failures: u32,
    /// `None` if there was no pause.
    last: Option<Duration>,
}

/// How long to pause.
pub(super) struct Pause {
    pub(super) duration: Duration,
    /// No other one came before it since a connection was accepted.
    pub(super) is_first: bool,
}

impl Backoff {
    /// A connection was gone before it was accepted: a pause if there were too many of them.
    pub(super) fn note_failure(&mut self) -> Option<Pause> {
        if self.failures < MAX_FAILURES {
            self.failures += 1;
            return None;
        }
        Some(self.pause())
    }

    /// Accepting is impossible for now.
    pub(super) fn pause(&mut self) -> Pause {
        let duration = self.last.map_or(MIN_PAUSE, |last| (last * 2).min(MAX_PAUSE));
        Pause { duration, is_first: self.last.replace(duration).is_none() }
    }
}
