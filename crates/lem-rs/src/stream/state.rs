//! What a stream is in, and the steps that change it. Knows no task and no waker.

use std::rc::Rc;

use super::graceful_close::GracefulClose;
use super::send_buffer::{SendBuffer, Step, coalesces};
use super::slots::WaiterSlots;
use super::transport::{Flushed, Received, Sent, Transport};
use crate::error::Error;
use crate::proto::{InputBuffer, Reader};
use crate::runtime::{Direction, Registered};

pub(super) struct State<T> {
    pub(super) link: Link<T>,
    pub(super) reader: Reader,
    pub(super) outbound: Outbound,
    /// What was accepted before the transport could take it.
    pub(super) unsent: SendBuffer,
    pub(super) slots: WaiterSlots,
    /// The machine was asked to send what is gathered, and has not done it yet.
    pub(super) flush_scheduled: bool,
    pub(super) received: u64,
    pub(super) accepted: u64,
    /// How much was accepted when the peer's end was received: bytes accepted later may never be read by the peer.
    pub(super) accepted_at_end: u64,
}

/// The connection, as long as we have not closed it.
pub(super) enum Link<T> {
    /// Shared only while somebody [looks](super::Stream::with_transport) at it.
    Open(Rc<T>),
    /// Closed by us; `None` if nothing of that can be waited for.
    Closed(Option<Rc<GracefulClose>>),
}

/// The sending side.
#[derive(Debug)]
pub(super) enum Outbound {
    Open,
    /// Closed by us; content that was accepted goes out first.
    Closing,
    /// The protocol's own end is pending, and FIN follows it.
    Ending,
    Ended,
    /// The connection takes nothing any more, for a reason that the write that waits will return.
    Breaking(Error),
    /// The connection takes nothing any more; a close that waits will return the reason.
    Broken(Option<Error>),
}

/// What a write waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    /// The kernel has all data.
    Written,
    /// The sending side, closed before, has sent its last byte.
    Ended,
}

/// What a step of a write did.
pub(super) enum Write {
    /// So many bytes got on.
    Moved(usize),
    /// The goal is reached.
    Done,
    /// The rest goes when the socket is writable.
    Blocked,
    /// The sending side is closed.
    Refused,
}

impl Outbound {
    /// The reason why the connection takes nothing any more, if no operation has returned it.
    pub(super) fn take_reason(&mut self) -> Option<Error> {
        match std::mem::replace(self, Self::Broken(None)) {
            Self::Breaking(reason) => Some(reason),
            Self::Broken(reason) => reason,
            other => {
                *self = other;
                None
            }
        }
    }
}

impl<T> Link<T> {
    /// The transport, to be used.
    ///
    /// # Errors
    /// "closed", or "busy" while it is looked at.
    pub(super) fn transport(&mut self) -> Result<&mut T, Error> {
        match self {
            Self::Open(transport) => match Rc::get_mut(transport) {
                Some(transport) => Ok(transport),
                None => Err(Error::Busy),
            },
            Self::Closed(_) => Err(Error::Closed),
        }
    }
}

impl<T: Transport> State<T> {
    pub(super) fn new(transport: T, input: InputBuffer) -> Self {
        Self {
            received: input.len() as u64,
            link: Link::Open(Rc::new(transport)),
            reader: Reader::new(input),
            outbound: Outbound::Open,
            unsent: SendBuffer::default(),
            slots: WaiterSlots::default(),
            flush_scheduled: false,
            accepted: 0,
            accepted_at_end: 0,
        }
    }

    /// The next step of a write toward `goal`: of `data`, from `*written` on.
    ///
    /// # Errors
    /// If the connection takes nothing any more, with the reason if the peer has given one.
    pub(super) fn write_step(&mut self, goal: Goal, data: &[u8], written: &mut usize) -> Result<Write, Error> {
        if matches!(self.link, Link::Closed(_)) {
            return Ok(Write::Refused);
        }
        match (&mut self.outbound, goal) {
            (Outbound::Ended, Goal::Ended) => return Ok(Write::Done),
            (Outbound::Open, _) | (Outbound::Closing | Outbound::Ending, Goal::Ended) => {}
            (Outbound::Breaking(_) | Outbound::Broken(_), _) => {
                return self.outbound.take_reason().map_or(Ok(Write::Refused), Err);
            }
            (Outbound::Closing | Outbound::Ending | Outbound::Ended, Goal::Written) => return Ok(Write::Refused),
        }
        let rest = &data[*written..];
        match self.send_step(rest) {
            Ok(Sending::Content(count)) => {
                *written += count;
                self.accepted += count as u64;
                Ok(Write::Moved(count))
            }
            Ok(Sending::Earlier(Step::Moved(count))) => Ok(Write::Moved(count)),
            Ok(Sending::Earlier(Step::Done)) => Ok(Write::Done),
            Ok(Sending::Earlier(Step::Blocked)) => Ok(Write::Blocked),
            Err(Error::Busy) => Err(Error::Busy),
            Err(error) => Err(self.write_broke(error)),
        }
    }

