//! A stream's state, shared by the stream or its halves and known to the machine.

use std::cell::{Cell, OnceCell, RefCell, RefMut};
use std::fmt;
use std::rc::{Rc, Weak};
use std::task::Poll;
use std::time::Duration;

use super::handle_target::HandleTarget;
use super::options::StreamOptions;
use super::send_buffer::Step;
use super::slots::Operation;
use super::state::{Link, Outbound, State};
use super::transport::Transport;
use crate::endpoint::Endpoint;
use crate::error::{EndOfStream, Error};
use crate::proto::{InputBuffer, Limits};
use crate::runtime::{Awaited, Core, Direction, ReadyHandler, Registered, Wait};

pub(super) struct Inner<T: Transport> {
    pub(super) core: Rc<Core>,
    /// What a peer may make the stream store.
    pub(super) limits: Limits,
    pub(super) close_deadline: Cell<Duration>,
    /// What handles lead to, once there are any.
    pub(super) handles: OnceCell<Rc<HandleTarget>>,
    pub(super) state: RefCell<State<T>>,
    pub(super) usage: Cell<Usage>,
}

/// Whether a stream was used lately.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Usage {
    /// The machine looks at it now and then.
    Recent,
    /// It was not used since the machine has looked at it.
    Quiet,
    /// The machine does not look at it: it has given up what it can make again, or has nothing of that kind.
    #[default]
    AtRest,
}

/// How a poll of an operation ended.
pub(super) enum Outcome<R> {
    Over(Result<R, Error>),
    /// It waits for the socket.
    Waits,
    /// It has spent its task's allowance and goes on in the task's next turn.
    GivesWay,
}

impl<T: Transport> Inner<T> {
    pub(super) fn new(transport: T, input: InputBuffer, options: StreamOptions) -> Rc<Self> {
        let core = transport.source().core().clone();
        let state = RefCell::new(State::new(transport, input));
        let close_deadline = Cell::new(options.close_deadline);
        let handles = OnceCell::new();
        let inner =
            Rc::new(Self { core, limits: options.limits, close_deadline, handles, state, usage: Cell::default() });
        inner.release_memory();
        inner.note_use();
        // What the handshake has left to send goes now, unless it may be coalesced with the first write.
        if !inner.state.borrow().may_delay_flush() {
            inner.flush_accepted();
        }
        inner
    }

    /// Ends a poll: the operation waits on, with `wait` to wake it, or is over.
    pub(super) fn conclude<R>(
        self: &Rc<Self>,
        mut state: RefMut<'_, State<T>>,
        operation: &mut Operation,
        outcome: Outcome<R>,
        wait: Wait,
    ) -> Poll<Result<R, Error>> {
        match outcome {
            Outcome::Over(result) => {
                let left = state.slots.leave(operation);
                let registered = if left.is_some() { state.stop_waiting(operation.direction()) } else { None };
                drop(state);
                drop((left, registered, wait));
                Poll::Ready(result)
            }
            Outcome::Waits => {
                let before = state.slots.wait(operation, Some(wait));
                drop(state);
                drop(before);
                self.note_wait(operation);
                Poll::Pending
            }
            Outcome::GivesWay => {
                let before = state.slots.wait(operation, None);
                drop(state);
                drop(before);
                self.note_wait(operation);
                self.core.wake(wait);
                Poll::Pending
            }
        }
    }

    fn note_wait(self: &Rc<Self>, operation: &Operation) {
        self.core.awaited().note(|| Awaited::Stream(self.handler(), operation.direction()));
    }

    /// The stream is used: bytes are sent or received.
    pub(super) fn note_use(self: &Rc<Self>) {
        if T::RESTS && self.usage.replace(Usage::Recent) == Usage::AtRest {
            self.core.watch_until_quiet(self.handler());
        }
    }

    /// Registers the stream at its socket. What is handed out is the caller's to drop, unborrowed.
    #[must_use = "drop it with nothing borrowed"]
    pub(super) fn register(self: &Rc<Self>, state: &State<T>, direction: Direction) -> Option<Registered> {
        let Link::Open(transport) = &state.link else { return None };
        transport.source().register(direction, Registered::Stream(self.handler()))
    }

    fn handler(self: &Rc<Self>) -> Weak<dyn ReadyHandler> {
        let weak: Weak<Self> = Rc::downgrade(self);
        weak
    }

    /// An operation is dropped before it was over.
    pub(super) fn abandon(self: &Rc<Self>, operation: &mut Operation) {
        if !operation.has_waited() {
            return;
        }
        let mut state = self.state.borrow_mut();
        let left = state.slots.leave(operation);
        let registered = if left.is_some() { state.stop_waiting(operation.direction()) } else { None };
        drop(state);
        let was_there = left.is_some();
        drop((left, registered));
        if was_there && operation.direction() == Direction::Write {
            self.flush_accepted();
        }
    }

