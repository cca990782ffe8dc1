//! One turn's polls: tasks that are ready, and streams with something to send.

use std::cell::Cell;
use std::rc::Weak;
use std::task::{Context, Poll, Waker};

use super::{Core, Ready};
use crate::runtime::contain::contain;
use crate::runtime::handler::ReadyHandler;
use crate::runtime::key::Key;
use crate::runtime::task::Body;

/// How many tasks are polled before sockets and timers are looked at again: enough to make that look cheap, few
/// enough that a timer is late by microseconds, not milliseconds.
const POLLS_PER_TURN: usize = 64;

impl Core {
    /// Polls ready tasks, up to the turn's bounds. `poll_main` is called when it is the main task's turn; it says
    /// whether the turn should end.
    pub(crate) fn run_ready(&self, main: Key, poll_main: &mut dyn FnMut(&mut Context<'_>) -> bool) {
        self.budget.begin_turn();
        self.cpu_permits.begin_turn();
        // One look at the clock for each task: what ends its poll begins the next. That the task's streams send what it has
        // written is a part of it.
        let mut begun = self.budget.measures().then(|| self.now());
        for _ in 0..POLLS_PER_TURN {
            let Some(ready) = self.ready.borrow_mut().pop_front() else { return };
            let ended = match ready {
                Ready::Task(key) if key == main => self.poll_main(key, poll_main),
                Ready::Task(key) => self.poll_task(key),
                Ready::Flush(stream) => self.flush_stream(&stream),
            };
            if let Some(begun) = &mut begun
                && !matches!(self.ready.borrow().front(), Some(Ready::Flush(_)))
            {
                let now = self.now();
                self.budget.note_poll(now.saturating_duration_since(std::mem::replace(begun, now)));
            }
            if ended || self.budget.turn_is_spent() {
                return;
            }
        }
    }

    fn poll_main(&self, key: Key, poll: &mut dyn FnMut(&mut Context<'_>) -> bool) -> bool {
        let Some(waker) = self.tasks.borrow_mut().get_mut(key).map(|task| {
            task.queued = false;
            task.waker.clone()
        }) else {
            return false;
        };
        let polling = self.begin_poll(key, &waker);
        let ended = poll(&mut Context::from_waker(&waker));
        drop(polling);
        drop(waker);
        if !ended {
            self.lost_wakeups.check(&self.tasks.borrow(), key);
        }
        ended
    }

    fn poll_task(&self, key: Key) -> bool {
        let taken = self.tasks.borrow_mut().get_mut(key).and_then(|task| {
            task.queued = false;
            match std::mem::replace(&mut task.body, Body::Polled) {
                Body::Here(future) => Some((future, task.waker.clone())),
                other => {
                    task.body = other;
                    None
                }
            }
        });
        let Some((mut future, waker)) = taken else { return false };
        let polling = self.begin_poll(key, &waker);
        // It stays empty if there is a panic: one of a future that nobody waits for, or of a destructor.
        let mut polled = None;
        contain(|| polled = Some(future.as_mut().run(&mut Context::from_waker(&waker))));
        drop(polling);
        drop(waker);
        let finished = {
            let mut tasks = self.tasks.borrow_mut();
            match tasks.get_mut(key) {
                Some(task) if polled == Some(Poll::Pending) && matches!(task.body, Body::Polled) => {
                    task.body = Body::Here(future);
                    self.lost_wakeups.check(&tasks, key);
                    None
                }
                _ => Some((tasks.remove(key), future)),
            }
        };
        match (finished, polled) {
            (None, _) => {}
            (Some(finished), None) => self.drop_after_panic(finished),
            (Some(finished), Some(_)) => contain(move || drop(finished)),
        }
        false
    }

    /// A stream sends what was accepted. A panic is one of its transport's; the panic hook has reported it.
    fn flush_stream(&self, stream: &Weak<dyn ReadyHandler>) -> bool {
        if let Some(stream) = stream.upgrade() {
            self.budget.begin_poll();
            contain(move || stream.flush());
        }
        false
    }

    fn begin_poll(&self, key: Key, waker: &Waker) -> Polling<'_> {
        self.polled.set(Some((key, waker.data())));
        self.budget.begin_poll();
        Polling(&self.polled)
    }
}

/// A task is being polled, until this is dropped: also by a panic of the main task, which goes through.
struct Polling<'a>(&'a Cell<Option<(Key, *const ())>>);

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        self.0.set(None);
    }
}
