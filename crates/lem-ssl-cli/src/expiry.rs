//! What was read from a file and is good for a time only: OCSP responses, revocation lists.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::file_state::FileState;
use crate::text::timestamp;

/// It is told before the end at the last eighth of the whole time, but not before the last day.
const AHEAD_PART: u32 = 8;
const MAX_AHEAD: Duration = Duration::from_secs(24 * 60 * 60);

/// A file, and how long what is in it is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// It was good when it was read.
    Good {
        /// It begins the sentence: "the OCSP response".
        what: String,
        file: PathBuf,
        until: SystemTime,
        /// From then on it is told.
        told_from: SystemTime,
        is_told: bool,
    },
    /// Its time was over when it was read: as long as the file is the same, and the clock goes on, reading it again
    /// brings nothing.
    Over {
        file: PathBuf,
        /// A clock that was set back may say that it is good after all.
        until: SystemTime,
        /// Of the moment before it was read.
        state: FileState,
    },
}

impl Expiry {
    /// Of what is good until then. `what` begins the sentence: "the OCSP response".
    pub(crate) fn good(what: &str, file: &Path, from: SystemTime, until: SystemTime) -> Self {
        let whole = until.duration_since(from).unwrap_or_default();
        let told_from = until - (whole / AHEAD_PART).min(MAX_AHEAD);
        Self::Good { what: what.to_owned(), file: file.to_owned(), until, told_from, is_told: false }
    }

    /// Of what was good until then only, and was over when it was read; the file was in this state before.
    pub(crate) fn over(file: &Path, until: SystemTime, state: FileState) -> Self {
        Self::Over { file: file.to_owned(), until, state }
    }

    /// The same where files have other paths: `inside` says which. What is out of reach there cannot be looked at.
    pub(crate) fn moved(expiries: Vec<Self>, inside: impl Fn(&Path) -> Option<PathBuf>) -> Vec<Self> {
        let moved = |expiry| match expiry {
            Self::Over { file, until, state } => Some(Self::Over { file: inside(&file)?, until, state }),
            good @ Self::Good { .. } => Some(good),
        };
        expiries.into_iter().filter_map(moved).collect()
    }

    /// Whether its time has run out since it was read.
    pub(crate) fn has_run_out(&self, now: SystemTime) -> bool {
        matches!(self, Self::Good { until, .. } if *until <= now)
    }

    /// The file that has to become another one: what was read from it was over.
    pub(crate) fn awaited(&self) -> Option<&PathBuf> {
        match self {
            Self::Good { .. } => None,
            Self::Over { file, .. } => Some(file),
        }
    }

    /// Whether the awaited file, which is in this state now, is another one than that which was read. It is so until that was
    /// read, however often it is asked: a reload may fail, for what another file holds.
    pub(crate) fn is_replaced(&self, now: &FileState) -> bool {
        // One that is gone will come back.
        matches!(self, Self::Over { state, .. } if now.is_there() && state != now)
    }

    /// Whether it was over when it was read, and is good now: the clock was set back. It is so until it was read again.
    pub(crate) fn is_good_again(&self, now: SystemTime) -> bool {
        matches!(self, Self::Over { until, .. } if now < *until)
    }

    /// What there is to tell at this moment, once: that its time is over soon.
    pub(crate) fn tell(&mut self, now: SystemTime) -> Option<String> {
        match self {
            Self::Good { what, file, until, told_from, is_told } if !*is_told && *told_from <= now && now < *until => {
                *is_told = true;
                let (file, until) = (file.display(), timestamp(*until));
                Some(format!("warning: {file}: {what} is good until {until} only; a newer one is not there yet"))
            }
            _ => None,
        }
    }

    /// When there is something to do next; `None` if that is for others to say.
    pub(crate) fn next(&self) -> Option<SystemTime> {
        match self {
            Self::Good { until, told_from, is_told, .. } => Some(if *is_told { *until } else { *told_from }),
            Self::Over { .. } => None,
        }
    }
}

