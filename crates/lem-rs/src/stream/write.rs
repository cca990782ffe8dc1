//! Writing: the future, and what a poll of it does.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::inner::{Inner, cancel};
use super::slots::Operation;
use super::state::{self, Goal, Link};
use super::transport::Transport;
use crate::error::Error;
use crate::runtime::{Direction, refuse};

/// The future of [`Stream::write`](crate::Stream::write).
///
/// **Cancel safety:** dropping it takes nothing back: what was accepted
/// ([`bytes_written`](crate::Stream::bytes_written)) is delivered, the rest never was begun.
#[must_use = "futures do nothing unless awaited"]
pub struct Write<'a, T: Transport> {
    inner: &'a Rc<Inner<T>>,
    goal: Goal,
    data: &'a [u8],
    written: usize,
    operation: Operation,
}

impl<'a, T: Transport> Write<'a, T> {
    pub(super) fn new(inner: &'a Rc<Inner<T>>, data: &'a [u8]) -> Self {
        Self::toward(inner, Goal::Written, data)
    }

    /// Waits until a sending side that was closed has sent its last byte.
    pub(super) fn end(inner: &'a Rc<Inner<T>>) -> Self {
        Self::toward(inner, Goal::Ended, &[])
    }

    fn toward(inner: &'a Rc<Inner<T>>, goal: Goal, data: &'a [u8]) -> Self {
        Self { inner, goal, data, written: 0, operation: Operation::new(Direction::Write) }
    }
}

impl<T: Transport> Future for Write<'_, T> {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { inner, goal, data, written, operation } = &mut *self;
        inner.poll_write(cx, operation, *goal, data, written)
    }
}

impl<T: Transport> Drop for Write<'_, T> {
    fn drop(&mut self) {
        self.inner.abandon(&mut self.operation);
    }
}

impl<T: Transport> Inner<T> {
    /// Writes `data` from `*written` on.
    fn poll_write(
        &self,
        cx: &mut Context<'_>,
        operation: &mut Operation,
        goal: Goal,
        data: &[u8],
        written: &mut usize,
    ) -> Poll<Result<(), Error>> {
        self.core.check_usable()?;
        let mut state = self.state.borrow_mut();
        match state.slots.admit(operation) {
            Ok(()) => {}
            Err(Error::Busy) => {
                drop(state);
                return refuse(cx, Error::Busy);
            }
            Err(error) => return Poll::Ready(Err(error)),
        }
        // This write flushes what is pending: nobody else must wait for the socket meanwhile.
        let mut flusher = None;
        let mut gives_way = false;
        let result = loop {
            if self.core.must_give_way() {
                gives_way = true;
                break None;
            }
            let step = state.write_step(goal, data, written);
            if !matches!(step, Ok(state::Write::Refused)) {
                flusher = flusher.or(state.stop_flusher());
            }
            match step {
                Ok(state::Write::Moved(count)) => self.core.charge(count),
                Ok(state::Write::Done) => break Some(Ok(())),
                Ok(state::Write::Refused) => break Some(Err(Error::Closed)),
                Ok(state::Write::Blocked) => {
                    if let Link::Open(transport) = &state.link {
                        transport.source().park(Direction::Write, cx);
                    }
                    break None;
                }
                Err(error) => break Some(Err(state.write_broke(error))),
            }
        };
        if matches!(result, Some(Err(_))) {
            self.core.charge(0);
        }
        let poll = self.conclude(state, cx, operation, result, gives_way);
        cancel(flusher);
        poll
    }
}

impl<T: Transport> fmt::Debug for Write<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Write").field("len", &self.data.len()).field("written", &self.written).finish_non_exhaustive()
    }
}
