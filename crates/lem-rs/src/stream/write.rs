//! Writing: the future, and what a poll of it does.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::inner::{Inner, Outcome};
use super::slots::Operation;
use super::state::{self, Goal, Link, Outbound};
use super::transport::Transport;
use crate::error::Error;
use crate::runtime::{Direction, refuse};

/// The future of [`Stream::write`](crate::Stream::write).
///
/// **Cancel safety:** dropping it takes nothing back: what was accepted
/// ([`bytes_written`](crate::Stream::bytes_written)) is delivered, the rest was never begun.
#[must_use = "futures do nothing unless awaited"]
pub struct Write<'a, T: Transport> {
    inner: &'a Rc<Inner<T>>,
    goal: Goal,
    data: &'a [u8],
    written: usize,
    operation: Operation,
    rest: Rest,
}

/// What becomes of the rest of data whose beginning was accepted, if the future is dropped before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// It is not sent: the caller counts what was accepted.
    Dropped,
    /// The stream sends it: nobody else may write in between.
    Sent,
}

impl<'a, T: Transport> Write<'a, T> {
    pub(super) fn new(inner: &'a Rc<Inner<T>>, data: &'a [u8]) -> Self {
        Self::toward(inner, Goal::Written, data)
    }

    /// A write that is sent whole once it is begun, whether it is waited for or not.
    pub(super) fn whole(inner: &'a Rc<Inner<T>>, data: &'a [u8]) -> Self {
        let mut write = Self::new(inner, data);
        write.rest = Rest::Sent;
        write
    }

    /// Waits until a sending side that was closed has sent its last byte.
    pub(super) fn end(inner: &'a Rc<Inner<T>>) -> Self {
        Self::toward(inner, Goal::Ended, &[])
    }

    fn toward(inner: &'a Rc<Inner<T>>, goal: Goal, data: &'a [u8]) -> Self {
        Self { inner, goal, data, written: 0, operation: Operation::new(Direction::Write), rest: Rest::Dropped }
    }
}

impl<T: Transport> Future for Write<'_, T> {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { inner, goal, data, written, operation, rest } = &mut *self;
        let poll = inner.poll_write(cx, operation, *goal, data, written);
        let is_begun = *written > 0 && *written < data.len();
        if *rest == Rest::Sent && is_begun && matches!(poll, Poll::Ready(Err(Error::Interrupted))) {
            if !inner.take_over(&data[*written..]) {
                // What was interrupted is a message that stays incomplete: the sending side was closed meanwhile.
                return Poll::Ready(Err(Error::Closed));
            }
            *written = data.len();
        }
        poll
    }
}

impl<T: Transport> Drop for Write<'_, T> {
    fn drop(&mut self) {
        let rest = &self.data[self.written..];
        if self.rest == Rest::Sent && self.written > 0 && !rest.is_empty() {
            self.inner.take_over(rest);
        }
        self.inner.abandon(&mut self.operation);
    }
}

impl<T: Transport> Inner<T> {
    /// Accepts content that is sent in the background; says whether it does: not if the sending side is closed.
    fn take_over(self: &Rc<Self>, content: &[u8]) -> bool {
        let mut state = self.state.borrow_mut();
        let is_open = matches!((&state.link, &state.outbound), (Link::Open(_), Outbound::Open));
        if is_open {
            state.unsent.extend(content, |count| self.core.arenas().pool.take_for(count));
            state.accepted += content.len() as u64;
            drop(state);
            self.flush_accepted();
        }
        is_open
    }

    /// Writes `data` from `*written` on.
    pub(super) fn poll_write(
        self: &Rc<Self>,
        cx: &mut Context<'_>,
        operation: &mut Operation,
        goal: Goal,
        data: &[u8],
        written: &mut usize,
    ) -> Poll<Result<(), Error>> {
        self.core.check_usable()?;
        let wait = self.core.wait_of(cx);
        let mut registered = None;
        let mut reader = None;
        let mut state = self.state.borrow_mut();
        match state.slots.admit(operation) {
            Ok(()) => {}
            Err(Error::Busy) => {
                drop(state);
                return refuse(cx, Error::Busy);
            }
            Err(error) => return Poll::Ready(Err(error)),
        }
        if matches!(state.link, Link::Closed(_)) {
            drop(state);
            return refuse(cx, Error::Closed);
        }
        self.note_use();
        let outcome = loop {
            if self.core.must_give_way() {
                break Outcome::GivesWay;
            }
            let charged = self.core.charged();
            match state.write_step(goal, data, written) {
                Ok(state::Write::Moved(count)) => self.core.charge_at_least(count, charged),
                Ok(state::Write::Done) => break Outcome::Over(Ok(())),
                Ok(state::Write::Refused) => break Outcome::Over(Err(Error::Closed)),
                Ok(state::Write::Blocked) => {
                    registered = self.register(&state, Direction::Write);
                    break Outcome::Waits;
                }
                Err(error) => {
                    // The search for the reason may have received what it waits for.
                    reader = state.slots.take_wait(Direction::Read);
                    break Outcome::Over(Err(error));
                }
            }
        };
        if matches!(outcome, Outcome::Over(Err(_))) {
            self.core.charge(0);
        }
        let poll = self.conclude(state, operation, outcome, wait);
        drop(registered);
        self.wake(reader);
        poll
    }
}

impl<T: Transport> fmt::Debug for Write<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Write").field("len", &self.data.len()).field("written", &self.written).finish_non_exhaustive()
    }
}
