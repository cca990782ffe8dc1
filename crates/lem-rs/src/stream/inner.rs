//! A stream's state, shared by the stream or its halves and by the task that flushes in the background.

use std::cell::{RefCell, RefMut};
use std::fmt;
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::thread;

use super::options::StreamOptions;
use super::slots::Operation;
use super::state::{Link, Outbound, State};
use super::transport::{Flushed, Transport};
use crate::error::{EndOfStream, Error};
use crate::proto::InputBuffer;
use crate::runtime::{Core, Direction, JoinHandle};
use crate::time::sleep;

pub(super) struct Inner<T: Transport> {
    pub(super) core: Rc<Core>,
    pub(super) options: StreamOptions,
    pub(super) state: RefCell<State<T>>,
}

impl<T: Transport> Inner<T> {
    pub(super) fn new(transport: T, input: InputBuffer, options: StreamOptions) -> Rc<Self> {
        let core = transport.source().core().clone();
        let state = RefCell::new(State::new(transport, input));
        let inner = Rc::new(Self { core, options, state });
        inner.begin();
        inner
    }

    /// Ends a poll: the operation waits on, for its next turn if it `gives_way`, or is over.
    pub(super) fn conclude<R>(
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

    /// Sends what the handshake has left to send: at once, or with the first write if that comes soon enough.
    fn begin(self: &Rc<Self>) {
        self.release_memory();
        let patience = self.with_transport(|transport| transport.has_pending().then(|| transport.patience()));
        match patience.flatten().flatten() {
            Some(patience) => {
                let flush = self.flush_in_background();
                let later = async move {
                    sleep(patience).await;
                    flush.await;
                };
                self.state.borrow_mut().flusher = Some(JoinHandle::spawn(&self.core, later));
            }
            None => self.settle(),
        }
    }

    /// Sends what is pending, now or by a task in the background, unless a write waits, which does it itself.
    pub(super) fn settle(self: &Rc<Self>) {
        let mut state = self.state.borrow_mut();
        let needed = state.has_work_to_flush() && state.flusher.is_none() && !state.slots.waits_for(Direction::Write);
        if needed && state.flush_step() == Flushed::Blocked {
            state.flusher = Some(JoinHandle::spawn(&self.core, self.flush_in_background()));
        }
    }

    fn flush_in_background(self: &Rc<Self>) -> impl Future<Output = ()> + use<T> {
        let weak = Rc::downgrade(self);
        // It does not keep the stream alive: a stream that is dropped flushes on its way out.
        poll_fn(move |cx| match weak.upgrade() {
            Some(inner) => inner.poll_flush(cx),
            None => Poll::Ready(()),
        })
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
}

pub(super) fn cancel(flusher: Option<JoinHandle<()>>) {
    if let Some(flusher) = flusher {
        flusher.cancel();
    }
}

impl<T: Transport> Drop for Inner<T> {
    /// A stream that is dropped is closed as gracefully as one that is closed by hand. In a panic nobody knows whether
    /// all was said, so the peer must not be told that it was.
    fn drop(&mut self) {
        if thread::panicking() {
            self.abort();
        } else {
            // "already closed" is the usual case here.
            let _ = self.close();
        }
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
