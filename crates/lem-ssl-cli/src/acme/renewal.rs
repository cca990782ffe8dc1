//! When an authority wants a certificate renewed (ARI, RFC 9773): for example at once, because it has to revoke it.

use std::time::{Duration, SystemTime};

use lem_ssl_rs::Context;
use serde::Deserialize;

use super::answer::{Request, ask};
use super::directory::{Directory, url};
use super::problem::{Fault, shortened};
use super::schedule::time;

/// What it wants.
#[derive(Debug)]
pub(super) struct Advice {
    pub(super) start: SystemTime,
    pub(super) end: SystemTime,
    /// A page that says why.
    pub(super) explanation: Option<String>,
    /// Ask again after so long.
    pub(super) again: Duration,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    suggested_window: Window,
    #[serde(rename = "explanationURL")]
    explanation: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Window {
    start: String,
    end: String,
}

/// RFC 9773 section 4.3.3: what an authority asks for is kept within bounds.
const MIN_AGAIN: Duration = Duration::from_secs(60);
const MAX_AGAIN: Duration = Duration::from_secs(24 * 60 * 60);
/// Without a word of the authority's, and after a failure.
pub(super) const AGAIN: Duration = Duration::from_secs(6 * 60 * 60);

/// Asks about the certificate that the authority knows by `id`; `None` if it gives no such advice.
pub(super) async fn advice(context: &Context, directory: &Directory, id: &str) -> Result<Option<Advice>, Fault> {
    let Some(base) = &directory.renewal_info else { return Ok(None) };
    let at = url(&format!("{}/{id}", base.trim_end_matches('/')))?;
    let answer = ask(context, &at, Request::Get).await?;
    let again = answer.retry_after.map_or(AGAIN, |again| again.clamp(MIN_AGAIN, MAX_AGAIN));
    if !answer.is_success() {
        return Err(answer.fault("when to renew"));
    }
    let document: Document = answer.json("when to renew")?;
    let read =
        |text: &str| instant(text).ok_or_else(|| Fault::new(format!("{:?} is not a time (RFC 3339)", shortened(text))));
    let (start, end) = (read(&document.suggested_window.start)?, read(&document.suggested_window.end)?);
    // RFC 9773 section 4.2.
    if end <= start {
        return Err(Fault::new("the time in which to renew does not end after it begins"));
    }
    Ok(Some(Advice { start, end, explanation: document.explanation.as_deref().map(shortened), again }))
}

impl Advice {
    /// A moment in that time, by chance, and not after `latest`.
    pub(super) fn moment(&self, latest: SystemTime, chance: f64) -> SystemTime {
        let end = self.end.min(latest);
        self.start + end.duration_since(self.start).unwrap_or_default().mul_f64(chance)
    }
}

/// Reads a time of RFC 3339: `2025-01-02T04:00:00Z`, with a fraction, with an offset.
fn instant(text: &str) -> Option<SystemTime> {
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (clock, rest) = rest.split_at_checked(8)?;
    let digits = rest.strip_prefix('.').map_or(0, |rest| 1 + rest.bytes().take_while(u8::is_ascii_digit).count());
    let offset = match rest.get(digits..)? {
        "Z" | "z" => 0,
        offset => {
            let sign = if offset.starts_with('-') { -1 } else { 1 };
            let [hours, minutes] = numbers(offset.strip_prefix(['+', '-'])?, ':', [2, 2])?;
            if hours > 23 || minutes > 59 {
                return None;
            }
            sign * (hours * 60 + minutes) * 60
        }
    };
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    let in_range = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    in_range.then(|| time(days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset))
}

/// Numbers of so many digits each: what is calculated with them has bounds.
fn numbers<const N: usize>(text: &str, between: char, digits: [usize; N]) -> Option<[i64; N]> {
    let mut numbers = [0; N];
    let mut parts = text.split(between);
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next().filter(|part| part.len() == digits)?;
        *number = part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())??;
    }
    parts.next().is_none().then_some(numbers)
}

/// Days since 1970 in the Gregorian calendar, with years that begin in March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, month) = (year.div_euclid(400), (month + 9) % 12);
    let year = year.rem_euclid(400);
    era * 146_097 + year * 365 + year / 4 - year / 100 + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_rfc_3339_are_read() {
        let seconds = |text| Some(instant(text)?.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs());
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2025-01-02T04:00:00Z", 1_735_790_400),
            ("2025-01-02T04:00:00.123456Z", 1_735_790_400),
            ("2025-01-02t05:30:00+01:30", 1_735_790_400),
            ("2025-01-01T23:00:00-05:00", 1_735_790_400),
            ("2024-02-29T12:00:00Z", 1_709_208_000),
            ("2000-03-01T00:00:00Z", 951_868_800),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for text in [
            "",
            "2025",
            "2025-13-01T00:00:00Z",
            "2025-01-01T25:00:00Z",
            "2025-01-01T00:00:00",
            "2025-01-0üT0",
            "2025-01-01T00:00:00+1",
            "2025-01-01T00:00:00+9223372036854775807:00",
            "2025-01-01T00:00:00-9223372036854775807:9223372036854775807",
            "2025-01-01T00:00:00+24:00",
            "2025-01-01T00:00:00+00:60",
            "2025-01-01T00:00:00+1:000",
            "202501-1-1T00:00:00Z",
            "2025-001-1T00:00:00Z",
            "+025-01-01T00:00:00Z",
            "2025-01-01T00:00:00.Z1",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
    }

    #[test]
    fn the_moment_lies_in_the_time_that_the_authority_names() {
        let (start, end) = (time(1000), time(2000));
        let advice = Advice { start, end, explanation: None, again: AGAIN };
        assert_eq!([0.0, 0.5, 1.0].map(|chance| advice.moment(end, chance)), [time(1000), time(1500), end]);
        assert_eq!([0.0, 1.0].map(|chance| advice.moment(time(1200), chance)), [time(1000), time(1200)]);
    }
}
