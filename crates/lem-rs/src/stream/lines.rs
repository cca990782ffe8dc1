//! A stream's lines, fetched many at a time.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::inner::Inner;
use super::slots::Operation;
use super::state::Link;
use super::transport::Transport;
use crate::error::{EndOfStream, Error};
use crate::proto::{Batch, ReadMode};
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
    batch: Batch,
    /// The longest line, beside what each call looks at.
    limit: usize,
}

impl<'a, T: Transport> Lines<'a, T> {
    pub(super) fn new(inner: &'a Rc<Inner<T>>) -> Self {
        Self { inner, batch: Batch::default(), limit: inner.limits.line }
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
    #[allow(clippy::should_implement_trait, reason = "an iterator cannot lend, and cannot wait")]
    #[inline]
    pub fn next(&mut self) -> impl Future<Output = Result<Option<&[u8]>, Error>> {
        Next { inner: self.inner, lines: Some(self), operation: Operation::new(Direction::Read) }
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

    /// Fetches at least one line, and says where the first one ends; `None` at a clean end.
    #[inline(never)]
    fn poll_fetch(&mut self, cx: &mut Context<'_>, operation: &mut Operation) -> Poll<Result<Option<usize>, Error>> {
        self.give_back();
        match ready!(self.inner.poll_read_lines(cx, operation)) {
            Ok(batch) => {
                self.batch = batch;
                Poll::Ready(Ok(self.batch.next_end()))
            }
            Err(Error::Closed) if self.inner.has_ended_empty() => Poll::Ready(Ok(None)),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    #[cold]
    fn too_long(&self) -> Error {
        Error::Limit { what: "line", limit: self.limit }
    }

    /// The last line is handed out: there is nothing any more that others would have to wait for.
    #[cold]
    fn let_others_read(&self) {
        self.inner.state.borrow_mut().reader.take_back(&[]);
    }

    /// What was not handed out is the stream's again, and the memory the machine's.
    fn give_back(&mut self) {
        // Without lines there is nothing to give back: a batch that is outstanding is that of another `Lines`.
        if !self.batch.rest().is_empty() {
            self.inner.put_back(self.batch.rest());
        }
        self.inner.keep_memory(self.batch.release());
    }
}

/// The next line. A future by hand: handing out a line that is there remains so small that the compiler makes it a part
/// of the caller's loop.
struct Next<'l, 'a, T: Transport> {
    inner: &'a Rc<Inner<T>>,
    /// `None` when it is over.
    lines: Option<&'l mut Lines<'a, T>>,
    operation: Operation,
}

impl<'l, T: Transport> Future for Next<'l, '_, T> {
    type Output = Result<Option<&'l [u8]>, Error>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(lines) = self.lines.take() else { panic!("a future was polled after it was over") };
        let end = match lines.batch.next_end() {
            Some(end) => end,
            None => match lines.poll_fetch(cx, &mut self.operation) {
                Poll::Ready(Ok(Some(end))) => end,
                Poll::Ready(Ok(None)) => return Poll::Ready(Ok(None)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.lines = Some(lines);
                    return Poll::Pending;
                }
            },
        };
        if lines.batch.length(end) > lines.limit {
            return Poll::Ready(Err(lines.too_long()));
        }
        if lines.batch.is_last(end) {
            lines.let_others_read();
        }
        Poll::Ready(Ok(Some(lines.batch.hand_out(end))))
    }
}

impl<T: Transport> Drop for Next<'_, '_, T> {
    #[inline]
    fn drop(&mut self) {
        // Also where it ended with an error before it could leave its place, or in a panic.
        self.inner.abandon(&mut self.operation);
    }
}

impl<T: Transport> Inner<T> {
    /// Reads all complete lines that are there, one at least. Until they are [put back](Self::put_back) the stream is
    /// busy for other readers.
    fn poll_read_lines(self: &Rc<Self>, cx: &mut Context<'_>, operation: &mut Operation) -> Poll<Result<Batch, Error>> {
        let pool = &self.core.arenas().pool;
        let poll = self.poll_read(cx, operation, ReadMode::Line, |reader, _| {
            let mut lines = Vec::new();
            let count = reader.buffer.whole_lines();
            reader.buffer.take_into(count, &mut lines, || pool.take());
            reader.set_batch_outstanding();
            Batch::new(lines)
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
        f.debug_struct("Lines").field("fetched", &(self.batch.rest().len())).finish_non_exhaustive()
    }
}
