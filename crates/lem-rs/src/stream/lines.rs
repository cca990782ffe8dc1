//! A stream's lines, fetched many at a time.

use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::inner::Inner;
use super::slots::Operation;
use super::state::Link;
use super::transport::Transport;
use crate::error::{EndOfStream, Error};
use crate::proto::{ReadMode, newline_in};
use crate::runtime::Direction;

/// The lines of a stream, in order: what [`Stream::lines`](crate::Stream::lines) returns.
///
/// It takes all complete lines that have arrived out of the stream at once and hands them out one by one, without a copy
/// and without a look at the stream in between: for protocols of short lines this is several times cheaper than a
/// [`read`](crate::Stream::read) for each.
///
/// While it holds lines that were not handed out, other reads of the stream return [`Error::Busy`]: they would see
/// what comes behind. When it is dropped, those lines are the stream's again; nothing is lost. While it waits it holds
/// no memory.
pub struct Lines<'a, T: Transport> {
    inner: &'a Rc<Inner<T>>,
    batch: Vec<u8>,
    /// Where the first line stands in `batch` that was not handed out.
    start: usize,
    /// The longest line, beside what each call looks at.
    limit: usize,
}

impl<'a, T: Transport> Lines<'a, T> {
    pub(super) fn new(inner: &'a Rc<Inner<T>>) -> Self {
        Self { inner, batch: Vec::new(), start: 0, limit: inner.limits.line }
    }

    /// The next line, with its `'\n'`; `None` when the peer has ended the stream cleanly behind the last one.
    ///
    /// ```
    /// # use lem_rs::{Error, Listener, Machine, TcpStream};
    /// # Machine::new()?.run(async {
    /// # let listener = Listener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr().clone()).await?;
    /// # let peer = listener.accept().await?;
    /// peer.write("one\ntwo\n").await?;
    /// peer.close()?;
    /// let mut lines = stream.lines();
    /// let mut count = 0;
    /// while let Some(line) = lines.next().await? {
    ///     assert!(line.ends_with(b"\n"));
    ///     count += 1;
    /// }
    /// assert_eq!(count, 2);
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Stream::read`](crate::Stream::read) of a [`ReadMode::Line`]: [`Error::Limit`] for a line that is too long,
    /// [`Error::Incomplete`] if the stream ended in the middle of one, which stays readable with
    /// [`ReadMode::Available`].
    ///
    /// **Cancel safety:** dropping it loses no line.
    pub async fn next(&mut self) -> Result<Option<&[u8]>, Error> {
        if self.start == self.batch.len() && !self.fetch().await? {
            return Ok(None);
        }
        let rest = &self.batch[self.start..];
        // There is one: only whole lines are fetched.
        let length = newline_in(rest).map_or(rest.len(), |at| at + 1);
        if length > self.limit {
            return Err(Error::Limit { what: "line", limit: self.limit });
        }
        self.start += length;
        if length == rest.len() {
            // It holds nothing any more that others would have to wait for.
            self.inner.state.borrow_mut().reader.take_back(&[]);
        }
        Ok(Some(&rest[..length]))
    }

    /// The next line as text, without its `"\n"` or `"\r\n"`; `None` at the end, as [`next`](Self::next).
    ///
    /// # Errors
    /// As [`next`](Self::next); [`Error::NotText`] if the line is not UTF-8, and is passed over then.
    ///
    /// **Cancel safety:** as [`next`](Self::next).
    pub async fn next_trimmed(&mut self) -> Result<Option<&str>, Error> {
        let Some(line) = self.next().await? else { return Ok(None) };
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match str::from_utf8(line) {
            Ok(text) => Ok(Some(text)),
            Err(error) => Err(Error::NotText { valid: error.valid_up_to() }),
        }
    }

    /// Fetches at least one line; false at a clean end.
    async fn fetch(&mut self) -> Result<bool, Error> {
        self.give_back();
        let mut fetch = Fetch { inner: self.inner, operation: Operation::new(Direction::Read) };
        match poll_fn(|cx| fetch.inner.poll_read_lines(cx, &mut fetch.operation, &mut self.batch)).await {
            Ok(()) => Ok(true),
            Err(Error::Closed) if self.inner.has_ended_empty() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What was not handed out is the stream's again, and the memory the machine's.
    fn give_back(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        let start = std::mem::take(&mut self.start);
        // Without lines there is nothing to give back: a batch that is outstanding is that of another `Lines`.
        if start < batch.len() {
            self.inner.put_back(&batch[start..]);
        }
        if batch.capacity() > 0 {
            self.inner.core.arenas().pool.put(batch);
        }
    }
}

/// A fetch under way; dropping it gives its place up.
struct Fetch<'a, T: Transport> {
    inner: &'a Rc<Inner<T>>,
    operation: Operation,
}

impl<T: Transport> Drop for Fetch<'_, T> {
    fn drop(&mut self) {
        self.inner.abandon(&mut self.operation);
    }
}

impl<T: Transport> Inner<T> {
    /// Reads all complete lines that are there, one at least. Until they are [put back](Self::put_back) the stream is
    /// busy for other readers.
    fn poll_read_lines(
        self: &Rc<Self>,
        cx: &mut Context<'_>,
        operation: &mut Operation,
        batch: &mut Vec<u8>,
    ) -> Poll<Result<(), Error>> {
        let pool = &self.core.arenas().pool;
        let poll = self.poll_read(cx, operation, ReadMode::Line, |reader, _| {
            let count = reader.buffer.whole_lines();
            reader.buffer.take_into(count, batch, || pool.take());
            reader.set_batch_outstanding();
        });
        self.release_memory();
        poll
    }

    /// What comes back to a stream that was closed meanwhile is nobody's.
    pub(super) fn put_back(&self, rest: &[u8]) {
        let mut state = self.state.borrow_mut();
        let is_open = matches!(state.link, Link::Open(_));
        state.reader.take_back(if is_open { rest } else { &[] });
    }

    /// Whether the peer ended the stream cleanly and everything was read.
    pub(super) fn has_ended_empty(&self) -> bool {
        let state = self.state.borrow();
        let is_open = matches!(state.link, Link::Open(_));
        is_open && state.reader.is_exhausted() && matches!(state.reader.ended(), Some(EndOfStream::Clean))
    }
}

impl<T: Transport> Drop for Lines<'_, T> {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl<T: Transport> fmt::Debug for Lines<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("fetched", &(self.batch.len() - self.start)).finish_non_exhaustive()
    }
}
