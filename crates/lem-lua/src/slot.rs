//! One operation at a time, which another coroutine can end: for what is no stream of the machine.

#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Poll, Waker};

use lem_ssl_rs::Error;

/// Who waits here.
#[derive(Debug, Default)]
pub(crate) struct Slot(RefCell<State>);

#[derive(Debug, Default)]
enum State {
    #[default]
    Free,
    Busy(Option<Waker>),
    Interrupted,
}

impl Slot {
    pub(crate) fn is_busy(&self) -> bool {
        !matches!(*self.0.borrow(), State::Free)
    }

    /// Runs `operation`, unless another one runs; gives it up when it is interrupted.
    pub(crate) async fn run<T>(&self, operation: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        if self.is_busy() {
            return Err(Error::Busy);
        }
        self.0.replace(State::Busy(None));
        let _leave = Leave(self);
        let mut operation = pin!(operation);
        poll_fn(|cx| {
            if matches!(*self.0.borrow(), State::Interrupted) {
                return Poll::Ready(Err(Error::Interrupted));
            }
            let before = self.0.replace(State::Busy(Some(cx.waker().clone())));
            drop(before);
            operation.as_mut().poll(cx)
        })
        .await
    }

    /// Ends the operation under way; "not busy" if there is none.
    pub(crate) fn interrupt(&self) -> Result<(), Error> {
        if !matches!(*self.0.borrow(), State::Busy(_)) {
            return Err(Error::NotBusy);
        }
        if let State::Busy(Some(waker)) = self.0.replace(State::Interrupted) {
            waker.wake();
        }
        Ok(())
    }
}

/// Leaves the slot free, however an operation ends.
struct Leave<'a>(&'a Slot);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        drop(self.0.0.replace(State::Free));
    }
}
