//! How long to wait before another attempt, if one can help.

use std::time::Duration;

use crate::exit::{Failure, Outlook};
use crate::jitter;

/// How often to try again, and after which pauses.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    most: u32,
    tried: u32,
    pause: Duration,
}

/// The longest pause of ours.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// A server that wants to be left alone for longer is not waited for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(10 * 60);

impl Patience {
    /// `most` further attempts, the first after `pause`, each after twice the time.
    pub(super) fn new(most: u32, pause: Duration) -> Self {
        Self { most, tried: 0, pause: pause.min(MAX_PAUSE) }
    }

    /// How long to wait after this failure; `None` if there is to be no other attempt. `chance`, from 0 to 1, makes it
    /// another pause than that of others who have failed at the same time.
    pub(super) fn next(&mut self, failure: &Failure, chance: f64) -> Option<Duration> {
        let Outlook::Passing { after } = failure.outlook else { return None };
        if self.tried == self.most || after.is_some_and(|after| after > MAX_RETRY_AFTER) {
            return None;
        }
        self.tried += 1;
        let pause = jitter::shortened(self.pause, chance);
        self.pause = (self.pause * 2).min(MAX_PAUSE);
        Some(pause.max(jitter::extended(after.unwrap_or_default(), chance)))
    }

    /// Which attempt that is: `1 of 3`.
    pub(super) fn count(&self) -> String {
        format!("{} of {}", self.tried, self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn pauses_grow_and_only_what_passes_is_tried_again() {
        let seconds = Duration::from_secs;
        let lost = Failure::new(Exit::Lost, "cut");
        let mut patience = Patience::new(9, seconds(1));
        let pauses: Vec<_> = std::iter::from_fn(|| patience.next(&lost, 1.0)).map(|pause| pause.as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(patience.count(), "9 of 9");
        let mut patience = Patience::new(9, seconds(4));
        let pauses: Vec<_> = std::iter::from_fn(|| patience.next(&lost, 0.0)).map(|pause| pause.as_secs()).collect();
        assert_eq!(pauses, [2, 4, 8, 16, 30, 30, 30, 30, 30]);
        let mut patience = Patience::new(5, seconds(1));
        assert_eq!(patience.next(&Failure::new(Exit::Untrusted, ""), 1.0), None);
        let busy = |after| Failure::new(Exit::Http, "").with_outlook(Outlook::Passing { after: Some(seconds(after)) });
        assert_eq!(patience.next(&busy(30), 0.0), Some(seconds(30)));
        assert_eq!(patience.next(&busy(30), 1.0), Some(seconds(33)));
        assert_eq!(patience.next(&busy(0), 1.0), Some(seconds(4)));
        assert_eq!(patience.next(&busy(3600), 1.0), None);
    }
}
