//! What a stream is in, and the steps that change it. Knows no task and no waker.

use std::rc::Rc;

use super::farewell::Farewell;
use super::slots::Slots;
use super::transport::{Flushed, Received, Sent, Transport};
use crate::error::{EndOfStream, Error};
use crate::proto::{InputBuffer, Reader};
use crate::runtime::{Direction, JoinHandle};

pub(super) struct State<T: Transport> {
    pub(super) link: Link<T>,
    pub(super) reader: Reader,
    pub(super) outbound: Outbound,
    pub(super) slots: Slots,
    /// Flushes what is pending while no write does, or when that has waited long enough for a write. At most one, and
    /// only while something is pending.
    pub(super) flusher: Option<JoinHandle<()>>,
    pub(super) received: u64,
    pub(super) accepted: u64,
    /// How much was accepted when the peer's end was received: what came after that may never be heard.
    pub(super) accepted_at_end: u64,
}

/// The connection, as long as we have not closed it.
pub(super) enum Link<T> {
    Open(T),
    /// Closed by us; `None` if there is no farewell to wait for.
    Closed(Option<Rc<Farewell>>),
}

/// The sending side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outbound {
    Open,
    /// Closed by us; what is pending goes out, then FIN.
    Ending,
    Ended,
    /// The connection takes nothing any more.
    Broken,
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
    /// The transport has accepted so many bytes.
    Moved(usize),
    /// The goal is reached.
    Done,
    /// The rest goes when the socket is writable.
    Blocked,
    /// The sending side is closed.
    Refused,
}

impl<T: Transport> State<T> {
    pub(super) fn new(transport: T, input: InputBuffer) -> Self {
        Self {
            received: input.len() as u64,
            link: Link::Open(transport),
            reader: Reader::new(input),
            outbound: Outbound::Open,
            slots: Slots::default(),
            flusher: None,
            accepted: 0,
            accepted_at_end: 0,
        }
    }

    /// The next step of a write toward `goal`: of `data`, from `*written` on.
    ///
    /// # Errors
    /// If the connection takes nothing any more; then call [`write_broke`](Self::write_broke).
    pub(super) fn write_step(&mut self, goal: Goal, data: &[u8], written: &mut usize) -> Result<Write, Error> {
        let Link::Open(transport) = &mut self.link else { return Ok(Write::Refused) };
        match (self.outbound, goal) {
            (Outbound::Ended, Goal::Ended) => return Ok(Write::Done),
            (Outbound::Open, _) | (Outbound::Ending, Goal::Ended) => {}
            (Outbound::Broken, _) | (Outbound::Ending | Outbound::Ended, Goal::Written) => return Ok(Write::Refused),
        }
        let rest = &data[*written..];
        let goes_along = self.outbound == Outbound::Open
            && !rest.is_empty()
            && transport.has_pending()
            && transport.patience().is_some();
        if !goes_along && transport.flush()? == Flushed::Blocked {
            return Ok(Write::Blocked);
        }
        if self.outbound == Outbound::Ending {
            self.finish_outbound();
            return Ok(Write::Done);
        }
        if rest.is_empty() {
            return Ok(Write::Done);
        }
        match transport.send(rest)? {
            Sent::Blocked => Ok(Write::Blocked),
            Sent::Accepted(count) => {
                *written += count;
                self.accepted += count as u64;
                Ok(Write::Moved(count))
            }
        }
    }

    /// The connection takes nothing any more. What was received may say why (a TLS alert, for one), and stays readable.
    pub(super) fn write_broke(&mut self, error: Error) -> Error {
        self.outbound = Outbound::Broken;
        let Link::Open(transport) = &mut self.link else { return error };
        while self.reader.ended().is_none() && self.reader.buffer.len() < MOST_READ_FOR_A_REASON {
            let before = self.reader.buffer.len();
            let outcome = transport.receive(&mut self.reader.buffer, MOST_READ_FOR_A_REASON);
            self.received += (self.reader.buffer.len() - before) as u64;
            match outcome {
                Received::Progress => {}
                Received::Ended(end) => self.reader.end(end),
                Received::Blocked => break,
            }
        }
        match self.reader.ended() {
            Some(EndOfStream::Failed(reason)) => reason.clone(),
            _ => error,
        }
    }

    pub(super) fn flush_step(&mut self) -> Flushed {
        let Link::Open(transport) = &mut self.link else { return Flushed::Done };
        match transport.flush() {
            Ok(Flushed::Done) => {
                if self.outbound == Outbound::Ending {
                    self.finish_outbound();
                }
                Flushed::Done
            }
            Ok(Flushed::Blocked) => Flushed::Blocked,
            Err(_) => {
                // The next write says so; reading finds out why.
                self.outbound = Outbound::Broken;
                Flushed::Done
            }
        }
    }

    fn finish_outbound(&mut self) {
        if let Link::Open(transport) = &self.link {
            // It fails only on a connection that is gone, which reading finds out.
            let _ = transport.source().finish();
        }
        self.outbound = Outbound::Ended;
    }

    pub(super) fn has_work_to_flush(&self) -> bool {
        match &self.link {
            Link::Open(transport) => {
                self.outbound == Outbound::Ending || (transport.has_pending() && self.outbound != Outbound::Broken)
            }
            Link::Closed(_) => false,
        }
    }

    /// A write takes over what the flusher does. The flusher is the caller's to cancel, unborrowed.
    pub(super) fn stop_flusher(&mut self) -> Option<JoinHandle<()>> {
        let flusher = self.flusher.take()?;
        self.unpark(Direction::Write);
        Some(flusher)
    }

    pub(super) fn unpark(&self, direction: Direction) {
        if let Link::Open(transport) = &self.link {
            transport.source().unpark(direction);
        }
    }
}

/// After a broken write so much is read in search of the reason.
const MOST_READ_FOR_A_REASON: usize = 256 * 1024;
