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
    told: RefCell<Told>,
    last: RefCell<Ending>,
    /// Those who want to know when nothing is active any more, or there is a failure or an exit.
    watchers: RefCell<Vec<Waker>>,
}

/// The failures that somebody was told of.
#[derive(Debug, Default)]
struct Told {
    count: u64,
    /// The last one.
    error: Option<Error>,
}

/// How much there was when a wait began: only what comes later is for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard {
    endings: u64,
    failures: u64,
}

/// What has ended all calls under way: an exit that a script has asked for, or a panic.
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
            error => {
                let mut last = self.last.borrow_mut();
                *last = Ending { count: last.count + 1, error: Some(error), is_untold: true };
            }
        }
        self.tell();
    }

    pub(crate) fn heard(&self) -> Heard {
        Heard { endings: self.last.borrow().count, failures: self.told.borrow().count }
    }

    /// A failure that nobody was told of, or that others were told of since. All who wait hear of it by this.
    pub(crate) fn failure_since(&self, heard: Heard) -> Option<Error> {
        let untold = self.failure.take();
        let is_untold = untold.is_some();
        let mut told = self.told.borrow_mut();
        if is_untold {
            *told = Told { count: told.count + 1, error: untold };
        }
        let failure = if told.count == heard.failures { None } else { told.error.clone() };
        drop(told);
        if is_untold {
            self.tell();
        }
        failure
    }

    /// An end that nobody has heard of, or that came since.
    pub(crate) fn since(&self, heard: Heard) -> Option<Error> {
        let mut last = self.last.borrow_mut();
        if !last.is_untold && last.count == heard.endings {
            return None;
        }
        last.is_untold = false;
        last.error.clone()
    }

    /// Waits for such an end.
    pub(crate) fn poll(&self, cx: &Context<'_>, heard: Heard) -> Poll<Error> {
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
