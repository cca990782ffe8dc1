//! One address of a back end: how it is doing, and how many connections it has.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use lem_ssl_rs::{Deadline, now};

use super::dial::{BackEnd, Dialled, Manner, Undialled};
use crate::jitter::{self, chance};
use crate::log::Log;

/// An address, and what is known of it.
pub(super) struct Member {
    pub(super) back_end: BackEnd,
    /// As it was given, and the address if that came from a name.
    pub(super) label: String,
    open: Cell<u32>,
    health: Cell<Health>,
    connections: Cell<u64>,
    failures: Cell<u64>,
}

/// How it is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    /// Nobody has tried it.
    Unknown,
    Up,
    /// It has failed, and is left alone until then, if there are others.
    Down {
        until: Instant,
    },
}

/// How good a choice it is; the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    Good,
    /// It has failed a moment ago: only if there is nothing else.
    Bad,
}

/// A connection to it, while this lives.
pub(super) struct Taken {
    member: Rc<Member>,
}

impl Health {
    /// It has failed now. Other tunnels see the same, and must not all come back in the same moment.
    fn down(now: Instant, pause: Duration, chance: f64) -> Self {
        Self::Down { until: now + jitter::shortened(pause, chance) }
    }
}

impl Member {
    pub(super) fn new(back_end: BackEnd, label: String) -> Self {
        Self {
            back_end,
            label,
            open: Cell::new(0),
            health: Cell::new(Health::Unknown),
            connections: Cell::new(0),
            failures: Cell::new(0),
        }
    }

    /// Connects. What comes of it decides how it is doing, but for a try that ran out of less time than `fair`: that says
    /// nothing of the back end.
    pub(super) async fn dial(
        self: &Rc<Self>,
        manner: &Manner<'_>,
        deadline: &Deadline,
        fair: Duration,
        pause: Duration,
        log: &Log,
    ) -> Result<(Dialled, Taken), Undialled> {
        let is_fair = deadline.remaining() >= fair;
        self.open.set(self.open.get() + 1);
        let taken = Taken { member: self.clone() };
        if let Health::Down { .. } = self.health.get() {
            // One tries; the others leave it alone meanwhile.
            self.health.set(Health::down(now(), pause, chance()));
        }
        match self.back_end.dial(manner, deadline).await {
            Ok(dialled) => {
                self.has_answered(log);
                self.connections.set(self.connections.get() + 1);
                Ok((dialled, taken))
            }
            Err(undialled) => {
                if is_fair || !deadline.remaining().is_zero() {
                    self.has_failed(&undialled, pause, log);
                }
                Err(undialled)
            }
        }
    }

    /// Looks whether it answers, within this time.
    pub(super) async fn check(&self, manner: &Manner<'_>, within: Duration, pause: Duration, log: &Log) {
        match self.back_end.dial(manner, &Deadline::after(within)).await {
            Ok(Dialled::Plain(stream)) => {
                let _ = stream.close();
                self.has_answered(log);
            }
            Ok(Dialled::Tls(stream)) => {
                let _ = stream.close();
                self.has_answered(log);
            }
            Err(undialled) => self.has_failed(&undialled, pause, log),
        }
    }

    fn has_answered(&self, log: &Log) {
        if let Health::Down { .. } = self.health.replace(Health::Up) {
            log.line(format!("back end {} is up again", self.label));
        }
    }

    fn has_failed(&self, undialled: &Undialled, pause: Duration, log: &Log) {
        // Nobody has asked it: whether it would answer is as open as before.
        if undialled.is_own() {
            return;
        }
        self.failures.set(self.failures.get() + 1);
        let why = &undialled.why;
        match self.health.replace(Health::down(now(), pause, chance())) {
            Health::Up => log.warn(format!("back end {} is down: {why}", self.label)),
            // One of the addresses of a name may be none that is served.
            Health::Unknown => log.line(format!("back end {} does not answer: {why}", self.label)),
            Health::Down { .. } => {}
        }
    }

    pub(super) fn standing(&self) -> Standing {
        match self.health.get() {
            Health::Down { until } if until > now() => Standing::Bad,
            _ => Standing::Good,
        }
    }

    /// Whether it may be expected to answer.
    pub(super) fn is_up(&self) -> bool {
        !matches!(self.health.get(), Health::Down { .. })
    }

    /// Connections that are open now.
    pub(super) fn open(&self) -> u32 {
        self.open.get()
    }

    /// Connections that were made, and tries that failed.
    pub(super) fn totals(&self) -> (u64, u64) {
        (self.connections.get(), self.failures.get())
    }
}

impl Taken {
    pub(super) fn label(&self) -> &str {
        &self.member.label
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.member.open.set(self.member.open.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_has_failed_is_left_alone_for_half_to_all_of_the_time() {
        let (now, pause) = (Instant::now(), Duration::from_secs(10));
        let left = [0.0, 0.5, 1.0].map(|chance| match Health::down(now, pause, chance) {
            Health::Down { until } => (until - now).as_secs_f64(),
            other => panic!("it is {other:?}"),
        });
        assert_eq!(left, [5.0, 7.5, 10.0]);
    }
}