/// The moment of a `GeneralizedTime` (`20501231235959Z`) or a `UTCTime` (`991231235959Z`), as RFC 5280 section 4.1.2.5 has
/// them; `None` for one that is none, or is before 1970.
pub(crate) fn moment(text: &str) -> Option<SystemTime> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let digits = match digits.len() {
        12 if digits.as_str() < "50" => format!("20{digits}"),
        12 => format!("19{digits}"),
        _ => digits,
    };
    let number = |from: usize, to: usize| digits.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    let (hour, minute, second) = (number(8, 10)?, number(10, 12)?, number(12, 14)?);
    let days = days_since_1970(year, month, day)?;
    UNIX_EPOCH.checked_add(Duration::from_secs(((days * 24 + hour) * 60 + minute) * 60 + second))
}

/// Days between 1970-01-01 and this one.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    /// Days of a year before each month, without a leap day.
    const BEFORE: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    /// Days from the first one of the year 1 to 1970-01-01.
    const UNTIL_1970: u64 = 719_162;
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let before = BEFORE.get(usize::try_from(month.checked_sub(1)?).ok()?)?;
    let past = year.checked_sub(1)?;
    let leap_days = past / 4 - past / 100 + past / 400 + u64::from(is_leap && month > 2);
    (past * 365 + leap_days + before + day.checked_sub(1)?).checked_sub(UNTIL_1970)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_the_one_that_a_timestamp_shows() {
        for (text, shown) in [
            ("19700101000000Z", "1970-01-01T00:00:00.000Z"),
            ("20000229235959Z", "2000-02-29T23:59:59.000Z"),
            ("20240301000000Z", "2024-03-01T00:00:00.000Z"),
            ("21000301120000Z", "2100-03-01T12:00:00.000Z"),
            ("991231235959Z", "1999-12-31T23:59:59.000Z"),
            ("261129040200Z", "2026-11-29T04:02:00.000Z"),
        ] {
            assert_eq!(timestamp(moment(text).unwrap()), shown);
        }
        for text in ["", "Z", "20241301000000Z", "20240100000000Z", "19690101000000Z", "2024"] {
            assert_eq!(moment(text), None, "{text}");
        }
    }

    #[test]
    fn the_end_is_told_once_and_ahead() {
        let (from, until) = (moment("20260101000000Z").unwrap(), moment("20260109000000Z").unwrap());
        let mut expiry = Expiry::good("the OCSP response", Path::new("a.der"), from, until);
        let ahead = moment("20260108000000Z").unwrap();
        assert_eq!((expiry.next(), expiry.tell(ahead - Duration::from_secs(1))), (Some(ahead), None));
        let said = expiry.tell(ahead).unwrap();
        assert_eq!(
            said,
            "warning: a.der: the OCSP response is good until 2026-01-09T00:00:00.000Z only; a newer one is not there yet"
        );
        assert_eq!((expiry.next(), expiry.tell(ahead)), (Some(until), None));
        assert!(!expiry.has_run_out(until - Duration::from_secs(1)) && expiry.has_run_out(until));
    }

    #[test]
    fn what_was_over_is_good_again_when_the_clock_was_set_back() {
        let file = Path::new("a.der");
        let (from, until) = (moment("20260101000000Z").unwrap(), moment("20260109000000Z").unwrap());
        let over = Expiry::over(file, until, FileState::of(file));
        assert!(!over.is_good_again(until) && over.is_good_again(until - Duration::from_secs(1)));
        assert!(!Expiry::good("the OCSP response", file, from, until).is_good_again(from));
    }

    #[test]
    fn what_was_over_is_looked_at_until_its_file_is_another_one() {
        let folder = std::env::temp_dir().join(format!("lem-ssl-expiry-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("a.der");
        std::fs::write(&file, "old").unwrap();
        let until = SystemTime::now() - Duration::from_secs(1);
        let over = vec![Expiry::over(&file, until, FileState::of(&file))];
        assert_eq!((over[0].awaited(), over[0].next()), (Some(&file), None));
        assert!(!over[0].has_run_out(SystemTime::now()), "it had before it was read");
        assert_eq!(Expiry::moved(over.clone(), |_| None), []);
        let moved = Expiry::moved(over, |file| Some(file.to_owned()));
        assert!(!moved[0].is_replaced(&FileState::of(&file)));
        assert!(!moved[0].is_replaced(&FileState::of(&folder.join("missing"))));
        std::fs::write(&file, "another one").unwrap();
        let now = FileState::of(&file);
        assert!(moved[0].is_replaced(&now) && moved[0].is_replaced(&now), "until it was read");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
