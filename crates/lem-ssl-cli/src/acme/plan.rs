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
    not_after: i64,
    /// What its authority knows it by.
    pub(super) id: Option<String>,
    renewal: SystemTime,
    /// If it has come while we look after it.
    rest: Option<Rest>,
    /// When the authority is asked next when it wants it renewed; `None` if it gives no such advice.
    pub(super) ask_at: Option<Instant>,
    /// Advice that came too late, so that it is told once.
    told: Option<(SystemTime, SystemTime)>,
}

/// A certificate that is new is not renewed at once: an authority that wants that of each one must not keep us at it
/// for ever.
#[derive(Debug, Clone, Copy)]
struct Rest {
    until: SystemTime,
    /// So many certificates in a row, before this one, were to be renewed as soon as they were there.
    hurried: u32,
    /// And so is this one.
    hurries: bool,
}

/// What becomes of an authority's advice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// The plan is what it wants, or it has been told already that the plan cannot be.
    None,
    /// The renewal is moved.
    Moved,
    /// It would come too late for the certificate's end, and the plan stays.
    TooLate,
}

/// A certificate that has just come is not renewed before so long, or half of its life if that is shorter. After each one
/// that is to be renewed at once it is twice as long.
const MIN_REST: Duration = Duration::from_secs(60 * 60);

/// No advice puts the renewal off into the last tenth of a certificate's life: that is for attempts that fail.
const LAST_PART: i64 = 10;

impl Plan {
    pub(super) fn of(issued: &Issued) -> Self {
        Self {
            not_before: issued.not_before,
            not_after: issued.not_after,
            id: issued.id.clone(),
            renewal: schedule::renewal(issued.not_before, issued.not_after, chance()),
            rest: None,
            ask_at: issued.id.is_some().then(now),
            told: None,
        }
    }

    /// Whether it is about this certificate.
    pub(super) fn is_about(&self, issued: &Issued) -> bool {
        (self.not_before, self.not_after, &self.id) == (issued.not_before, issued.not_after, &issued.id)
    }

    /// How long it is until then. Nothing puts it off beyond the certificate's end.
    pub(super) fn left(&self) -> Duration {
        self.renewal.min(time(self.not_after)).duration_since(SystemTime::now()).unwrap_or_default()
    }

    /// How many certificates in a row, with this one, were to be renewed as soon as they were there.
    pub(super) fn hurried(&self) -> u32 {
        self.rest.filter(|rest| rest.hurries).map_or(0, |rest| rest.hurried.saturating_add(1))
    }

    /// The certificate is new: it has a rest, even if it was given late in its life, unless it has one already. `hurried`
    /// is about the ones before it.
    pub(super) fn rest(&mut self, hurried: u32) {
        if self.rest.is_some() {
            return;
        }
        let today = SystemTime::now();
        let left = time(self.not_after).duration_since(today).unwrap_or_default();
        if self.renewal <= today {
            self.renewal = today + left / 2;
        }
        let rest = MIN_REST.saturating_mul(1_u32.checked_shl(hurried).unwrap_or(u32::MAX));
        self.rest = Some(Rest { until: today + rest.min(left / 2), hurried, hurries: false });
    }

    /// The authority is asked again after so long, or a little later.
    pub(super) fn ask_in(&mut self, wait: Duration) {
        self.ask_at = Some(now() + jitter::extended(wait, chance()));
    }

    /// Moves the renewal into the time that the authority names, unless it is there already, or that is too late.
    pub(super) fn follow(&mut self, advice: &Advice) -> Effect {
        self.ask_in(advice.again);
        let life = self.not_after.saturating_sub(self.not_before).max(0);
        let latest = time(self.not_after.saturating_sub(life / LAST_PART));
        if advice.start >= latest {
            let named = Some((advice.start, advice.end));
            return if std::mem::replace(&mut self.told, named) == named { Effect::None } else { Effect::TooLate };
        }
        if (advice.start..=advice.end.min(latest)).contains(&self.renewal) {
            return Effect::None;
        }
        let moment = advice.moment(latest, chance());
        self.renewal = moment;
        if let Some(rest) = self.rest.as_mut().filter(|rest| moment < rest.until) {
            rest.hurries = true;
            self.renewal = rest.until;
        }
        Effect::Moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lem_ssl_tests::pki::{Authority, Leaf};
    use lem_ssl_tests::watched_machine;

    const HOUR: u64 = 60 * 60;
    const DAY: u64 = 24 * HOUR;

    /// A plan for a certificate that is good for thirty days.
    fn plan() -> Plan {
        let one = Authority::new("Root").issue(Leaf::server(&["a.test"]));
        Plan::of(&Issued::read(&format!("{}{}", one.chain_pem, one.key_pem)).unwrap())
    }

    fn advice(from: i64, to: i64) -> Advice {
        let at = |seconds: i64| time(crate::certificate::now() + seconds);
        Advice { start: at(from), end: at(to), explanation: None, again: Duration::from_secs(HOUR) }
    }

    #[test]
    fn no_advice_puts_the_renewal_off_into_the_end_of_the_certificate() {
        let day = |days: u64| i64::try_from(days * DAY).unwrap();
        watched_machine()
            .run(async {
                let mut plan = plan();
                let before = plan.left();
                assert!(before < Duration::from_secs(20 * DAY));
                for _ in 0..2 {
                    let late = [advice(day(365), day(366)), advice(day(28), day(40))];
                    assert_eq!(plan.follow(&late[0]), Effect::TooLate);
                    assert_eq!(plan.follow(&late[1]), Effect::TooLate);
                    assert!(plan.left() <= before);
                }
                let again = advice(day(365), day(366));
                assert_eq!([(); 3].map(|()| plan.follow(&again)), [Effect::TooLate, Effect::None, Effect::None]);
                // What begins in time is followed, and ends in time, too.
                for _ in 0..50 {
                    assert_ne!(plan.follow(&advice(day(25), day(3650))), Effect::TooLate);
                    assert!(plan.left() > Duration::from_secs(24 * DAY), "{:?}", plan.left());
                    assert!(plan.left() < Duration::from_secs(27 * DAY + HOUR), "{:?}", plan.left());
                    assert_eq!(plan.follow(&advice(1, 2)), Effect::Moved);
                }
                // Whatever was planned, it is due when it has ended.
                plan.renewal = time(i64::from(u32::MAX));
                plan.not_after = crate::certificate::now() - 1;
                assert_eq!(plan.left(), Duration::ZERO);
            })
            .unwrap();
    }

    #[test]
    fn an_authority_that_wants_each_certificate_renewed_at_once_is_asked_ever_more_rarely() {
        watched_machine()
            .run(async {
                let (mut rests, mut hurried) = (Vec::new(), 0);
                for _ in 0..12 {
                    let mut plan = plan();
                    plan.rest(hurried);
                    assert_eq!(plan.follow(&advice(-7200, -3600)), Effect::Moved);
                    rests.push((plan.left().as_secs() + 60) / HOUR);
                    hurried = plan.hurried();
                }
                assert_eq!(rests[..5], [1, 2, 4, 8, 16]);
                // Half of its life.
                assert_eq!(rests[10..], [15 * 24; 2]);
                // One that it leaves in peace makes up for them.
                let mut plan = plan();
                plan.rest(hurried);
                assert_eq!(plan.hurried(), 0);
            })
            .unwrap();
    }
}
