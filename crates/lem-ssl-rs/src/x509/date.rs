//! Dates of certificates, and lengths of time for messages.

use std::fmt;
use std::time::Duration;

use super::der::tag;

/// A point in time, as a certificate tells it: to the second. `2026-11-22 21:05 UTC`; with `{:#}` as RFC 3339 writes
/// it, `2026-11-22T21:05:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    /// Since 1970-01-01 UTC; certificates may be older.
    seconds: i64,
}

impl Date {
    /// Seconds since 1970-01-01 UTC; negative before.
    pub fn seconds_since_1970(self) -> i64 {
        self.seconds
    }

    /// Since 1970-01-01 UTC; zero for what is older.
    pub fn since_1970(self) -> Duration {
        Duration::from_secs(u64::try_from(self.seconds).unwrap_or(0))
    }

    /// A date after 1970, by the time since then.
    pub(crate) fn after_1970(time: Duration) -> Self {
        Self { seconds: i64::try_from(time.as_secs()).unwrap_or(i64::MAX).min(MAX_SECONDS) }
    }

    /// The date in an element (RFC 5280 section 4.1.2.5): `991231235959Z` or `20501231235959Z`.
    pub(super) fn read(kind: u8, text: &[u8]) -> Option<Self> {
        let (year, rest) = match kind {
            tag::UTC_TIME => {
                let (year, rest) = (number(text.get(..2)?)?, &text[2..]);
                (if year < 50 { year + 2000 } else { year + 1900 }, rest)
            }
            tag::GENERALIZED_TIME => (number(text.get(..4)?)?, &text[4..]),
            _ => return None,
        };
        let (digits, zone) = rest.split_at_checked(10)?;
        if zone != b"Z" {
            return None;
        }
        let mut parts = [0; 5];
        for (part, pair) in parts.iter_mut().zip(digits.chunks(2)) {
            *part = number(pair)?;
        }
        let [month, day, hour, minute, second] = parts;
        let is_date = (1..=12).contains(&month) && day >= 1 && day <= days_in(year, month);
        if !is_date || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        Some(Self { seconds: days_to(year, month, day) * DAY + hour * 3600 + minute * 60 + second })
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.seconds.div_euclid(DAY));
        let rest = self.seconds.rem_euclid(DAY);
        let (hour, minute, second) = (rest / 3600, rest % 3600 / 60, rest % 60);
        if f.alternate() {
            write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
        } else {
            write!(f, "{year}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
        }
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
            3600..86_400 => (seconds / 3600, "hour"),
            _ => (seconds / 86_400, "day"),
        };
        write!(f, "{count} {unit}{}", if count == 1 { "" } else { "s" })
    }
}

const DAY: i64 = 24 * 60 * 60;

/// The end of the year 9999, the last that a certificate can tell.
const MAX_SECONDS: i64 = 253_402_300_799;

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |value, digit| digit.is_ascii_digit().then(|| value * 10 + i64::from(digit - b'0')))
}

fn days_in(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

const DAYS_PER_ERA: i64 = 146_097; // 400 years
const DAYS_TO_EPOCH: i64 = 719_468; // 0000-03-01 to 1970-01-01

/// A date of the Gregorian calendar to days since 1970-01-01, counting in years that begin in March, so that the day
/// that some years have more is the last one.
fn days_to(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * DAYS_PER_ERA + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - DAYS_TO_EPOCH
}

/// The other way round.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + DAYS_TO_EPOCH;
    let (era, day_of_era) = (days.div_euclid(DAYS_PER_ERA), days.rem_euclid(DAYS_PER_ERA));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_around_leap_days_are_right() {
        for (seconds, text) in [
            (-1, "1969-12-31 23:59 UTC"),
            (0, "1970-01-01 00:00 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (951_868_799, "2000-02-29 23:59 UTC"),
            (1_709_251_200, "2024-03-01 00:00 UTC"),
            (1_735_689_599, "2024-12-31 23:59 UTC"),
            (4_102_444_800, "2100-01-01 00:00 UTC"),
            (4_107_542_400, "2100-03-01 00:00 UTC"),
            (MAX_SECONDS, "9999-12-31 23:59 UTC"),
        ] {
            assert_eq!(Date { seconds }.to_string(), text);
            let digits: String = format!("{:#}", Date { seconds }).chars().filter(char::is_ascii_digit).collect();
            let read = Date::read(tag::GENERALIZED_TIME, format!("{digits}Z").as_bytes());
            assert_eq!(read, Some(Date { seconds }));
        }
        assert_eq!(Date::after_1970(Duration::MAX).to_string(), "9999-12-31 23:59 UTC");
    }

    #[test]
    fn two_digits_of_a_year_are_of_1950_to_2049() {
        assert_eq!(
            Date::read(tag::UTC_TIME, b"500101000000Z").map(|date| date.to_string()[..4].to_owned()),
            Some("1950".into())
        );
        assert_eq!(
            Date::read(tag::UTC_TIME, b"491231235959Z").map(|date| format!("{date:#}")),
            Some("2049-12-31T23:59:59Z".into())
        );
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "Z",
            "20260101000000",
            "20260101000000+0100",
            "20260229000000Z",
            "20261301000000Z",
            "20260100000000Z",
            "20260101240000Z",
            "20260101006000Z",
            "20260101000060Z",
            "100000101000000Z",
            "2026010100000aZ",
            "202601010000Z",
        ] {
            assert_eq!(Date::read(tag::GENERALIZED_TIME, text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn spans_are_told_in_their_largest_unit() {
        assert_eq!(Span(Duration::from_secs(59)).to_string(), "59 seconds");
        assert_eq!(Span(Duration::from_secs(60)).to_string(), "1 minute");
        assert_eq!(Span(Duration::from_secs(86_400 * 2 + 5)).to_string(), "2 days");
    }
}
