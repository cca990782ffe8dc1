//! Reading: the futures, and what a poll of one does.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::inner::{Inner, Outcome};
use super::slots::Operation;
use super::state::{Link, State};
use super::transport::{Received, Transport};
use crate::error::Error;
use crate::proto::{Limits, ReadMode, Reader, Verdict};
use crate::runtime::{Direction, refuse};

/// The future of [`Stream::read`](crate::Stream::read).
///
/// **Cancel safety:** dropping it consumes nothing: what arrived meanwhile is the next read's.
#[must_use = "futures do nothing unless awaited"]
pub struct Read<'a, T: Transport> {
    inner: &'a Rc<Inner<T>>,
    mode: ReadMode,
    operation: Operation,
}

impl<'a, T: Transport> Read<'a, T> {
    pub(super) fn new(inner: &'a Rc<Inner<T>>, mode: ReadMode) -> Self {
        Self { inner, mode, operation: Operation::new(Direction::Read) }
    }
}

impl<T: Transport> Future for Read<'_, T> {
    type Output = Result<Vec<u8>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { inner, mode, operation } = &mut *self;
        let poll = inner.poll_read(cx, operation, *mode, |reader, count| reader.buffer.take(count));
        inner.release_memory();
        poll
    }
}

impl<T: Transport> Drop for Read<'_, T> {
    fn drop(&mut self) {
        self.inner.abandon(&mut self.operation);
    }
}

/// The future of [`Stream::read_into`](crate::Stream::read_into).
///
/// **Cancel safety:** as [`Read`]; what the caller's vector held is lost.
#[must_use = "futures do nothing unless awaited"]
pub struct ReadInto<'a, T: Transport> {
    inner: &'a Rc<Inner<T>>,
    mode: ReadMode,
    target: &'a mut Vec<u8>,
    operation: Operation,
}

impl<'a, T: Transport> ReadInto<'a, T> {
    pub(super) fn new(inner: &'a Rc<Inner<T>>, mode: ReadMode, target: &'a mut Vec<u8>) -> Self {
        Self { inner, mode, target, operation: Operation::new(Direction::Read) }
    }
}

impl<T: Transport> Future for ReadInto<'_, T> {
    type Output = Result<usize, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { inner, mode, target, operation } = &mut *self;
        inner.poll_read_into(cx, operation, *mode, target)
    }
}

impl<T: Transport> Drop for ReadInto<'_, T> {
    fn drop(&mut self) {
        self.inner.abandon(&mut self.operation);
    }
}

impl<T: Transport> Inner<T> {
    /// Reads; `take` moves the bytes of the result out of the reader's buffer.
    pub(super) fn poll_read<R>(
        self: &Rc<Self>,
        cx: &mut Context<'_>,
        operation: &mut Operation,
        mode: ReadMode,
        take: impl FnOnce(&mut Reader, usize) -> R,
    ) -> Poll<Result<R, Error>> {
        self.poll_read_within(cx, operation, mode, &self.limits, take)
    }

