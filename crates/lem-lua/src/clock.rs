//! The time of day that scripts are told.

#![forbid(unsafe_code)]

use std::time::{Instant, SystemTime};

/// Whose time that is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Clock {
    /// The operating system's. Somebody may set it while a script runs.
    #[default]
    System,
    /// That of a simulated world, which began at this instant of the machine's.
    Simulated(Instant),
}

/// When simulated worlds begin, so that a seed's run is the same on every day: 2027-01-15 08:00 UTC.
const SIMULATED_START: f64 = 1_800_000_000.0;

impl Clock {
    /// The seconds since 1970, when it is `now` by the machine's clock and `today` by the operating system's.
    pub(crate) fn seconds_since_1970(self, now: Instant, today: SystemTime) -> f64 {
        match self {
            Self::System => today.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64(),
            Self::Simulated(start) => SIMULATED_START + (now - start).as_secs_f64(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_that_was_set_is_followed_and_not_in_a_simulated_world() {
        let (now, hour) = (Instant::now(), Duration::from_secs(3600));
        let today = SystemTime::UNIX_EPOCH + 1000 * hour;
        for (today, seconds) in [(today, 3_600_000.0), (today + hour, 3_603_600.0), (today - hour, 3_596_400.0)] {
            assert_eq!(Clock::System.seconds_since_1970(now, today), seconds);
            assert_eq!(Clock::Simulated(now).seconds_since_1970(now + hour, today), SIMULATED_START + 3600.0);
        }
    }
}
