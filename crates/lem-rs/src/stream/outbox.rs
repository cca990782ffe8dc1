//! Bytes that the kernel did not take yet.

use std::io;

use super::transport::Flushed;
use crate::error::Error;
use crate::runtime::Source;

/// What a transport has promised to send and the kernel has not taken. Owns no memory when it is empty.
#[derive(Debug, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    /// Where the first byte stands that the kernel has not taken.
    start: usize,
}

impl Outbox {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.start == self.bytes.len()
    }

    /// How many bytes wait.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// What waits.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Forgets what waits: it is sent in another way.
    pub fn clear(&mut self, source: &Source) {
        source.return_spare(std::mem::take(self).bytes);
    }

    /// Takes memory that the machine has kept, for `count` bytes that are queued next; [`clear`](Self::clear) and
    /// [`settle`](Self::settle) give it back.
    pub fn ensure_memory(&mut self, source: &Source, count: usize) {
        if self.bytes.capacity() == 0 {
            self.bytes = source.take_spare_for(count);
        }
    }

    /// Keeps no more memory than for what waits, since that may take long.
    pub fn settle(&mut self, source: &Source) {
        if self.bytes.capacity() > self.len() {
            let exact = Self { bytes: self.as_slice().to_vec(), start: 0 };
            source.return_spare(std::mem::replace(self, exact).bytes);
        }
    }

    /// Queues bytes behind what waits.
    pub fn push(&mut self, bytes: &[u8]) {
        append(&mut self.bytes, &mut self.start, bytes);
    }

    /// Queues a vector behind what waits; if nothing does, without a copy.
    pub fn push_vec(&mut self, bytes: Vec<u8>) {
        if self.bytes.capacity() == 0 {
            self.bytes = bytes;
        } else {
            self.push(&bytes);
        }
    }

    /// Queues behind what waits what `fill` puts into `count` bytes of room: as many as it says, from the front.
    pub fn push_with(&mut self, count: usize, fill: impl FnOnce(&mut [u8]) -> usize) {
        drop_taken(&mut self.bytes, &mut self.start);
        let end = self.bytes.len();
        self.bytes.resize(end + count, 0);
        let filled = fill(&mut self.bytes[end..]).min(count);
        self.bytes.truncate(end + filled);
    }

    /// Writes `bytes` now if nothing waits before them, and queues what the kernel refuses.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub fn send(&mut self, source: &Source, bytes: &[u8]) -> Result<Flushed, Error> {
        if !self.is_empty() {
            self.push(bytes);
            return self.flush(source);
        }
        let taken = write_some(source, bytes)?;
        if taken == bytes.len() {
            return Ok(Flushed::Done);
        }
        self.ensure_memory(source, bytes.len() - taken);
        self.push(&bytes[taken..]);
        Ok(Flushed::Blocked)
    }

    /// Hands the kernel what waits, in order.
    ///
    /// # Errors
    /// [`Error::Closed`] if the connection is gone; [`Error::Io`] for other failures. What waits is dropped then.
    pub fn flush(&mut self, source: &Source) -> Result<Flushed, Error> {
        if self.is_empty() {
            return Ok(Flushed::Done);
        }
        match write_some(source, &self.bytes[self.start..]) {
            Ok(taken) => self.start += taken,
            Err(error) => {
                *self = Self::default();
                return Err(error);
            }
        }
        if self.is_empty() {
            self.clear(source);
            Ok(Flushed::Done)
        } else {
            Ok(Flushed::Blocked)
        }
    }
}

/// Appends `more` to a buffer whose bytes before `start` have been taken. When those are the greater part they are dropped
/// first: the front of a buffer that never becomes empty would grow with all that was ever sent.
pub(super) fn append(bytes: &mut Vec<u8>, start: &mut usize, more: &[u8]) {
    drop_taken(bytes, start);
    bytes.extend_from_slice(more);
}

fn drop_taken(bytes: &mut Vec<u8>, start: &mut usize) {
    if *start > bytes.len() / 2 {
        bytes.drain(..*start);
        *start = 0;
    }
}

/// Writes until everything is taken or the kernel refuses; says how much it took.
pub(super) fn write_some(source: &Source, bytes: &[u8]) -> Result<usize, Error> {
    let mut taken = 0;
    while taken < bytes.len() {
        match source.try_write(&bytes[taken..]) {
            Ok(0) => return Err(Error::Closed),
            Ok(count) => taken += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(write_failed(error)),
        }
    }
    Ok(taken)
}

/// A connection that is gone is "closed", as the original says; other failures keep their own words.
fn write_failed(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::NotConnected => Error::Closed,
        _ => Error::io("write to the stream", error),
    }
}
