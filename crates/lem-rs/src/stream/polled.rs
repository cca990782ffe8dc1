//! A stream whose operations are polled, for code that keeps its own state: codecs, protocol libraries, the I/O traits
//! of other crates.

use std::fmt;
use std::io::IoSlice;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::close_cause::{CloseCause, close_cause};
use super::handle::StreamHandle;
use super::inner::Inner;
use super::slots::Operation;
use super::state::{Goal, Link, Outbound, State};
use super::transport::Transport;
use super::whole::Stream;
use crate::endpoint::Endpoint;
use crate::error::{EndOfStream, Error};
use crate::proto::{InputBuffer, ReadMode};
use crate::runtime::Direction;

/// A stream as poll functions: what [`Stream::into_polled`] makes of one. It owns the stream, and one task, or two with
/// the help of a combinator, may wait for reading and for writing at the same time.
///
/// # What it keeps of the stream's promises
/// Received bytes are the stream's until a poll hands them out. A budget bounds what one task moves in a turn. Dropping
/// it closes the stream gracefully in the background, and what was accepted is delivered first; a panic that drops it
/// cuts the stream off.
///
/// # Writing
/// [`poll_write`](Self::poll_write) accepts bytes and gathers up to 64 KiB of them, so that many small writes become one
/// record and one system call. They leave at [`poll_flush`](Self::poll_flush), when 64 KiB are there, and at the latest
/// when the task gives way: no further poll is needed for that.
///
/// # Waiting
/// A function that returns `Pending` wakes the task of the *latest* poll of its direction: reading is one direction;
/// writing, flushing and closing together are the other. Wake-ups may be spurious. There is nothing to cancel: not
/// polling any more loses nothing.
pub struct Polled<T: Transport> {
    inner: Rc<Inner<T>>,
    /// What was taken out of the stream and not handed out.
    input: InputBuffer,
    read: Operation,
    write: Operation,
}

/// So much is gathered before it is sent: four records, and what the send arena has room for. Larger pieces are sent as
/// they are.
const MAX_GATHERED: usize = 4 * RECORD;

/// A flush that may wait leaves less than this: as measured, more has left the nearest caches by the time it is sent.
#[cfg(feature = "hyper")]
const MAX_LEFT: usize = 2 * RECORD;

/// The content of a full record (RFC 8446 section 5.1).
const RECORD: usize = 16 * 1024;

impl<T: Transport> Stream<T> {
    /// The stream as poll functions, for protocol libraries and the I/O traits of other crates.
    ///
    /// ```
    /// # use lem_rs::{Error, Listener, Machine, TcpStream};
    /// # Machine::new()?.run(async {
    /// # let listener = Listener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr().clone()).await?;
    /// # let peer = listener.accept().await?;
    /// use std::future::poll_fn;
    ///
    /// let mut polled = stream.into_polled();
    /// peer.write("hello").await?;
    /// let mut buffer = [0; 16];
    /// let count = poll_fn(|cx| polled.poll_read(cx, &mut buffer)).await?;
    /// assert_eq!(&buffer[..count], b"hello");
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn into_polled(self) -> Polled<T> {
        Polled::new(self.inner)
    }
}

impl<T: Transport> Polled<T> {
    fn new(inner: Rc<Inner<T>>) -> Self {
        inner.split();
        Self {
            inner,
            input: InputBuffer::default(),
            read: Operation::new(Direction::Read),
            write: Operation::new(Direction::Write),
        }
    }

