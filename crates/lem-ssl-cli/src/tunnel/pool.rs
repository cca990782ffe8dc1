//! The back ends of a route: which of them a connection goes to, and what happens when one does not answer.

use std::cell::Cell;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::rc::Rc;
use std::time::{Duration, Instant};

use lem_ssl_rs::{Deadline, Phase, Queue, now, sleep, timeout};

use super::dial::{BackEnd, Dialled, Manner, Undialled};
use super::host::Hosts;
use super::member::{Member, Standing, Taken};
use super::tally::Outcome;
use super::target::Target;
use crate::log::Log;

/// The back ends of a route.
pub(super) struct Pool {
    targets: Vec<Rc<Target>>,
    /// Told whenever a name was resolved, or could not be: one of these, or of another pool.
    news: Queue<()>,
    /// So many addresses are tried for one client.
    tries: usize,
    /// One that has failed is left alone for so long.
    pause: Duration,
    /// When a shortage was told last.
    warned: Cell<Option<Instant>>,
}

/// While descriptors, memory or ports are short, a client waits so long before they are tried again, and twice as long the next
/// time, up to the greatest.
const MIN_PAUSE: Duration = Duration::from_millis(10);
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// A shortage is told so often at most.
const MIN_BETWEEN_WARNINGS: Duration = Duration::from_secs(60);

/// One try takes so long at least, if there is time: a connection across the world has three round trips in it.
const MIN_TRY: Duration = Duration::from_secs(1);

impl Pool {
    /// Names are of `hosts`, which other pools may share.
    pub(super) fn new(back_ends: Vec<BackEnd>, hosts: &mut Hosts, tries: usize, pause: Duration) -> Self {
        let targets = back_ends.into_iter().map(|back_end| Target::new(back_end, hosts)).collect();
        Self { targets, news: hosts.news(), tries, pause, warned: Cell::new(None) }
    }

    /// Connects to the one that has the fewest connections, among those that have not failed a moment ago; to another, if it
    /// does not answer. Names are resolved beside that: one that nobody can resolve is in the way of no other. While the
    /// tunnel itself cannot connect, because something has run out, it waits, as accepting does.
    pub(super) async fn dial(
        &self,
        manner: &Manner<'_>,
        deadline: &Deadline,
        log: &Log,
    ) -> Result<(Dialled, Taken), Undialled> {
        let mut pause = MIN_PAUSE;
        loop {
            let short = match self.try_each(manner, deadline, log).await {
                Err(undialled) if undialled.outcome == Outcome::Shortage => undialled,
                ended => return ended,
            };
            self.tell(&short, log);
            sleep(pause.min(deadline.remaining())).await;
            if deadline.remaining().is_zero() {
                return Err(short);
            }
            pause = (pause * 2).min(MAX_PAUSE);
        }
    }

    /// Tells of a shortage, if that was long ago.
    fn tell(&self, short: &Undialled, log: &Log) {
        let is_new = self.warned.get().is_none_or(|at| now().saturating_duration_since(at) >= MIN_BETWEEN_WARNINGS);
        if is_new {
            self.warned.set(Some(now()));
            log.warn(format!("connecting to back ends pauses: {}", short.why));
        }
    }

