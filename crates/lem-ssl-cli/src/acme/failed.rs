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
    failures: u32,
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

    /// How many failures there were in a row, if the next attempt goes on with that row. What is long ago, or not yet, says
    /// nothing of today.
    pub(super) fn in_a_row(&self, today: SystemTime) -> u32 {
        let (today, row) = (millis(today), u64::try_from(MAX_BETWEEN.as_millis()).unwrap_or(u64::MAX));
        if (self.at..self.until.saturating_add(row)).contains(&today) { self.failures } else { 0 }
    }
}

/// Two failures are of one row if not more time lies between the pause after the first and the second.
const MAX_BETWEEN: Duration = Duration::from_secs(24 * 60 * 60);

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

    #[test]
    fn a_row_of_failures_goes_on_for_a_day_and_not_before_it_has_begun() {
        let failed = Failed { at: 100_000, until: 160_000, failures: 3, asked: false, message: String::new() };
        let row = |seconds| failed.in_a_row(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!([99, 100, 159, 160 + 86_399, 160 + 86_400].map(row), [0, 3, 3, 3, 0]);
    }
}
