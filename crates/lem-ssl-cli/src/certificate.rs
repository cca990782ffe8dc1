//! What stands in a certificate: whose it is, from whom, for which names, from when to when. For people to read; no
//! decision rests on it but how many days are left.

use std::time::{SystemTime, UNIX_EPOCH};

use lem_ssl_rs::UnreadableCertificate;
use serde::Serialize;

use crate::text::{count, hex, printable, span};

/// A certificate in words.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Certificate {
    /// The most particular part first: `CN=example.org, O=Example`.
    pub(crate) subject: String,
    pub(crate) issuer: String,
    /// In hexadecimal.
    pub(crate) serial: String,
    /// DNS names, addresses, and what else it is for (subject alternative names).
    pub(crate) names: Vec<String>,
    /// RFC 3339.
    pub(crate) not_before: String,
    pub(crate) not_after: String,
    /// Whole days until it expires; since it has expired, if negative.
    pub(crate) days_left: i64,
    /// Whether it has expired; on its last day and on the first after it, `days_left` is zero.
    pub(crate) expired: bool,
    /// `ECDSA P-256`, `RSA 2048`.
    pub(crate) key: String,
    /// Seconds since 1970.
    #[serde(skip)]
    pub(crate) validity: (i64, i64),
}

impl Certificate {
    /// Reads the DER of a certificate.
    pub(crate) fn read(der: &[u8]) -> Result<Self, UnreadableCertificate> {
        Self::read_at(der, now())
    }

    fn read_at(der: &[u8], now: i64) -> Result<Self, UnreadableCertificate> {
        let read = lem_ssl_rs::Certificate::read(der)?;
        let text = |name: Option<&str>| printable(name.unwrap_or_default()).into_owned();
        let (not_before, not_after) = (read.not_before(), read.not_after());
        Ok(Self {
            subject: text(read.subject()),
            issuer: text(read.issuer()),
            serial: hex(read.serial()),
            names: read.names().iter().map(|name| printable(name).into_owned()).collect(),
            not_before: format!("{not_before:#}"),
            not_after: format!("{not_after:#}"),
            days_left: (not_after.seconds_since_1970() - now) / DAY,
            expired: now > not_after.seconds_since_1970(),
            key: read.key().to_owned(),
            validity: (not_before.seconds_since_1970(), not_after.seconds_since_1970()),
        })
    }

    /// `38 days left`, `expired 3 days ago`.
    pub(crate) fn time_left(&self) -> String {
        self.time_left_at(now())
    }

    fn time_left_at(&self, now: i64) -> String {
        let (from, until) = self.validity;
        if now > until {
            format!("expired {} ago", span(now - until))
        } else if now < from {
            format!("not valid before {}", self.not_before)
        } else if until - now < DAY {
            format!("{} left", span(until - now))
        } else {
            format!("{} left", count((until - now) / DAY, "day"))
        }
    }
}

/// The time of day, as certificates count it: seconds since 1970.
pub(crate) fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

const DAY: i64 = 24 * 60 * 60;

#[cfg(test)]
mod tests {
    use super::*;
    use lem_ssl_tests::pki::{Authority, KeyKind, Leaf};

    #[test]
    fn a_certificate_tells_whose_it_is_and_for_what() {
        let root = Authority::new("Test Root");
        let issued = root.issue(Leaf::server(&["shop.example", "*.shop.example", "127.0.0.1", "::1"]));
        let now = now() + 60;
        let read = Certificate::read_at(issued.leaf_der(), now).unwrap();
        assert_eq!(read.subject, "CN=shop.example");
        assert_eq!(read.issuer, "CN=Test Root");
        assert_eq!(read.names, ["shop.example", "*.shop.example", "127.0.0.1", "::1"]);
        assert_eq!(read.key, "ECDSA P-256");
        assert_eq!(read.days_left, 29, "thirty days, less a minute");
        assert_eq!(read.time_left_at(now), "29 days left");
        assert!(read.not_after.ends_with('Z'), "{}", read.not_after);
    }

    #[test]
    fn an_expired_certificate_says_since_when() {
        let root = Authority::with_key("Test Root", KeyKind::Rsa2048);
        let issued = root.issue(Leaf::server(&["a.example"]).expired().with_key(KeyKind::Rsa2048));
        let read = Certificate::read(issued.leaf_der()).unwrap();
        assert_eq!(read.key, "RSA 2048");
        assert!(read.expired && read.days_left < 0);
        // The number and the words are of one mind.
        for (seconds, days_left, words) in [
            (-2 * DAY - 5, 2, "2 days left"),
            (-3 * 3600, 0, "3 hours left"),
            (3 * 3600, 0, "expired 3 hours ago"),
            (DAY + 5, -1, "expired 1 day ago"),
            (2 * DAY - 5, -1, "expired 1 day ago"),
            (2 * DAY, -2, "expired 2 days ago"),
        ] {
            let at = Certificate::read_at(issued.leaf_der(), read.validity.1 + seconds).unwrap();
            assert_eq!((at.days_left, at.expired), (days_left, seconds > 0), "{seconds}");
            assert_eq!(at.time_left_at(read.validity.1 + seconds), words, "{seconds}");
        }
    }

    #[test]
    fn every_truncation_of_a_certificate_is_an_error_and_no_panic() {
        let root = Authority::new("Test Root");
        let issued = root.issue(Leaf::server(&["a.example"]));
        let whole = issued.leaf_der();
        for length in 0..whole.len() {
            assert!(Certificate::read(&whole[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn every_changed_byte_of_a_certificate_is_read_without_a_panic() {
        let root = Authority::new("Test Root");
        let issued = root.issue(Leaf::server(&["a.example"]));
        for at in 0..issued.leaf_der().len() {
            for change in [0x01, 0x80, 0xff] {
                let mut changed = issued.leaf_der().to_vec();
                changed[at] ^= change;
                let _ = Certificate::read(&changed);
            }
        }
    }
}