    /// Sends what was accepted earlier; when that is with the kernel, the beginning of `rest`.
    fn send_step(&mut self, rest: &[u8]) -> Result<Sending, Error> {
        let transport = self.link.transport()?;
        let at_once = self.unsent.is_empty() && coalesces(transport, rest);
        if !at_once && self.has_work_to_flush() {
            match self.flush_step()? {
                Step::Done => {}
                step => return Ok(Sending::Earlier(step)),
            }
        }
        if rest.is_empty() {
            return Ok(Sending::Earlier(Step::Done));
        }
        match self.link.transport()?.send(rest)? {
            Sent::Blocked => Ok(Sending::Earlier(Step::Blocked)),
            Sent::Accepted(count) => Ok(Sending::Content(count)),
        }
    }

    /// The next step of sending what was accepted, and our end if we have closed the sending side.
    ///
    /// # Errors
    /// If the connection takes nothing any more; "busy" while the transport is looked at.
    pub(super) fn flush_step(&mut self) -> Result<Step, Error> {
        let Self { link, unsent, outbound, .. } = self;
        let transport = link.transport()?;
        if !unsent.is_empty() {
            let step = unsent.step(transport)?;
            // Empty now, perhaps: then it keeps no memory.
            transport.source().return_spare(unsent.release());
            return Ok(step);
        }
        if matches!(outbound, Outbound::Closing) {
            transport.end_sending();
            transport.source().begin_ending();
            *outbound = Outbound::Ending;
        }
        if transport.flush()? == Flushed::Blocked {
            return Ok(Step::Blocked);
        }
        if matches!(outbound, Outbound::Ending) {
            // It fails only on a connection that is gone, which reading finds out.
            let _ = transport.source().finish();
            *outbound = Outbound::Ended;
        }
        Ok(Step::Done)
    }

    /// The connection takes nothing any more. What was received may say why (a TLS alert, for example), and stays
    /// readable.
    fn write_broke(&mut self, error: Error) -> Error {
        self.outbound = Outbound::Broken(None);
        self.unsent = SendBuffer::default();
        self.received_reason().unwrap_or(error)
    }

    /// Why the sending side is broken, if that is known: the operation that would return the reason is gone, or there was
    /// none and nobody has looked for it.
    pub(super) fn why_it_broke(&mut self) -> Option<Error> {
        self.outbound.take_reason().or_else(|| self.received_reason())
    }

    /// Looks for the reason of a failure in what was received, and in what is there to be received.
    fn received_reason(&mut self) -> Option<Error> {
        let Ok(transport) = self.link.transport() else { return None };
        for _ in 0..MAX_READS_FOR_A_REASON {
            if self.reader.ended().is_some() || self.reader.buffer.len() >= MAX_READ_FOR_A_REASON {
                break;
            }
            let before = self.reader.buffer.len();
            let outcome = transport.receive(&mut self.reader.buffer, MAX_READ_FOR_A_REASON);
            self.received += (self.reader.buffer.len() - before) as u64;
            match outcome {
                Received::Progress => {}
                Received::Ended(end) => self.reader.end(end),
                Received::Blocked => break,
            }
        }
        self.reader.failure()
    }

    /// As a write that fails, while no write is polled: one that waits returns the error when it is polled next.
    pub(super) fn flush_broke(&mut self, error: Error) {
        let was_open = matches!(self.outbound, Outbound::Open);
        self.unsent = SendBuffer::default();
        self.outbound = match (self.slots.waits_for(Direction::Write), was_open) {
            (true, true) => Outbound::Breaking(self.write_broke(error)),
            (true, false) => Outbound::Broken(Some(self.write_broke(error))),
            (false, _) => Outbound::Broken(None),
        };
    }

    pub(super) fn has_work_to_flush(&self) -> bool {
        match (&self.link, &self.outbound) {
            (Link::Closed(_), _) | (_, Outbound::Ended | Outbound::Breaking(_) | Outbound::Broken(_)) => false,
            (_, Outbound::Closing | Outbound::Ending) => true,
            (Link::Open(transport), Outbound::Open) => transport.has_pending() || !self.unsent.is_empty(),
        }
    }

    /// Whether what is to be flushed may be delayed, to be coalesced with the next write.
    pub(super) fn may_delay_flush(&self) -> bool {
        match (&self.link, &self.outbound) {
            (Link::Open(transport), Outbound::Open) => self.unsent.is_empty() && transport.may_delay_pending(),
            _ => false,
        }
    }

    /// Whether the socket is watched for being writable: what is accepted goes on when it is.
    pub(super) fn is_flushing(&self) -> bool {
        matches!(&self.link, Link::Open(transport) if transport.source().is_registered(Direction::Write))
    }

    /// Takes out what is registered at the socket for this direction.
    #[must_use = "drop it with nothing borrowed"]
    pub(super) fn deregister(&self, direction: Direction) -> Option<Registered> {
        match &self.link {
            Link::Open(transport) => transport.source().deregister(direction),
            Link::Closed(_) => None,
        }
    }
}

/// What a step of a write did, and with what.
enum Sending {
    /// So many bytes of the write's own data were accepted.
    Content(usize),
    /// What was accepted before got on; if it is done, so is the write.
    Earlier(Step),
}

/// After a broken write so much is read in search of the reason.
const MAX_READ_FOR_A_REASON: usize = 256 * 1024;

/// So often at most: what arrives may cost much and bring nothing. A later read finds a reason that stands further back.
const MAX_READS_FOR_A_REASON: usize = 16;
