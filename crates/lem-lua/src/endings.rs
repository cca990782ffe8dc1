//! What ends scripts, and who was told of it: errors that coroutines have not caught, exits, panics.

#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::task::{Context, Poll, Waker};

use crate::error::Error;

/// The ends of one Lua state. All who wait hear of each: a program in Rust may go on.
#[derive(Default)]
pub(crate) struct Endings {
    /// The first error that a coroutine of a task has not caught, until somebody is told of it.
    failure: RefCell<Option<Error>>,
    last: RefCell<Ending>,
    /// Those who want to know when nothing is active any more, or there is a failure or an exit.
    watchers: RefCell<Vec<Waker>>,
}

/// What has ended all calls under way: an exit that a script has asked for, or a failure.
#[derive(Debug, Default)]
struct Ending {
    count: u64,
    /// The last one.
    error: Option<Error>,
    /// Nobody has waited, or has looked yet.
    is_untold: bool,
}

impl Endings {
    /// Wakes those who want to know.
    pub(crate) fn tell(&self) {
        self.watchers.take().into_iter().for_each(Waker::wake);
    }

    fn watch(&self, waker: &Waker) {
        let waker = waker.clone();
        let mut watchers = self.watchers.borrow_mut();
        if !watchers.iter().any(|known| known.will_wake(&waker)) {
            watchers.push(waker);
        }
    }

    /// Whether everything is to end, and nobody has heard of it yet.
    pub(crate) fn is_ending(&self) -> bool {
        self.last.borrow().is_untold
    }

    /// Everything ends; the first who says so gives the reason. An error that a coroutine has raised ends no call that
    /// can go on; all else ends each call under way.
    pub(crate) fn add(&self, error: Error) {
        match error {
            // What its end does to the coroutines is no reason.
            _ if self.is_ending() => {}
            raised @ Error::Raised(_) => {
                self.failure.borrow_mut().get_or_insert(raised);
            }
            error => self.end_calls(error),
        }
        self.tell();
    }

    /// Ends all calls under way.
    pub(crate) fn end_calls(&self, error: Error) {
        let mut last = self.last.borrow_mut();
        *last = Ending { count: last.count + 1, error: Some(error), is_untold: true };
        drop(last);
        self.tell();
    }

    /// How many there were.
    pub(crate) fn count(&self) -> u64 {
        self.last.borrow().count
    }

    pub(crate) fn take_failure(&self) -> Option<Error> {
        self.failure.take()
    }

    /// Somebody has heard of the last one.
    pub(crate) fn is_told(&self) {
        self.last.borrow_mut().is_untold = false;
    }

    /// An end that nobody has heard of, or that came after so many others.
    pub(crate) fn since(&self, heard: u64) -> Option<Error> {
        let mut last = self.last.borrow_mut();
        if !last.is_untold && last.count == heard {
            return None;
        }
        last.is_untold = false;
        last.error.clone()
    }

    /// Waits for such an end.
    pub(crate) fn poll(&self, cx: &Context<'_>, heard: u64) -> Poll<Error> {
        if let Some(error) = self.since(heard) {
            return Poll::Ready(error);
        }
        self.watch(cx.waker());
        Poll::Pending
    }

    /// What nobody was told of. An exit is no failure.
    pub(crate) fn take_untold(&self) -> Option<Error> {
        let failure = self.failure.take();
        failure.or_else(|| {
            let last = self.last.take();
            last.error.filter(|error| last.is_untold && !matches!(error, Error::Exit(_)))
        })
    }
}
