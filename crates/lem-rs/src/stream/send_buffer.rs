//! Content that was accepted and that the transport has not taken.

use super::carrier::Carrier;
use super::outbox::append;
use super::transport::{Flushed, Sent};
use crate::error::Error;

/// Bytes that a stream has promised to send: small writes that are gathered into one record, the rest of a message
/// whose writer has gone. Owns no memory when it is empty.
#[derive(Debug, Default)]
pub(super) struct SendBuffer {
    bytes: Vec<u8>,
    /// Where the first byte stands that the transport has not taken.
    start: usize,
}

/// What a step of sending did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The transport has taken so many bytes; there may be more to do.
    Moved(usize),
    /// The kernel has everything.
    Done,
    /// The rest goes when the socket is writable.
    Blocked,
}

impl SendBuffer {
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Appends content. An empty buffer uses the memory of `spare`.
    pub(super) fn extend(&mut self, content: &[u8], spare: impl FnOnce(usize) -> Vec<u8>) {
        if self.bytes.capacity() == 0 {
            self.bytes = spare(content.len());
        }
        append(&mut self.bytes, &mut self.start, content);
    }

    /// The next step: what the transport has pending goes first, unless that may be coalesced with content.
    ///
    /// # Errors
    /// If the connection takes nothing any more.
    pub(super) fn step(&mut self, transport: &mut (impl Carrier + ?Sized)) -> Result<Step, Error> {
        let rest = &self.bytes[self.start..];
        if !coalesces(transport, rest) && transport.flush()? == Flushed::Blocked {
            return Ok(Step::Blocked);
        }
        if rest.is_empty() {
            return Ok(Step::Done);
        }
        match transport.send(rest)? {
            Sent::Blocked => Ok(Step::Blocked),
            Sent::Accepted(count) => {
                self.start += count;
                Ok(Step::Moved(count))
            }
        }
    }

    /// Hands out the memory of an empty buffer.
    pub(super) fn release(&mut self) -> Vec<u8> {
        if self.is_empty() { std::mem::take(self).bytes } else { Vec::new() }
    }
}

/// Whether what the transport has pending waits to be sent in one piece with `content`.
pub(super) fn coalesces(transport: &(impl Carrier + ?Sized), content: &[u8]) -> bool {
    !content.is_empty() && transport.has_pending() && transport.may_delay_pending()
}
