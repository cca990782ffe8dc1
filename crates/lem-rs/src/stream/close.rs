//! Closing a stream: both sides, one side, at once, or for a protocol that takes over.

use std::rc::Rc;

use super::farewell::{Farewell, Unheard};
use super::inner::{Inner, cancel};
use super::options::StreamOptions;
use super::state::{Link, Outbound, State};
use super::transport::Transport;
use crate::error::{Cut, EndOfStream, Error};
use crate::proto::InputBuffer;
use crate::runtime::Direction;

impl<T: Transport> Inner<T> {
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
        let writes = state.slots.waits_for(Direction::Write);
        let waiter = if writes { state.slots.release(Direction::Write) } else { None };
        // Without one, it is the flusher that is parked there.
        if waiter.is_some() {
            state.unpark(Direction::Write);
        }
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
