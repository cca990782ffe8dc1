//! Closing a stream: both sides, one side, at once, or for a protocol that takes over.

use std::mem;
use std::rc::Rc;

use super::closing::{Inbound, Undelivered};
use super::graceful_close::GracefulClose;
use super::inner::Inner;
use super::state::{Link, Outbound, State};
use super::transport::Transport;
use crate::error::{Cut, EndOfStream, Error};
use crate::proto::InputBuffer;
use crate::runtime::Direction;

/// Who wants to know that the peer has everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asker {
    /// Nobody can: the stream is dropped.
    None,
    /// Somebody may wait for the close that was begun.
    Later,
    /// Who closes waits for it.
    Now,
}

/// How a stream is closed by us.
enum Manner {
    /// The peer gets all that was written, and our end.
    Graceful(Undelivered),
    /// It has failed already: there is nobody to say goodbye to.
    Failed(Error),
    /// Nothing more is sent.
    Abort,
    /// Nothing more is sent, and the peer must see that something is missing.
    CutOff,
}

impl<T: Transport> State<T> {
    /// How a graceful close goes from here.
    fn closing(&mut self, asker: Asker) -> Manner {
        let was_reset = asker != Asker::None && self.was_reset();
        match self.reader.ended() {
            Some(EndOfStream::Cut(Cut::Reset)) => Manner::Failed(Error::Truncated(Cut::Reset)),
            _ if matches!(self.outbound, Outbound::Breaking(_) | Outbound::Broken(_)) => {
                Manner::Failed(self.why_it_broke().unwrap_or(Error::Closed))
            }
            Some(EndOfStream::Clean) if self.accepted == self.accepted_at_end && !was_reset && !self.is_unsent() => {
                let is_final = matches!(&self.link, Link::Open(transport) if transport.end_is_final());
                let awaits_fin = asker == Asker::Now || !is_final;
                Manner::Graceful(Undelivered::Goodbye { awaits_fin, follows_content: self.accepted > 0 })
            }
            _ => Manner::Graceful(Undelivered::Content { was_reset }),
        }
    }

    /// Whether the kernel may not have all that was written. What is pending without that is the protocol's own.
    fn is_unsent(&self) -> bool {
        let is_pending = matches!(&self.link, Link::Open(transport) if transport.has_pending());
        self.accepted > 0 && (is_pending || !self.unsent.is_empty())
    }

    /// Whether what was written may have met a reset that no read tells of, because the peer's FIN came before. After
    /// our own end nobody knows: a peer that is gone answers that with a reset, too.
    fn was_reset(&self) -> bool {
        match &self.link {
            Link::Open(transport) if self.accepted > 0 && matches!(self.outbound, Outbound::Open) => {
                transport.source().failure().is_some()
            }
            _ => false,
        }
    }
}

impl<T: Transport> Inner<T> {
    /// Closes both sides; the rest goes on in the background.
    pub(super) fn close(&self) -> Result<(), Error> {
        self.end(|state| state.closing(Asker::Later))
    }

    /// As [`close`](Self::close), for a caller that waits for the peer's end.
    pub(super) fn close_awaited(&self) -> Result<(), Error> {
        self.end(|state| state.closing(Asker::Now))
    }

    /// As [`close`](Self::close), for a stream that is dropped.
    pub(super) fn close_dropped(&self) {
        // "already closed" is the usual case here.
        let _ = self.end(|state| state.closing(Asker::None));
    }

    /// Closes both sides at once: nothing is flushed, nothing is said.
    pub(super) fn abort(&self) {
        if self.end(|_| Manner::Abort).is_err()
            && let Some(close) = self.closing()
        {
            close.abort(&self.core);
        }
    }

    /// As [`abort`](Self::abort), so that the peer sees a failure and no end, whatever the protocol.
    pub(super) fn cut_off(&self) {
        // A close that was begun before goes on: then all was said.
        let _ = self.end(|_| Manner::CutOff);
    }