    pub(super) fn interrupt(self: &Rc<Self>, direction: Direction) -> Result<(), Error> {
        let mut state = self.state.borrow_mut();
        let waiter = state.slots.release(direction).ok_or(Error::NotBusy)?;
        let registered = state.stop_waiting(waiter.direction);
        drop(state);
        drop(registered);
        self.wake(waiter.wait);
        if waiter.direction == Direction::Write {
            self.flush_accepted();
        }
        Ok(())
    }

    pub(super) fn wake(&self, wait: Option<Wait>) {
        if let Some(wait) = wait {
            self.core.wake(wait);
        }
    }

    /// Sends what was accepted, as far as the kernel takes it and this poll's budget goes. The rest goes on in the
    /// background: accepted bytes need no further polls of those who wrote them.
    pub(super) fn flush_accepted(self: &Rc<Self>) {
        let mut state = self.state.borrow_mut();
        let mut registered = None;
        let mut reader = None;
        let writer = loop {
            if !state.has_work_to_flush() {
                break state.slots.take_wait(Direction::Write);
            }
            self.note_use();
            if self.core.poll_is_spent() {
                self.core.schedule_flush_last(self.handler());
                break None;
            }
            let charged = self.core.charged();
            match state.flush_step() {
                Ok(Step::Moved(count)) => self.core.charge_at_least(count, charged),
                Ok(Step::Done) => {}
                Ok(Step::Blocked) => {
                    registered = self.register(&state, Direction::Write);
                    break None;
                }
                // Somebody looks at the transport.
                Err(Error::Busy) => {
                    self.core.schedule_flush_last(self.handler());
                    break None;
                }
                Err(error) => {
                    state.flush_broke(error);
                    // The search for the reason may have received the end.
                    reader = state.slots.take_wait(Direction::Read);
                }
            }
        };
        drop(state);
        drop(registered);
        self.wake(reader);
        self.wake(writer);
    }

    /// As [`flush_accepted`](Self::flush_accepted), when the task that is being polled has given way: it may write more
    /// before.
    pub(super) fn schedule_flush(self: &Rc<Self>) {
        if !std::mem::replace(&mut self.state.borrow_mut().flush_scheduled, true) {
            self.core.schedule_flush_next(self.handler());
        }
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
        matches!(state.link, Link::Closed(_)) || !matches!(state.outbound, Outbound::Open)
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

    /// Looks at the transport, while the stream is not closed by us. Nothing is borrowed meanwhile: the stream can be
    /// used, but reads and writes return "busy".
    pub(super) fn with_transport<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        let transport = match &self.state.borrow().link {
            Link::Open(transport) => transport.clone(),
            Link::Closed(_) => return None,
        };
        Some(look(&transport))
    }

    pub(super) fn peer_addr(&self) -> Result<Endpoint, Error> {
        self.with_transport(|transport| transport.source().peer())
            .ok_or(Error::Closed)?
            .map_err(|error| Error::io("get the peer address", error))
    }

    pub(super) fn local_addr(&self) -> Result<Endpoint, Error> {
        self.with_transport(|transport| transport.source().local())
            .ok_or(Error::Closed)?
            .map_err(|error| Error::io("get the local address", error))
    }

    pub(super) fn split(&self) {
        self.state.borrow_mut().slots.split();
    }

    pub(super) fn join(&self) {
        self.state.borrow_mut().slots.join();
    }
}

impl<T: Transport> State<T> {
    /// An operation of this direction waits no more. What was accepted still waits for the socket.
    fn stop_waiting(&self, direction: Direction) -> Option<Registered> {
        match direction {
            Direction::Write if self.has_work_to_flush() => None,
            _ => self.deregister(direction),
        }
    }
}

impl<T: Transport> ReadyHandler for Inner<T> {
    fn handle_ready(self: Rc<Self>, direction: Direction) {
        let mut state = self.state.borrow_mut();
        if direction == Direction::Write && state.has_work_to_flush() {
            self.core.schedule_flush_last(self.handler());
            return;
        }
        let wait = state.slots.take_wait(direction);
        drop(state);
        self.wake(wait);
    }

    fn flush(self: Rc<Self>) {
        self.state.borrow_mut().flush_scheduled = false;
        self.flush_accepted();
    }

    fn peer(&self) -> Option<Endpoint> {
        self.peer_addr().ok()
    }

    fn rest_if_quiet(self: Rc<Self>) -> bool {
        if self.usage.get() == Usage::Recent {
            self.usage.set(Usage::Quiet);
            return false;
        }
        match self.state.borrow_mut().link.transport() {
            Ok(transport) => transport.rest(),
            // Somebody looks at it.
            Err(Error::Busy) => return false,
            // It is closed.
            Err(_) => {}
        }
        self.usage.set(Usage::AtRest);
        true
    }
}

impl<T: Transport> Drop for Inner<T> {
    /// A stream that is dropped is closed as gracefully as one that is closed by hand. After a panic nobody knows
    /// whether all was written, so the peer must not see a clean end.
    fn drop(&mut self) {
        if self.core.is_after_panic() {
            self.cut_off();
        } else {
            self.close_dropped();
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
