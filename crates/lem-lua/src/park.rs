//! A coroutine that waits for another one, or for a time.

#![forbid(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use lem_ssl_rs::{sleep, yield_now};
use mlua::UserData;

use crate::scheduler::Scheduler;

/// The place where a coroutine waits until [`wake`](Self::wake).
pub(crate) struct Park {
    scheduler: Rc<Scheduler>,
    state: RefCell<State>,
}

enum State {
    Free,
    /// `counted` while its coroutine counts as active: it has a time at which it goes on by itself.
    Waits {
        waker: Waker,
        counted: bool,
    },
    Woken,
}

impl Park {
    pub(crate) fn new(scheduler: &Rc<Scheduler>) -> Self {
        Self { scheduler: scheduler.clone(), state: RefCell::new(State::Free) }
    }

    /// Wakes who waits here; whether there was somebody. `is_early`: who is about to wait here counts, too.
    pub(crate) fn wake(&self, is_early: bool) -> bool {
        let is_free = matches!(*self.state.borrow(), State::Free);
        if !(self.is_waiting() || is_early && is_free) {
            return false;
        }
        let before = self.state.replace(State::Woken);
        if let State::Waits { waker, counted } = before {
            if !counted {
                self.scheduler.activate();
            }
            waker.wake();
        }
        true
    }

    /// Whether somebody waits here who was not woken.
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(*self.state.borrow(), State::Waits { .. })
    }

    /// Waits for [`wake`](Self::wake): true; or until `limit` is over: false. No time at all still lets others run.
    pub(crate) async fn wait(self: Rc<Self>, limit: Option<Duration>) -> bool {
        let place = Place { park: &self, left: Cell::new(false) };
        let woken = match limit {
            None => poll_fn(|cx| place.poll(cx.waker(), false)).await,
            Some(limit) => {
                let mut over = pin!(sleep(limit));
                poll_fn(|cx| match place.poll(cx.waker(), true) {
                    Poll::Pending => over.as_mut().poll(cx).map(|()| false),
                    ready => ready,
                })
                .await
            }
        };
        place.leave();
        woken
    }

    /// Others go first; nothing can wake it meanwhile.
    pub(crate) async fn pass() {
        yield_now().await;
    }
}

/// Takes the place for the time of a wait, and leaves it however that ends.
struct Place<'a> {
    park: &'a Park,
    left: Cell<bool>,
}

impl Place<'_> {
    fn poll(&self, waker: &Waker, counted: bool) -> Poll<bool> {
        let park = self.park;
        let before = park.state.replace(State::Waits { waker: waker.clone(), counted });
        match before {
            State::Woken => {
                park.state.replace(State::Free);
                Poll::Ready(true)
            }
            State::Waits { .. } => Poll::Pending,
            State::Free => {
                if !counted {
                    park.scheduler.deactivate();
                }
                Poll::Pending
            }
        }
    }

    fn leave(&self) {
        if self.left.replace(true) {
            return;
        }
        let before = self.park.state.replace(State::Free);
        if let State::Waits { counted: false, .. } = before {
            self.park.scheduler.activate();
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

/// A park in Lua's hands.
pub(crate) struct ParkHandle(pub(crate) Rc<Park>);

impl UserData for ParkHandle {}

/// Anything that is no time at all counts as none; what no clock reaches, as very long.
pub(crate) fn duration(seconds: f64) -> Duration {
    let days = Duration::from_secs(36_500 * 86_400);
    if seconds.is_nan() || seconds <= 0.0 {
        return Duration::ZERO;
    }
    Duration::try_from_secs_f64(seconds).unwrap_or(days).min(days)
}
