//! A stream's state, shared by the stream or its halves and by the task that flushes in the background.

use std::cell::{RefCell, RefMut};
use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::farewell::{Farewell, Unheard};
use super::options::StreamOptions;
use super::slots::{Operation, Slots};
use super::state::{Goal, Link, Outbound, State, Write};
use super::transport::{Flushed, Received, Transport};
use crate::error::{Cut, EndOfStream, Error};
use crate::proto::{InputBuffer, ReadMode, Verdict};
use crate::runtime::{Core, Direction, JoinHandle};

pub(super) struct Inner<T: Transport> {
    core: Rc<Core>,
    options: StreamOptions,
    state: RefCell<State<T>>,
}

impl<T: Transport> Inner<T> {
    pub(super) fn new(transport: T, input: InputBuffer, options: StreamOptions) -> Rc<Self> {
        let core = transport.source().core().clone();
        let state = RefCell::new(State::new(transport, input));
        let inner = Rc::new(Self { core, options, state });
        // A handshake may leave something to send.
        inner.settle();
        inner
    }

    /// Reads; `take` moves the bytes of the result out of the buffer.
    pub(super) fn poll_read<R>(
        self: &Rc<Self>,
        cx: &mut Context<'_>,
        operation: &mut Operation,
        mode: ReadMode,
        take: impl FnOnce(&mut InputBuffer, usize) -> R,
    ) -> Poll<Result<R, Error>> {
        self.core.check_usable()?;
        let mut state = self.state.borrow_mut();
        if let Err(error) = state.slots.admit(operation) {
            return Poll::Ready(Err(error));
        }
        let mut gives_way = false;
        let result = loop {
            // `Exact(0)` is the one read that never waits, not even for its turn.
            if self.core.must_give_way() && mode != ReadMode::Exact(0) {
                gives_way = true;
                break None;
            }
            let State { link: Link::Open(transport), reader, received, accepted, accepted_at_end, .. } = &mut *state
            else {
                break Some(Err(Error::Closed));
            };
            let want = match reader.judge(mode, &self.options.limits) {
                Verdict::Value(count) => {
                    self.core.charge(count);
                    break Some(Ok(take(&mut reader.buffer, count)));
                }
                Verdict::Fail(error) => break Some(Err(error)),
                Verdict::More(want) => want,
            };
            let before = reader.buffer.len();
            let outcome = transport.receive(&mut reader.buffer, want);
            // The last bytes may come together with the end.
            let count = reader.buffer.len() - before;
            *received += count as u64;
            match outcome {
                Received::Progress => self.core.charge(count),
                Received::Ended(end) => {
                    reader.end(end);
                    *accepted_at_end = *accepted;
                }
                Received::Blocked => {
                    transport.source().park(Direction::Read, cx);
                    break None;
                }
            }
        };
        // A KeyUpdate wants an answer (RFC 8446 section 4.6.3), even from one who only reads.
        let answers = state.has_work_to_flush();
        let poll = self.conclude(state, cx, operation, result, gives_way);
        if answers {
            self.settle();
        }
        poll
    }

    /// Reads into `target`, whose memory the stream uses while it receives. Lines are fetched many at a time and copied
    /// out one by one, so for them each keeps its own.
    pub(super) fn poll_read_into(
        self: &Rc<Self>,
        cx: &mut Context<'_>,
        operation: &mut Operation,
        mode: ReadMode,
        target: &mut Vec<u8>,
    ) -> Poll<Result<usize, Error>> {
        let borrows = mode != ReadMode::Line && self.state.borrow_mut().reader.buffer.borrow_memory(target);
        let poll = self.poll_read(cx, operation, mode, |buffer, count| {
            buffer.take_into(count, target);
            count
        });
        if borrows && !matches!(poll, Poll::Ready(Ok(_))) {
            self.state.borrow_mut().reader.buffer.return_memory(target);
        }
        poll
    }

