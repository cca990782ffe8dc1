//! The back ends of a route: which of them a connection goes to, and what happens when one does not answer.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::rc::Rc;
use std::time::Duration;

use lem_ssl_rs::{Deadline, now};

use super::dial::{BackEnd, Dialled, Manner, Undialled};
use super::member::{Member, Standing, Taken};
use super::tally::Outcome;
use super::target::Target;
use crate::log::Log;

/// The back ends of a route.
pub(super) struct Pool {
    targets: Vec<Target>,
    /// So many addresses are tried for one client.
    tries: usize,
    /// One that has failed is left alone for so long.
    pause: Duration,
}

/// One try takes so long at least, if there is time: a connection across the world has three round trips in it.
const MIN_TRY: Duration = Duration::from_secs(1);

impl Pool {
    pub(super) fn new(back_ends: Vec<BackEnd>, tries: usize, pause: Duration) -> Self {
        Self { targets: back_ends.into_iter().map(Target::new).collect(), tries, pause }
    }

    /// Connects to the one that has the fewest connections, among those that have not failed a moment ago; to another, if it
    /// does not answer.
    pub(super) async fn dial(
        &self,
        manner: &Manner<'_>,
        deadline: &Deadline,
        log: &Log,
    ) -> Result<(Dialled, Taken), Undialled> {
        let mut last = None;
        for target in &self.targets {
            last = target.refresh(deadline).await.err().or(last);
        }
        let begun = now();
        let mut tried: Vec<Rc<Member>> = Vec::new();
        while tried.len() < self.tries && (tried.is_empty() || !deadline.remaining().is_zero()) {
            let untried = self.untried(&tried);
            let Some(member) = choose(&untried, |most| draw() % most) else {
                // Perhaps they have moved.
                if self.targets.iter().all(|target| target.is_resolved_since(begun)) {
                    break;
                }
                for target in &self.targets {
                    last = target.resolve(deadline).await.err().or(last);
                }
                if self.untried(&tried).is_empty() {
                    break;
                }
                continue;
            };
            let left = untried.len().min(self.tries - tried.len());
            let share = deadline.remaining() / u32::try_from(left).unwrap_or(u32::MAX);
            let share = deadline.at_most(share.max(MIN_TRY));
            match member.dial(manner, &share, self.pause, log).await {
                Ok(connection) => return Ok(connection),
                Err(undialled) => last = Some(undialled),
            }
            tried.push(member);
        }
        let mut last = last.unwrap_or_else(|| Undialled {
            outcome: Outcome::Unreachable,
            why: "there is no address to connect to".to_owned(),
        });
        if tried.len() > 1 {
            last.why = format!("tried {} addresses, the last: {}", tried.len(), last.why);
        }
        Err(last)
    }

    /// Every address, after the names were resolved that were not a moment ago.
    pub(super) async fn refreshed(&self, within: Duration) -> Vec<Rc<Member>> {
        for target in &self.targets {
            // What cannot be resolved is told by the connections that need it.
            let _ = target.refresh(&Deadline::after(within)).await;
        }
        self.members()
    }

    /// Every address that is known.
    pub(super) fn members(&self) -> Vec<Rc<Member>> {
        self.targets.iter().flat_map(Target::members).collect()
    }

    /// All that were given, for people.
    pub(super) fn label(&self) -> String {
        self.targets.iter().map(Target::label).collect::<Vec<_>>().join(", ")
    }

    /// Whether a client may expect an answer. A name that nobody has asked for yet may have one.
    pub(super) fn is_up(&self) -> bool {
        let members = self.members();
        members.is_empty() || members.iter().any(|member| member.is_up())
    }

    fn untried(&self, tried: &[Rc<Member>]) -> Vec<Rc<Member>> {
        let mut members = self.members();
        members.retain(|member| !tried.iter().any(|other| other.back_end.address == member.back_end.address));
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
mod tests {
    use lem_ssl_rs::{Address, Machine};

    use super::*;

    fn member(port: u16) -> Rc<Member> {
        let address = Address::Ip(([127, 0, 0, 1], port).into());
        Rc::new(Member::new(BackEnd { address: address.clone(), name: None }, address.to_string()))
    }

    #[test]
    fn equals_are_drawn_from_and_one_that_has_failed_comes_last() {
        let members = [member(1), member(2), member(3)];
        for at in 0..3 {
            assert!(Rc::ptr_eq(&choose(&members, |_| at).unwrap(), &members[at]));
        }
        assert!(choose(&[], |_| 0).is_none());
        let log = Log::new(true, crate::log::Format::Plain).unwrap();
        let manner = Manner { context: None, starttls: None, skip_greeting: None, header: None };
        // Nobody listens at port 1.
        let check = members[0].check(&manner, Duration::from_secs(10), Duration::from_secs(60), &log);
        Machine::new()
            .unwrap()
            .run(async {
                check.await;
                assert_eq!(members[0].standing(), Standing::Bad);
                for at in 0..2 {
                    assert!(Rc::ptr_eq(&choose(&members, |_| at).unwrap(), &members[at + 1]));
                }
                assert!(Rc::ptr_eq(&choose(&members[..1], |_| 0).unwrap(), &members[0]));
            })
            .unwrap();
    }
}
