//! One turn of the loop: what has happened since the last one, and whom it wakes.

use std::io;
use std::rc::Weak;
use std::time::Duration;

use super::Core;
use crate::error::Error;
use crate::runtime::direction::Direction;
use crate::runtime::handler::ReadyHandler;
use crate::runtime::key::Key;
use crate::runtime::shrink::{shrink, shrink_queue};
use crate::runtime::wait::{Registered, Wait};
use crate::world;

/// Filled and emptied in each turn, kept for their memory.
#[derive(Default)]
pub(super) struct Turn {
    events: Vec<world::ReadyEvent>,
    registered: Vec<(Registered, Direction)>,
    woken: Vec<Wait>,
    keys: Vec<Key>,
}

impl Core {
    /// Wakes what timers and other threads have made ready, then waits for the world: not at all if a task is
    /// ready. `Ok(false)` says that nothing will ever happen any more.
    pub(crate) fn wait_for_events(&self) -> io::Result<bool> {
        let mut turn = self.turn.take().unwrap_or_default();
        let mut limit = if !self.ready.borrow().is_empty() || self.cpu_permits.is_waited_for() {
            Some(Duration::ZERO)
        } else {
            self.until_next_timer()
        };
        if limit.is_none() && self.sources.borrow().waiting() == 0 {
            if self.is_stalled() {
                return Ok(false);
            }
            limit = self.world.stall_recheck_interval();
        }
        if limit != Some(Duration::ZERO) {
            turn.shrink();
            shrink_queue(&mut self.ready.borrow_mut());
            self.cpu_permits.shrink();
        }
        let limit = self.limit_to_look(limit);
        let waited = self.world.wait(limit, &mut turn.events);
        let slept = turn.events.is_empty();
        {
            let mut sources = self.sources.borrow_mut();
            for event in turn.events.drain(..) {
                sources.handle_event(event, &mut turn.registered);
            }
        }
        {
            let mut timers = self.timers.borrow_mut();
            if timers.len() > 0 {
                timers.expire(self.world.now(), &mut turn.woken);
            }
        }
        self.remote.take(&mut turn.keys);
        drain_each(&mut turn.keys, |key| self.schedule(key));
        // Behind what the sockets have woken.
        self.cpu_permits.grant(&mut turn.woken);
        drain_each(&mut turn.registered, |(registered, direction)| self.wake_registered(registered, direction));
        drain_each(&mut turn.woken, |wait| self.wake(wait));
        self.turn.set(Some(turn));
        if self.quiet.is_due(slept) {
            self.quiet.look(self.world.now());
        }
        waited
    }

    /// Looks at a stream that is used now when it may have become quiet.
    pub(crate) fn watch_until_quiet(&self, stream: Weak<dyn ReadyHandler>) {
        self.quiet.watch(stream);
    }

    /// How long to wait at most, so that streams that have become quiet are looked at. A world whose clock jumps is not made
    /// to stop for that.
    fn limit_to_look(&self, limit: Option<Duration>) -> Option<Duration> {
        if self.world.stall_recheck_interval().is_none() {
            return limit;
        }
        match (limit, self.quiet.limit()) {
            (Some(limit), Some(look)) => Some(limit.min(look)),
            (limit, look) => limit.or(look),
        }
    }

    fn until_next_timer(&self) -> Option<Duration> {
        let next = self.timers.borrow().next()?;
        Some(next.saturating_duration_since(self.world.now()))
    }

    /// What is told of a machine whose tasks wait for ever.
    pub(crate) fn stalled(&self) -> Error {
        let tasks = self.tasks.borrow();
        Error::Stalled { tasks: tasks.len(), started_at: tasks.places() }
    }

    /// Whether no task can ever be woken again. Asked only when none is ready, no timer is armed and no socket is
    /// waited for: then a wake-up could come only from the holder of a waker's clone.
    fn is_stalled(&self) -> bool {
        !self.tasks.borrow().any_wakeable_from_outside() && !self.remote.has_woken()
    }
}

/// Takes everything out of a vector that is empty most times: that costs a look.
fn drain_each<T>(vector: &mut Vec<T>, each: impl FnMut(T)) {
    if !vector.is_empty() {
        vector.drain(..).for_each(each);
    }
}

impl Turn {
    /// Gives back what a burst has left.
    fn shrink(&mut self) {
        shrink(&mut self.events);
        shrink(&mut self.registered);
        shrink(&mut self.woken);
        shrink(&mut self.keys);
    }
}
