//! A failed attempt, kept in the folder: for other processes, and for the next.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// The last failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Failed {
    /// Milliseconds since 1970.
    at: u64,
    /// No attempt before this.
    until: u64,
    /// How many there were in a row.
    pub(super) failures: u32,
    /// The authority has said how long.
    asked: bool,
    pub(super) message: String,
}

impl Failed {
    /// One of now, which is to be followed by another attempt after `wait`.
    pub(super) fn now(wait: Duration, failures: u32, asked: bool, message: String) -> Self {
        let today = SystemTime::now();
        Self { at: millis(today), until: millis(today + wait), failures, asked, message }
    }

    /// How long a process has to wait that wanted to make an attempt at `wanted`.
    ///
    /// A failure of before is no reason to wait, unless the authority has asked for it: what was wrong may have been
    /// mended. One that is later than `today` was written by a clock that was wrong.
    pub(super) fn binds(&self, wanted: SystemTime, today: SystemTime) -> Option<Duration> {
        let counts = (self.asked || self.at >= millis(wanted)) && self.at <= millis(today);
        let wait = self.until.saturating_sub(millis(today));
        (counts && wait > 0).then(|| Duration::from_millis(wait))
    }
}

fn millis(time: SystemTime) -> u64 {
    u64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_binds_who_waited_for_it_and_everybody_if_the_authority_has_asked() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let failed = |asked| Failed { at: 100_000, until: 160_000, failures: 1, asked, message: String::new() };
        let binds = |asked, wanted, today| failed(asked).binds(at(wanted), at(today)).map(|wait| wait.as_secs());
        assert_eq!(binds(false, 90, 110), Some(50), "it waited for the one that failed");
        assert_eq!(binds(false, 105, 110), None, "it came later");
        assert_eq!(binds(true, 105, 110), Some(50));
        assert_eq!((binds(true, 105, 160), binds(true, 105, 200)), (None, None), "it is over");
        assert_eq!(binds(true, 20, 30), None, "the clock was set back");
    }
}
