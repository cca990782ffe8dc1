//! Dates for messages.

use std::fmt;
use std::time::Duration;

/// A point in time as `2026-11-22 21:05 UTC`.
pub(crate) struct Date(pub(crate) Duration);

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (year, month, day) = civil(seconds / DAY);
        let (hour, minute) = (seconds % DAY / 3600, seconds % 3600 / 60);
        write!(f, "{year}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
    }
}

/// A length of time in the largest unit that says something: `3 days`, `5 hours`, `12 minutes`.
pub(crate) struct Span(pub(crate) Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (count, unit) = match seconds {
            0..60 => (seconds, "second"),
            60..3600 => (seconds / 60, "minute"),
            3600..DAY => (seconds / 3600, "hour"),
            _ => (seconds / DAY, "day"),
        };
        write!(f, "{count} {unit}{}", if count == 1 { "" } else { "s" })
    }
}

const DAY: u64 = 24 * 60 * 60;

/// Days since 1970-01-01 to a date of the Gregorian calendar, counting in years that begin in March, so that the day
/// that some years have more is the last one.
fn civil(days: u64) -> (u64, u64, u64) {
    const DAYS_PER_ERA: u64 = 146_097; // 400 years
    const DAYS_TO_EPOCH: u64 = 719_468; // 0000-03-01 to 1970-01-01
    let days = days + DAYS_TO_EPOCH;
    let (era, day_of_era) = (days / DAYS_PER_ERA, days % DAYS_PER_ERA);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_around_leap_days_are_right() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (951_868_799, "2000-02-29 23:59 UTC"),
            (1_709_251_200, "2024-03-01 00:00 UTC"),
            (1_735_689_599, "2024-12-31 23:59 UTC"),
            (4_102_444_800, "2100-01-01 00:00 UTC"),
            (4_107_542_400, "2100-03-01 00:00 UTC"),
        ] {
            assert_eq!(Date(Duration::from_secs(seconds)).to_string(), text);
        }
    }

    #[test]
    fn spans_are_told_in_their_largest_unit() {
        assert_eq!(Span(Duration::from_secs(59)).to_string(), "59 seconds");
        assert_eq!(Span(Duration::from_secs(60)).to_string(), "1 minute");
        assert_eq!(Span(Duration::from_secs(86_400 * 2 + 5)).to_string(), "2 days");
    }
}