    fn end(&self, manner: impl FnOnce(&mut State<T>) -> Manner) -> Result<(), Error> {
        let mut state = self.state.borrow_mut();
        if matches!(state.link, Link::Closed(_)) {
            return Err(Error::AlreadyClosed);
        }
        let manner = manner(&mut state);
        let registered = [Direction::Read, Direction::Write].map(|side| state.deregister(side));
        let waiters = [Direction::Read, Direction::Write].map(|side| state.slots.release(side));
        let (input, unsent) = (mem::take(&mut state.reader.buffer), mem::take(&mut state.unsent));
        let Link::Open(transport) = mem::replace(&mut state.link, Link::Closed(None)) else {
            unreachable!("it was open");
        };
        let inbound = Inbound::after(state.reader.ended(), transport.reports_failures());
        drop(state);
        drop((registered, input));
        let close = match &manner {
            Manner::Graceful(_) => Some(GracefulClose::new()),
            Manner::Failed(reason) => Some(GracefulClose::failed(reason)),
            Manner::Abort | Manner::CutOff => None,
        };
        self.state.borrow_mut().link = Link::Closed(close.clone());
        waiters.into_iter().flatten().for_each(|waiter| self.wake(waiter.wait));
        // The transport is the last: what it panics with hides nothing from those who wait.
        match (manner, close) {
            (Manner::Graceful(undelivered), Some(close)) => {
                close.begin(&self.core, transport, unsent, self.close_deadline.get(), undelivered, inbound);
            }
            (Manner::CutOff, _) => transport.make_end_abnormal(),
            _ => {}
        }
        Ok(())
    }

    fn closing(&self) -> Option<Rc<GracefulClose>> {
        match &self.state.borrow().link {
            Link::Open(_) => None,
            Link::Closed(close) => close.clone(),
        }
    }

    /// Waits for the end of what `close` began. An abort has begun nothing: the peer may not have everything.
    pub(super) async fn closed(&self) -> Result<(), Error> {
        self.core.check_usable()?;
        match self.closing() {
            Some(close) => close.wait().await,
            None => Err(Error::Closed),
        }
    }

    /// Closes the sending side; reading goes on.
    pub(super) fn close_write(self: &Rc<Self>) -> Result<(), Error> {
        let mut state = self.state.borrow_mut();
        state.outbound = match (&state.link, &state.outbound) {
            (Link::Open(_), Outbound::Open) => Outbound::Closing,
            // The write that waits is interrupted, and does not return the reason.
            (Link::Open(_), Outbound::Breaking(_)) => Outbound::Broken(None),
            _ => return Err(Error::AlreadyClosed),
        };
        // On a whole stream the waiter may be a reader, whom this does not concern.
        let writes = state.slots.waits_for(Direction::Write);
        let waiter = if writes { state.slots.release(Direction::Write) } else { None };
        drop(state);
        self.wake(waiter.and_then(|waiter| waiter.wait));
        self.flush_accepted();
        Ok(())
    }

    /// Takes the transport out, with what was received: for a protocol that takes over.
    pub(super) fn dismantle(&self) -> Result<(T, InputBuffer), Error> {
        let mut state = self.state.borrow_mut();
        if !matches!(state.outbound, Outbound::Open) || state.reader.ended().is_some() {
            return Err(Error::Closed);
        }
        if !state.unsent.is_empty() {
            return Err(Error::Misuse(
                "the stream has content that the kernel has not taken: flush it before taking the stream apart".into(),
            ));
        }
        let Link::Open(transport) = mem::replace(&mut state.link, Link::Closed(None)) else {
            return Err(Error::Closed);
        };
        let registered = [Direction::Read, Direction::Write].map(|side| transport.source().deregister(side));
        let input = mem::take(&mut state.reader.buffer);
        drop(state);
        drop(registered);
        let transport = Rc::try_unwrap(transport).map_err(|_| Error::Busy)?;
        Ok((transport, input))
    }
}
