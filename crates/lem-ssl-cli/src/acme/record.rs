//! What is kept of an order in the folder while it is under way.

use serde::{Deserialize, Serialize};

use super::key::Key;
use super::names::Names;
use super::problem::Fault;

/// What is kept of an order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) url: String,
    /// Of the certificate; PEM.
    pub(super) key: String,
    names: Vec<String>,
    account: Option<String>,
    /// Seconds since 1970.
    #[serde(default)]
    begun: Option<i64>,
    /// The URLs of the challenges that were answered. A second answer would order a second validation (RFC 8555 section
    /// 8.2).
    #[serde(default)]
    answered: Vec<String>,
    /// How often they were answered again, since the authority had found something else and went on waiting.
    #[serde(default)]
    repeated: u32,
    /// Where the last attempts have failed.
    #[serde(default)]
    failed: Option<Failures>,
}

/// Attempts that failed one after the other, and at the same place.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Failures {
    at: Place,
    times: u32,
}

/// How far an attempt has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Place {
    Order,
    Authorization,
    Challenge,
    Finalize,
    /// The authority makes the certificate.
    Processing,
    Certificate,
}

/// The most challenges that are answered for a name: an authority that names ever new ones fills the folder.
const MAX_CHALLENGES: usize = 2;

/// How often challenges are answered again in all.
const MAX_REPEATED: u32 = 8;

/// The longest URL that is kept.
const MAX_URL: usize = 2048;

/// An authority that has not made a certificate after a day has lost the order, and certificates that are good for six
/// days are renewed two days before their end.
const MAX_AGE: i64 = 24 * 60 * 60;

impl Record {
    pub(super) fn new(url: String, key: &Key, names: &Names, account: Option<String>) -> Self {
        Self {
            url,
            key: key.pem(),
            names: names.as_slice().to_vec(),
            account,
            begun: Some(crate::certificate::now()),
            answered: Vec::new(),
            repeated: 0,
            failed: None,
        }
    }

    /// Whether it is for these names, and was placed by this account.
    pub(super) fn is_of(&self, names: &Names, account: Option<&str>) -> bool {
        self.names == names.as_slice() && self.account.as_deref() == account
    }

    /// Whether the authority had time enough for it. The clock may have been set back since it was begun.
    pub(super) fn is_old(&self) -> bool {
        self.begun.is_none_or(|begun| crate::certificate::now().saturating_sub(begun) >= MAX_AGE)
    }

    pub(super) fn has_answered(&self, challenge: &str) -> bool {
        self.answered.iter().any(|answered| answered == challenge)
    }

    /// Whether one more challenge can be answered.
    pub(super) fn check_room(&self, challenge: &str) -> Result<(), Fault> {
        if challenge.len() > MAX_URL || self.answered.len() >= MAX_CHALLENGES * self.names.len() {
            return Err(Fault::useless("the authority names ever new challenges, or one whose URL is too long"));
        }
        Ok(())
    }

    /// Whether a challenge whose first answer has not convinced the authority may be answered once more.
    pub(super) fn may_repeat(&self) -> bool {
        self.repeated < MAX_REPEATED
    }

    /// The challenge was answered.
    pub(super) fn answer(&mut self, challenge: &str) {
        if self.has_answered(challenge) {
            self.repeated = self.repeated.saturating_add(1);
        } else {
            self.answered.push(challenge.to_owned());
        }
    }

    /// An attempt has failed at this place. Says how many have, one after the other.
    pub(super) fn fail(&mut self, at: Place) -> u32 {
        let before = self.failed.filter(|failed| failed.at == at).map_or(0, |failed| failed.times);
        let times = before.saturating_add(1);
        self.failed = Some(Failures { at, times });
        times
    }
}

#[cfg(test)]
impl Record {
    /// How many attempts have failed at the place of the last failure.
    pub(super) fn failures(&self) -> u32 {
        self.failed.map_or(0, |failed| failed.times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record::new("https://a/1".to_owned(), &Key::generate().unwrap(), &"a.test,b.test".parse().unwrap(), None)
    }

    #[test]
    fn failures_count_at_one_place_and_in_a_row() {
        let mut record = record();
        let places = [Place::Order, Place::Order, Place::Certificate, Place::Certificate, Place::Order];
        assert_eq!(places.map(|place| record.fail(place)), [1, 2, 1, 2, 1]);
    }

    #[test]
    fn an_authority_that_names_ever_new_challenges_does_not_fill_the_folder() {
        let mut record = record();
        for number in 0..4 {
            let url = format!("https://a/{number}");
            assert!(record.check_room(&url).is_ok() && !record.has_answered(&url));
            record.answer(&url);
            assert!(record.has_answered(&url));
        }
        assert!(record.check_room("https://a/5").is_err());
    }

    #[test]
    fn a_challenge_is_answered_again_so_many_times_and_no_more() {
        let mut record = record();
        record.answer("https://a/0");
        let times = (0..20).take_while(|_| record.may_repeat().then(|| record.answer("https://a/0")).is_some()).count();
        assert_eq!(times, 8);
    }

    #[test]
    fn what_an_older_version_has_kept_can_be_read() {
        let kept = r#"{"url":"https://a/1","key":"x","names":["a.test"],"account":"https://a/me"}"#;
        let record: Record = serde_json::from_str(kept).unwrap();
        assert!(record.is_of(&"a.test".parse().unwrap(), Some("https://a/me")) && record.is_old());
    }
}