    /// Reads what is there into `buffer`, at least a byte; zero at the peer's clean end, and for an empty buffer.
    ///
    /// # Errors
    /// [`Error::Truncated`], [`Error::Io`] or [`Error::Protocol`] if the connection was cut off or failed, once, after
    /// everything before that was read; [`Error::Closed`] after that, and after our own close.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<Result<usize, Error>> {
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.poll_read_with(cx, |there| {
            let count = there.len().min(buffer.len());
            buffer[..count].copy_from_slice(&there[..count]);
            count
        })
    }

    /// Looks at what is there, without a copy: `look` is given at least a byte and says how many it takes. Gives what it
    /// said; zero at the peer's clean end, for which `look` is not called.
    ///
    /// # Errors
    /// As [`poll_read`](Self::poll_read).
    ///
    /// # Panics
    /// If `look` takes more than there is.
    pub fn poll_read_with(
        &mut self,
        cx: &mut Context<'_>,
        look: impl FnOnce(&[u8]) -> usize,
    ) -> Poll<Result<usize, Error>> {
        let there = ready!(self.poll_fill(cx))?;
        let count = if there.is_empty() { 0 } else { look(there) };
        self.consume(count);
        Poll::Ready(Ok(count))
    }

    /// Waits until something is there, and shows it; nothing at the peer's clean end. It stays until it is
    /// [consumed](Self::consume).
    ///
    /// # Errors
    /// As [`poll_read`](Self::poll_read).
    pub fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<&[u8], Error>> {
        let Self { inner, input, read, .. } = self;
        if !input.is_empty() && !inner.is_closed_by_us() {
            if inner.core.must_give_way() {
                inner.core.wake(inner.core.wait_of(cx));
                return Poll::Pending;
            }
            return Poll::Ready(Ok(self.input.as_slice()));
        }
        input.clear();
        inner.ensure_memory();
        let fill = retried(|| inner.poll_read(cx, read, ReadMode::Available, |reader, _| reader.take_buffer()));
        // Also while it waits: an idle connection keeps no memory for what it may receive.
        inner.release_memory();
        match ready!(fill) {
            Ok(buffer) => *input = buffer,
            Err(Error::Closed) if inner.has_ended_cleanly() => {}
            Err(error) => return Poll::Ready(Err(error)),
        }
        Poll::Ready(Ok(self.input.as_slice()))
    }

    /// Takes `count` bytes of what [`poll_fill`](Self::poll_fill) has shown.
    ///
    /// # Panics
    /// If that is more than there is.
    pub fn consume(&mut self, count: usize) {
        self.inner.core.charge(count);
        self.input.consume(count);
        self.inner.keep_memory(self.input.release());
    }

    /// Accepts the beginning of `data`, at least a byte of it, and says how much. What is accepted is delivered.
    ///
    /// # Errors
    /// [`Error::Closed`], or a specific error, if the connection takes nothing any more.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize, Error>> {
        self.poll_write_vectored(cx, &[IoSlice::new(data)])
    }

    /// As [`poll_write`](Self::poll_write), of several pieces that follow each other: they are gathered into one record.
    ///
    /// # Errors
    /// As [`poll_write`](Self::poll_write).
    pub fn poll_write_vectored(&mut self, cx: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<Result<usize, Error>> {
        let first = pieces.iter().find(|piece| !piece.is_empty());
        let mut limit = MAX_GATHERED;
        if pieces.iter().any(|piece| piece.len() >= MAX_GATHERED) {
            let gathered = self.inner.gathered();
            // What is small is coalesced with the beginning of what is large, in one record; the rest of that passes
            // without a copy.
            limit = (gathered + 1).next_multiple_of(RECORD).min(MAX_GATHERED);
            if let Some(first) = first
                && first.len() >= MAX_GATHERED
                && gathered.is_multiple_of(RECORD)
            {
                return self.poll_write_through(cx, first);
            }
        }
        loop {
            if let Some(count) = self.inner.gather(pieces, limit)? {
                return Poll::Ready(Ok(count));
            }
            // The buffer is full: it leaves, or this waits.
            ready!(self.poll_toward(cx, Goal::Written))?;
        }
    }

    /// Sends what was accepted; ready when the kernel has all of it.
    ///
    /// # Errors
    /// As [`poll_write`](Self::poll_write).
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let goal = if self.inner.is_write_closing() { Goal::Ended } else { Goal::Written };
        self.poll_toward(cx, goal)
    }

    /// As [`poll_flush`](Self::poll_flush), but what leaves by itself when the task gives way counts as sent: more may be
    /// written before.
    #[cfg(feature = "hyper")]
    pub(crate) fn poll_flush_later(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.inner.will_settle() { Poll::Ready(Ok(())) } else { self.poll_flush(cx) }
    }

    /// Closes the sending side, behind what was accepted: a half-close; reading goes on. Ready when the kernel has the
    /// last byte. Dropping the stream then closes the rest.
    ///
    /// # Errors
    /// As [`poll_write`](Self::poll_write).
    pub fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if !self.inner.is_write_closing() {
            self.inner.abandon(&mut self.write);
            // It fails only if the stream is closed or broken, which is returned below.
            let _ = self.inner.close_write();
        }
        self.poll_toward(cx, Goal::Ended)
    }

    fn poll_toward(&mut self, cx: &mut Context<'_>, goal: Goal) -> Poll<Result<(), Error>> {
        let Self { inner, write, .. } = self;
        retried(|| inner.poll_write(cx, write, goal, &[], &mut 0))
    }

    /// Writes a large piece without a copy of it, behind what is gathered.
    fn poll_write_through(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize, Error>> {
        let Self { inner, write, .. } = self;
        let mut written = 0;
        match retried(|| inner.poll_write(cx, write, Goal::Written, data, &mut written)) {
            Poll::Ready(Err(error)) if written == 0 => return Poll::Ready(Err(error)),
            Poll::Pending if written == 0 => return Poll::Pending,
            Poll::Ready(Ok(())) => {}
            // The next poll tells it.
            Poll::Ready(Err(error)) => inner.keep_reason(error),
            // There may be no next poll: what was accepted goes on without one.
            Poll::Pending => inner.abandon(write),
        }
        Poll::Ready(Ok(written))
    }

    /// As [`Stream::info`].
    pub fn info(&self) -> Option<T::Info> {
        self.inner.with_transport(Transport::info)
    }

    /// As [`Stream::with_transport`].
    pub fn with_transport<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        self.inner.with_transport(look)
    }

    /// As [`Stream::handle`].
    pub fn handle(&self) -> StreamHandle<T> {
        StreamHandle::new(&self.inner)
    }

    /// As [`Stream::is_closed`].
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed() && (self.input.is_empty() || self.inner.is_closed_by_us())
    }

    /// As [`Stream::close_cause`].
    pub fn close_cause(&self) -> Option<CloseCause> {
        close_cause(&self.inner)
    }

    /// As [`Stream::bytes_read`].
    pub fn bytes_read(&self) -> u64 {
        self.inner.received()
    }

    /// As [`Stream::bytes_written`]: what was accepted.
    pub fn bytes_written(&self) -> u64 {
        self.inner.accepted()
    }

    /// As [`Stream::buffered`].
    pub fn buffered(&self) -> usize {
        self.input.len() + self.inner.buffered()
    }

    /// As [`Stream::peer_addr`].
    ///
    /// # Errors
    /// As [`Stream::peer_addr`].
    pub fn peer_addr(&self) -> Result<Endpoint, Error> {
        self.inner.peer_addr()
    }

    /// As [`Stream::local_addr`].
    ///
    /// # Errors
    /// As [`Stream::local_addr`].
    pub fn local_addr(&self) -> Result<Endpoint, Error> {
        self.inner.local_addr()
    }

    /// As [`Stream::set_close_deadline`].
    pub fn set_close_deadline(&self, deadline: Duration) {
        self.inner.close_deadline.set(deadline);
    }

    /// As [`Stream::abort`].
    pub fn abort(&self) {
        self.inner.abort();
    }

    /// The stream with its verbs. What was accepted is delivered; what was received is there to be read.
    pub fn into_stream(mut self) -> Stream<T> {
        self.inner.abandon(&mut self.read);
        self.inner.abandon(&mut self.write);
        self.inner.put_back(self.input.as_slice());
        self.inner.join();
        Stream::from_inner(self.inner)
    }
}

