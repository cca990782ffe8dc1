//! When a certificate is renewed, and when a failed attempt is repeated. Times in, times out.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::jitter;

/// When to renew a certificate of this life, in seconds since 1970: at two thirds of it. `chance`, from 0 to 1, spreads
/// the renewals of many over a thirtieth of it.
pub(super) fn renewal(not_before: i64, not_after: i64, chance: f64) -> SystemTime {
    let life = (not_after.saturating_sub(not_before)).max(0) as f64;
    let age = life * (2.0 / 3.0 - chance / 30.0);
    time(not_before) + Duration::try_from_secs_f64(age).unwrap_or_default()
}

/// How long to wait after so many failures in a row. The authority's own wish counts, if it is for longer.
pub(super) fn backoff(failures: u32, kind: Failing, retry_after: Option<Duration>, chance: f64) -> Duration {
    let (first, longest) = match kind {
        Failing::Network => (Duration::from_secs(5), Duration::from_secs(60 * 60)),
        // The authorities in use count refused challenges: after five in an hour they refuse everything.
        Failing::Refusal => (Duration::from_secs(60), Duration::from_secs(6 * 60 * 60)),
    };
    let doubled = first.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX)).min(longest);
    // Many that failed together must not come back together.
    let spread = doubled.mul_f64(0.8 + 0.4 * chance);
    spread.max(jitter::extended(retry_after.unwrap_or_default(), chance))
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failing {
    /// The way to the authority, or the authority itself: it may be over in a moment.
    Network,
    /// The authority refuses what was asked: somebody has to mend something.
    Refusal,
}

/// Seconds since 1970 as a time.
pub(super) fn time(seconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_renewed_at_two_thirds_of_its_life_or_a_little_before() {
        const DAY: i64 = 86_400;
        let days = |chance| {
            let at = renewal(1000 * DAY, 1090 * DAY, chance);
            at.duration_since(time(1000 * DAY)).unwrap().as_secs_f64() / DAY as f64
        };
        assert!((days(0.0) - 60.0).abs() < 0.001, "{}", days(0.0));
        assert!((days(1.0) - 57.0).abs() < 0.001, "{}", days(1.0));
        // What was never valid is renewed at once.
        assert!(renewal(2000, 1000, 0.5) <= time(2000));
        assert!(renewal(i64::MIN, i64::MAX, 1.0) > UNIX_EPOCH);
    }

    #[test]
    fn attempts_become_rarer_and_the_authority_can_make_them_rarer_still() {
        let wait = |failures, kind| backoff(failures, kind, None, 0.5).as_secs();
        assert_eq!([1, 2, 3].map(|failures| wait(failures, Failing::Network)), [5, 10, 20]);
        assert_eq!([1, 2, 3].map(|failures| wait(failures, Failing::Refusal)), [60, 120, 240]);
        assert_eq!((wait(100, Failing::Network), wait(u32::MAX, Failing::Refusal)), (3600, 6 * 3600));
        let asked = Some(Duration::from_secs(1000));
        let kept_to = [0.0, 1.0].map(|chance| backoff(1, Failing::Refusal, asked, chance).as_secs());
        assert_eq!(kept_to, [1000, 1100], "it told all of them the same");
        assert_eq!(backoff(9, Failing::Refusal, asked, 0.5).as_secs(), 60 << 8);
        let spread = [0.0, 1.0].map(|chance| backoff(1, Failing::Refusal, None, chance).as_secs());
        assert_eq!(spread, [48, 72]);
    }
}
