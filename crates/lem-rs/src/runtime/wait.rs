//! Wakers of this machine: what a task that waits leaves behind, so that it can be woken.

#[cfg(test)]
mod tests;

use std::mem;
use std::rc::Weak;
use std::task::Waker;

use super::contain::contain;
use super::handler::ReadyHandler;
use super::key::Key;
use super::waker_count::WakerCount;

/// Wakes one waiter of one machine: a waker that stays on its thread.
///
/// A task of the machine is named by its key: no reference count is touched, and a key that has outlived its task
/// wakes nobody. Anything else that polls our futures (a combinator with wakers of its own) gives its `Waker`.
/// Because our own primitives hold no clone of a task's waker, a task whose waker has clones is one that somebody
/// outside may wake; the machine's check for a stall rests on that.
///
/// It cannot be cloned: a foreign waker's clone and its destructor are code of the user's, to be run with nothing borrowed.
#[derive(Debug)]
pub(crate) enum Wait {
    Task(Key, WakerCount),
    Foreign(ForeignWaker),
}

/// What an event of a socket wakes.
#[derive(Debug)]
pub(crate) enum Registered {
    Wait(Wait),
    /// A stream, which knows who waits on it.
    Stream(Weak<dyn ReadyHandler>),
}

/// A waker that is not ours. What it does is code of the user's: where it panics, the panic ends here, so that it can
/// neither keep others from being woken nor hit a task that only ends the wait of its owner.
///
/// When it has been used up, a waker stands here that does nothing. It is no `Option`, so that a [`Wait`] is two words.
#[derive(Debug)]
pub(crate) struct ForeignWaker(Waker);

impl ForeignWaker {
    pub(crate) fn new(waker: &Waker) -> Self {
        #[cfg(test)]
        tests::touched();
        Self(waker.clone())
    }

    pub(crate) fn wake(mut self) {
        #[cfg(test)]
        tests::touched();
        let waker = self.take();
        contain(move || waker.wake());
    }

    fn take(&mut self) -> Waker {
        mem::replace(&mut self.0, Waker::noop().clone())
    }
}

impl Drop for ForeignWaker {
    fn drop(&mut self) {
        if !self.0.will_wake(Waker::noop()) {
            #[cfg(test)]
            tests::touched();
            let waker = self.take();
            contain(move || drop(waker));
        }
    }
}