    /// Writes `data` from `*written` on.
    pub(super) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        operation: &mut Operation,
        goal: Goal,
        data: &[u8],
        written: &mut usize,
    ) -> Poll<Result<(), Error>> {
        self.core.check_usable()?;
        let mut state = self.state.borrow_mut();
        if let Err(error) = state.slots.admit(operation) {
            return Poll::Ready(Err(error));
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
            if !matches!(step, Ok(Write::Refused)) {
                flusher = flusher.or(state.stop_flusher());
            }
            match step {
                Ok(Write::Moved(count)) => self.core.charge(count),
                Ok(Write::Done) => break Some(Ok(())),
                Ok(Write::Refused) => break Some(Err(Error::Closed)),
                Ok(Write::Blocked) => {
                    if let Link::Open(transport) = &state.link {
                        transport.source().park(Direction::Write, cx);
                    }
                    break None;
                }
                Err(error) => break Some(Err(state.write_broke(error))),
            }
        };
        let poll = self.conclude(state, cx, operation, result, gives_way);
        cancel(flusher);
        poll
    }

    /// Ends a poll: the operation waits on, for its next turn if it `gives_way`, or is over.
    fn conclude<R>(
        &self,
        mut state: RefMut<'_, State<T>>,
        cx: &Context<'_>,
        operation: &mut Operation,
        result: Option<Result<R, Error>>,
        gives_way: bool,
    ) -> Poll<Result<R, Error>> {
        let before = match &result {
            None => state.slots.wait(operation, self.core.wait_of(cx)),
            Some(_) => {
                let waiter = state.slots.leave(operation);
                if let Some(waiter) = &waiter {
                    state.unpark(waiter.direction);
                }
                waiter
            }
        };
        drop(state);
        drop(before);
        if gives_way {
            self.core.wake(self.core.wait_of(cx));
        }
        result.map_or(Poll::Pending, Poll::Ready)
    }

    /// An operation is dropped before it was over.
    pub(super) fn abandon(self: &Rc<Self>, operation: &mut Operation) {
        if !operation.has_waited() {
            return;
        }
        let mut state = self.state.borrow_mut();
        let Some(waiter) = state.slots.leave(operation) else { return };
        state.unpark(waiter.direction);
        drop(state);
        if waiter.direction == Direction::Write {
            self.settle();
        }
    }

    /// Sends what is pending, now or by a task in the background, unless a write waits, which does it itself.
    pub(super) fn settle(self: &Rc<Self>) {
        let mut state = self.state.borrow_mut();
        let needed = state.has_work_to_flush() && state.flusher.is_none() && !state.slots.waits_for(Direction::Write);
        if needed && state.flush_step() == Flushed::Blocked {
            let weak = Rc::downgrade(self);
            // It does not keep the stream alive: a stream that is dropped flushes on its way out.
            let flush = poll_fn(move |cx| match weak.upgrade() {
                Some(inner) => inner.poll_flush(cx),
                None => Poll::Ready(()),
            });
            state.flusher = Some(JoinHandle::spawn(&self.core, flush));
        }
    }

    fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.borrow_mut();
        match state.flush_step() {
            Flushed::Done => {
                state.flusher = None;
                Poll::Ready(())
            }
            Flushed::Blocked => {
                if let Link::Open(transport) = &state.link {
                    transport.source().park(Direction::Write, cx);
                }
                Poll::Pending
            }
        }
    }

    pub(super) fn interrupt(self: &Rc<Self>, direction: Direction) -> Result<(), Error> {
        let mut state = self.state.borrow_mut();
        let waiter = state.slots.release(direction).ok_or(Error::NotBusy)?;
        state.unpark(waiter.direction);
        drop(state);
        self.core.wake(waiter.wait);
        if waiter.direction == Direction::Write {
            self.settle();
        }
        Ok(())
    }

    pub(super) fn is_busy(&self, direction: Direction) -> bool {
        self.state.borrow().slots.is_busy(direction)
    }

    /// Closed by us, or ended by the peer with nothing left to read.
    pub(super) fn is_closed(&self) -> bool {
        let state = self.state.borrow();
        self.core.is_over() || matches!(state.link, Link::Closed(_)) || state.reader.is_exhausted()
    }

    pub(super) fn is_write_closed(&self) -> bool {
        let state = self.state.borrow();
        matches!(state.link, Link::Closed(_)) || state.outbound != Outbound::Open
    }

    pub(super) fn end_of_stream(&self) -> Option<EndOfStream> {
        self.state.borrow().reader.ended().cloned()
    }

    pub(super) fn received(&self) -> u64 {
        self.state.borrow().received
    }

    pub(super) fn accepted(&self) -> u64 {
        self.state.borrow().accepted
    }

    pub(super) fn buffered(&self) -> usize {
        self.state.borrow().reader.buffer.len()
    }

    /// Looks at the transport, while the stream is not closed by us.
    pub(super) fn with_transport<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        match &self.state.borrow().link {
            Link::Open(transport) => Some(look(transport)),
            Link::Closed(_) => None,
        }
    }

    pub(super) fn split(&self) {
        self.state.borrow_mut().slots.split();
    }

    pub(super) fn join(&self) {
        self.state.borrow_mut().slots.join();
    }

    /// Closes both sides; the rest goes on in the background.
    pub(super) fn close(&self) -> Result<(), Error> {
        self.end(|transport, state, options| match state.reader.ended() {
            // The connection is gone: there is nobody to say goodbye to.
            Some(EndOfStream::Cut(Cut::Reset)) => Some(Farewell::failed(Error::Truncated(Cut::Reset))),
            _ if state.outbound == Outbound::Broken => Some(Farewell::failed(Error::Closed)),
            Some(EndOfStream::Clean) if state.accepted == state.accepted_at_end => {
                Some(Farewell::begin(transport, options.close_deadline, Unheard::Goodbye))
            }
            _ => Some(Farewell::begin(transport, options.close_deadline, Unheard::Content)),
        })
    }

    /// Closes both sides at once: nothing is flushed, nothing is said.
    pub(super) fn abort(&self) {
        if self.end(|_, _, _| None).is_err()
            && let Some(farewell) = self.farewell()
        {
            farewell.abort();
        }
    }

    fn end(&self, farewell: impl FnOnce(T, &State<T>, &StreamOptions) -> Option<Rc<Farewell>>) -> Result<(), Error> {
        let mut state = self.state.borrow_mut();
        let placeholder = Link::Closed(None);
        let transport = match std::mem::replace(&mut state.link, placeholder) {
            Link::Open(transport) => transport,
            closed @ Link::Closed(_) => {
                state.link = closed;
                return Err(Error::AlreadyClosed);
            }
        };
        for direction in [Direction::Read, Direction::Write] {
            transport.source().unpark(direction);
        }
        state.link = Link::Closed(farewell(transport, &state, &self.options));
        let waiters = [Direction::Read, Direction::Write].map(|side| state.slots.release(side));
        let flusher = state.flusher.take();
        let input = std::mem::take(&mut state.reader.buffer);
        drop(state);
        drop(input);
        cancel(flusher);
        waiters.into_iter().flatten().for_each(|waiter| self.core.wake(waiter.wait));
        Ok(())
    }

    fn farewell(&self) -> Option<Rc<Farewell>> {
        match &self.state.borrow().link {
            Link::Open(_) => None,
            Link::Closed(farewell) => farewell.clone(),
        }
    }

    /// Waits for the end of the farewell that `close` began.
    pub(super) async fn parted(&self) -> Result<(), Error> {
        self.core.check_usable()?;
        match self.farewell() {
            Some(farewell) => farewell.wait().await,
            None => Ok(()),
        }
    }

    /// Closes the sending side; reading goes on.
    pub(super) fn close_write(self: &Rc<Self>) -> Result<(), Error> {
        let mut state = self.state.borrow_mut();
        if state.outbound != Outbound::Open {
            return Err(Error::AlreadyClosed);
        }
        let Link::Open(transport) = &mut state.link else { return Err(Error::AlreadyClosed) };
        transport.end_sending();
        state.outbound = Outbound::Ending;
        // On a whole stream the waiter may be a reader, whom this does not concern.
        let waiter = match &state.slots {
            Slots::Whole(_) => None,
            Slots::Split { .. } => {
                state.unpark(Direction::Write);
                state.slots.release(Direction::Write)
            }
        };
        drop(state);
        if let Some(waiter) = waiter {
            self.core.wake(waiter.wait);
        }
        self.settle();
        Ok(())
    }

    /// Takes the transport out, with what was received: for a protocol that takes over.
    pub(super) fn dismantle(&self) -> Result<(T, InputBuffer), Error> {
        let mut state = self.state.borrow_mut();
        if state.outbound != Outbound::Open || state.reader.ended().is_some() {
            return Err(Error::Closed);
        }
        let placeholder = Link::Closed(None);
        match std::mem::replace(&mut state.link, placeholder) {
            Link::Open(transport) => {
                let input = std::mem::take(&mut state.reader.buffer);
                let flusher = state.flusher.take();
                drop(state);
                cancel(flusher);
                Ok((transport, input))
            }
            closed @ Link::Closed(_) => {
                state.link = closed;
                Err(Error::Closed)
            }
        }
    }
}

fn cancel(flusher: Option<JoinHandle<()>>) {
    if let Some(flusher) = flusher {
        flusher.cancel();
    }
}

impl<T: Transport> Drop for Inner<T> {
    /// A stream that is dropped is closed as gracefully as one that is closed by hand.
    fn drop(&mut self) {
        // "already closed" is the usual case here.
        let _ = self.close();
    }
}

impl<T: Transport> fmt::Debug for Inner<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("closed", &self.is_closed())
            .field("received", &self.received())
            .field("written", &self.accepted())
            .finish_non_exhaustive()
    }
}
