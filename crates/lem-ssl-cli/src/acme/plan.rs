//! When one certificate is to be renewed: decided once, moved if its authority says so.

use std::time::{Duration, Instant, SystemTime};

use lem_ssl_rs::now;

use super::issued::Issued;
use super::renewal::Advice;
use super::schedule::{self, time};
use crate::jitter::{self, chance};

/// When a certificate is to be renewed.
#[derive(Debug)]
pub(super) struct Plan {
    not_before: i64,
    /// What its authority knows it by.
    pub(super) id: Option<String>,
    renewal: SystemTime,
    /// Not before this, if we have got it ourselves: an authority that wants new certificates renewed at once must not keep
    /// us at it for ever.
    rest: Option<SystemTime>,
    /// When the authority is asked next when it wants it renewed; `None` if it gives no such advice.
    pub(super) ask_at: Option<Instant>,
}

/// A certificate that we have got is not renewed before so long, or half of its life if that is shorter.
const MIN_REST: Duration = Duration::from_secs(60 * 60);

impl Plan {
    pub(super) fn of(issued: &Issued) -> Self {
        Self {
            not_before: issued.not_before,
            id: issued.id.clone(),
            renewal: schedule::renewal(issued.not_before, issued.not_after, chance()),
            rest: None,
            ask_at: issued.id.is_some().then(now),
        }
    }

    /// Whether it is about this certificate.
    pub(super) fn is_about(&self, issued: &Issued) -> bool {
        (self.not_before, &self.id) == (issued.not_before, &issued.id)
    }

    /// How long it is until then.
    pub(super) fn left(&self) -> Duration {
        self.renewal.duration_since(SystemTime::now()).unwrap_or_default()
    }

    /// The certificate is new: it has a rest, even if it was given late in its life.
    pub(super) fn put_off(&mut self, issued: &Issued) {
        let today = SystemTime::now();
        let left = time(issued.not_after).duration_since(today).unwrap_or_default();
        if self.renewal <= today {
            self.renewal = today + left / 2;
        }
        self.rest = Some(today + MIN_REST.min(left / 2));
    }

    /// The authority is asked again after so long, or a little later.
    pub(super) fn ask_in(&mut self, wait: Duration) {
        self.ask_at = Some(now() + jitter::extended(wait, chance()));
    }

    /// Whether the authority's advice moves the renewal: not if it is in the time that it names.
    pub(super) fn follow(&mut self, advice: &Advice) -> bool {
        self.ask_in(advice.again);
        let moves = !(advice.start..=advice.end).contains(&self.renewal);
        if moves {
            let moment = advice.moment(chance());
            self.renewal = self.rest.map_or(moment, |rest| rest.max(moment));
        }
        moves
    }
}