    /// As [`poll_read`](Self::poll_read), with other limits than the stream's.
    pub(super) fn poll_read_within<R>(
        self: &Rc<Self>,
        cx: &mut Context<'_>,
        operation: &mut Operation,
        mode: ReadMode,
        limits: &Limits,
        take: impl FnOnce(&mut Reader, usize) -> R,
    ) -> Poll<Result<R, Error>> {
        self.core.check_usable()?;
        // A foreign waker is foreign code: it is cloned while nothing is borrowed.
        let wait = self.core.wait_of(cx);
        let mut registered = None;
        let mut state = self.state.borrow_mut();
        match state.slots.admit(operation) {
            Ok(()) => {}
            Err(Error::Busy) => {
                drop(state);
                return refuse(cx, Error::Busy);
            }
            Err(error) => return Poll::Ready(Err(error)),
        }
        let refusal = match &state.link {
            Link::Closed(_) if mode != ReadMode::Exact(0) => Some(Error::Closed),
            Link::Open(_) if state.reader.has_batch_outstanding() => Some(Error::Busy),
            _ => None,
        };
        if let Some(error) = refusal {
            drop(state);
            return refuse(cx, error);
        }
        let mut received_any = false;
        let pool = &self.core.arenas().pool;
        let outcome = loop {
            // `Exact(0)` is the one read that never waits, not even for its turn.
            if self.core.must_give_way() && mode != ReadMode::Exact(0) {
                break Outcome::GivesWay;
            }
            let State { link, reader, received, accepted, accepted_at_end, .. } = &mut *state;
            if matches!(link, Link::Closed(_)) {
                break Outcome::Over(Err(Error::Closed));
            }
            let want = match reader.judge(mode, limits) {
                Verdict::Value(count) => {
                    let before = reader.buffer.len();
                    let result = take(reader, count);
                    self.core.charge(before - reader.buffer.len());
                    break Outcome::Over(Ok(result));
                }
                Verdict::Fail(error) => break Outcome::Over(Err(error)),
                Verdict::More(want) => want,
            };
            let transport = match link.transport() {
                Ok(transport) => transport,
                Err(error) => break Outcome::Over(Err(error)),
            };
            if !received_any {
                self.note_use();
            }
            received_any = true;
            if mode == ReadMode::Line {
                reader.buffer.ensure_memory(|| pool.take());
            }
            let (before, charged) = (reader.buffer.len(), self.core.charged());
            let outcome = transport.receive(&mut reader.buffer, want);
            // The last bytes may come together with the end.
            let count = reader.buffer.len() - before;
            *received += count as u64;
            match outcome {
                // The transport charges what it costs us; one that does not, what it delivers.
                Received::Progress => self.core.charge_at_least(count, charged),
                Received::Ended(end) => {
                    reader.end(end);
                    *accepted_at_end = *accepted;
                }
                Received::Blocked => {
                    if mode == ReadMode::Line {
                        reader.buffer.shrink_to_fit(|buffer| pool.put(buffer));
                    }
                    registered = self.register(&state, Direction::Read);
                    break Outcome::Waits;
                }
            }
        };
        if matches!(outcome, Outcome::Over(Err(_))) {
            self.core.charge(0);
        }
        // What the protocol has to say itself is sent by reading, too: tickets, the answer to a KeyUpdate (RFC 8446
        // section 4.6.3). It may be delayed until the reader waits.
        let waits = matches!(outcome, Outcome::Waits);
        let due = received_any && state.has_work_to_flush() && (waits || !state.may_delay_flush());
        let flushes = due && !state.is_flushing();
        let poll = self.conclude(state, operation, outcome, wait);
        drop(registered);
        if flushes {
            self.flush_accepted();
        }
        poll
    }

    /// Reads into `target`, whose memory the stream uses while it receives. Lines are fetched many at a time and copied
    /// out one by one, so for them each keeps its own.
    fn poll_read_into(
        self: &Rc<Self>,
        cx: &mut Context<'_>,
        operation: &mut Operation,
        mode: ReadMode,
        target: &mut Vec<u8>,
    ) -> Poll<Result<usize, Error>> {
        let borrows = mode != ReadMode::Line && self.state.borrow_mut().reader.buffer.borrow_memory(target);
        let poll = self.poll_read(cx, operation, mode, |reader, count| {
            reader.buffer.take_into(count, target, || self.core.arenas().pool.take());
            count
        });
        if borrows && !matches!(poll, Poll::Ready(Ok(_))) {
            self.state.borrow_mut().reader.buffer.return_memory(target);
        }
        self.release_memory();
        poll
    }

    /// Between two reads a stream with nothing to read keeps no memory for it.
    pub(super) fn release_memory(&self) {
        let memory = self.state.borrow_mut().reader.buffer.release();
        self.keep_memory(memory);
    }

    /// Gives memory that is not needed any more to the machine.
    pub(super) fn keep_memory(&self, memory: Vec<u8>) {
        self.core.arenas().pool.put(memory);
    }

    /// Receives into memory of the machine, if the stream has none.
    pub(super) fn ensure_memory(&self) {
        self.state.borrow_mut().reader.buffer.ensure_memory(|| self.core.arenas().pool.take());
    }
}

impl<T: Transport> fmt::Debug for Read<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Read").field("mode", &self.mode).finish_non_exhaustive()
    }
}

impl<T: Transport> fmt::Debug for ReadInto<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadInto").field("mode", &self.mode).finish_non_exhaustive()
    }
}