/// Polls once more if the operation was interrupted: by a close, which the second poll tells.
fn retried<R>(mut poll: impl FnMut() -> Poll<Result<R, Error>>) -> Poll<Result<R, Error>> {
    match poll() {
        Poll::Ready(Err(Error::Interrupted)) => poll(),
        other => other,
    }
}

impl<T: Transport> Inner<T> {
    /// Accepts what there is room for; `None` if there is none.
    fn gather(self: &Rc<Self>, pieces: &[IoSlice<'_>], limit: usize) -> Result<Option<usize>, Error> {
        self.core.check_usable()?;
        let mut state = self.state.borrow_mut();
        let State { link, outbound, .. } = &mut *state;
        match (link, outbound) {
            (Link::Open(_), Outbound::Open) => {}
            (Link::Open(_), outbound) => return Err(outbound.take_reason().unwrap_or(Error::Closed)),
            (Link::Closed(_), _) => return Err(Error::Closed),
        }
        let before = state.unsent.len();
        let room = limit - before.min(limit);
        if room == 0 {
            return Ok(None);
        }
        for piece in pieces {
            let left = room - (state.unsent.len() - before);
            let part = &piece[..piece.len().min(left)];
            state.unsent.extend(part, |count| self.core.arenas().pool.take_for(count));
        }
        let count = state.unsent.len() - before;
        state.accepted += count as u64;
        drop(state);
        if before == 0 {
            self.schedule_flush();
        }
        Ok(Some(count))
    }

    /// Why the sending side is broken, for the next write: this one has accepted something.
    fn keep_reason(&self, error: Error) {
        let mut state = self.state.borrow_mut();
        if let Outbound::Broken(reason @ None) = &mut state.outbound {
            *reason = Some(error);
        }
    }

    /// Whether the sending side was closed by us.
    fn is_write_closing(&self) -> bool {
        matches!(self.state.borrow().outbound, Outbound::Closing | Outbound::Ending | Outbound::Ended)
    }

    /// Whether nothing but the end of this turn of the task is needed for what is gathered to leave.
    #[cfg(feature = "hyper")]
    fn will_settle(&self) -> bool {
        let state = self.state.borrow();
        match (&state.link, &state.outbound) {
            (Link::Open(transport), Outbound::Open) => {
                state.flush_scheduled && state.unsent.len() < MAX_LEFT && !transport.has_pending()
            }
            _ => false,
        }
    }

    fn gathered(&self) -> usize {
        self.state.borrow().unsent.len()
    }

    fn is_closed_by_us(&self) -> bool {
        self.core.is_over() || matches!(self.state.borrow().link, Link::Closed(_))
    }

    fn has_ended_cleanly(&self) -> bool {
        let state = self.state.borrow();
        matches!((&state.link, state.reader.ended()), (Link::Open(_), Some(EndOfStream::Clean)))
    }
}

impl<T: Transport> fmt::Debug for Polled<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Polled").field(&self.inner).finish()
    }
}