    /// Tries one after the other.
    async fn try_each(
        &self,
        manner: &Manner<'_>,
        deadline: &Deadline,
        log: &Log,
    ) -> Result<(Dialled, Taken), Undialled> {
        let begun = now();
        // A back end that is silent for less than that says nothing about itself.
        let fair = MIN_TRY.min(deadline.remaining()) / 2;
        for target in &self.targets {
            target.refresh();
        }
        self.settle(deadline).await;
        let mut last = None;
        let mut tried: Vec<Rc<Member>> = Vec::new();
        // How many of them were asked.
        let mut asked = 0;
        while asked < self.tries && (tried.is_empty() || !deadline.remaining().is_zero()) {
            let untried = self.untried(&tried);
            let Some(member) = choose(&untried, |most| draw() % most) else {
                // Perhaps they have moved.
                match self.learn(begun, deadline).await {
                    Ok(true) => continue,
                    Ok(false) => break,
                    Err(late) => {
                        last = last.or(Some(late));
                        break;
                    }
                }
            };
            let awaited = self.targets.iter().filter(|target| target.is_awaited()).count();
            let left = (untried.len() + awaited).min(self.tries - asked);
            let share = deadline.remaining() / u32::try_from(left).unwrap_or(u32::MAX);
            let share = deadline.at_most(share.max(MIN_TRY));
            match member.dial(manner, &share, fair, self.pause, log).await {
                Ok(connection) => return Ok(connection),
                Err(undialled) => {
                    asked += usize::from(!undialled.is_own());
                    last = Some(undialled.or_weightier(last));
                }
            }
            tried.push(member);
        }
        let unresolved = || self.targets.iter().rev().find_map(|target| target.failure());
        let mut last = last.or_else(unresolved).unwrap_or_else(|| Undialled {
            outcome: Outcome::Unreachable,
            why: "there is no address to connect to".to_owned(),
        });
        if tried.len() > 1 {
            last.why = format!("tried {} addresses, the last: {}", tried.len(), last.why);
        }
        Err(last)
    }

    /// Waits a moment for names that are resolved anew, so that nobody is sent where they have led before.
    async fn settle(&self, deadline: &Deadline) {
        let grace = || self.targets.iter().filter_map(|target| target.grace()).max();
        let Some(most) = grace() else { return };
        let settled = async { while grace().is_some() && self.news.get().await.is_ok() {} };
        // Whatever is known then has to do.
        let _ = timeout(most.min(deadline.remaining() / 3), settled).await;
    }

    /// Waits for a name that was not resolved since `begun`; false if all were.
    async fn learn(&self, begun: Instant, deadline: &Deadline) -> Result<bool, Undialled> {
        // All of them are asked for, beside each other.
        let asked: Vec<_> = self.targets.iter().filter(|target| target.ask_since(begun)).collect();
        let Some(one) = asked.first() else { return Ok(false) };
        let heard = async {
            // Nobody resets it.
            let _ = self.news.get().await;
            Ok(())
        };
        deadline.limit(Phase::Resolve, &one.label(), heard).await?;
        Ok(true)
    }

    /// All that were given.
    pub(super) fn targets(&self) -> &[Rc<Target>] {
        &self.targets
    }

    /// Every address that is known.
    pub(super) fn members(&self) -> Vec<Rc<Member>> {
        self.targets.iter().flat_map(|target| target.members()).collect()
    }

    /// All that were given, for people.
    pub(super) fn label(&self) -> String {
        self.targets.iter().map(|target| target.label()).collect::<Vec<_>>().join(", ")
    }

    /// Whether a client may expect an answer. A name that nobody has asked for yet may have one.
    pub(super) fn is_up(&self) -> bool {
        let members = self.members();
        members.is_empty() || members.iter().any(|member| member.is_up())
    }

    fn untried(&self, tried: &[Rc<Member>]) -> Vec<Rc<Member>> {
        let mut members = self.members();
        members.retain(|member| !tried.iter().any(|other| other.back_end == member.back_end));
        members
    }
}

/// The best standing comes first, then the fewest connections, then chance: `draw` gives a number below the one it gets.
fn choose(members: &[Rc<Member>], draw: impl FnOnce(usize) -> usize) -> Option<Rc<Member>> {
    let rank = |member: &Rc<Member>| -> (Standing, u32) { (member.standing(), member.open()) };
    let best = members.iter().map(rank).min()?;
    let equals: Vec<_> = members.iter().filter(|member| rank(member) == best).collect();
    equals.get(draw(equals.len())).map(|&member| member.clone())
}

/// A number that nobody can foresee.
fn draw() -> usize {
    // All its bits are as good as any.
    RandomState::new().build_hasher().finish() as usize
}

#[cfg(test)]
mod tests;
