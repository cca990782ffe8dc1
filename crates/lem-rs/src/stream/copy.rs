//! From one stream to another.

use std::error::Error as StdError;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use super::halves::{ReadHalf, WriteHalf};
use super::inner::Inner;
use super::slots::Operation;
use super::state::Goal;
use super::transport::Transport;
use super::whole::Stream;
use super::write::Write;
use crate::error::Error;
use crate::proto::ReadMode;
use crate::runtime::Direction;

/// What can be read from: a [`Stream`] or a [`ReadHalf`].
pub struct ReadSide<'a, T: Transport>(&'a Rc<Inner<T>>);

/// What can be written to: a [`Stream`] or a [`WriteHalf`].
pub struct WriteSide<'a, T: Transport>(&'a Rc<Inner<T>>);

impl<'a, T: Transport> From<&'a Stream<T>> for ReadSide<'a, T> {
    fn from(stream: &'a Stream<T>) -> Self {
        Self(stream.inner())
    }
}

impl<'a, T: Transport> From<&'a ReadHalf<T>> for ReadSide<'a, T> {
    fn from(half: &'a ReadHalf<T>) -> Self {
        Self(half.inner())
    }
}

impl<'a, T: Transport> From<&'a Stream<T>> for WriteSide<'a, T> {
    fn from(stream: &'a Stream<T>) -> Self {
        Self(stream.inner())
    }
}

impl<'a, T: Transport> From<&'a WriteHalf<T>> for WriteSide<'a, T> {
    fn from(half: &'a WriteHalf<T>) -> Self {
        Self(half.inner())
    }
}

/// Copies everything that comes from `from` to `to`, until `from` ends cleanly; returns how many bytes that was. Closes
/// neither. No more than one read's worth is under way: a slow receiver slows down the sender.
///
/// ```
/// use lem_rs::{Error, Listener, Machine, TcpStream, copy, spawn};
///
/// # Machine::new()?.run(async {
/// let listener = Listener::bind("127.0.0.1:0").await?;
/// let address = listener.local_addr().clone();
/// spawn(async move {
///     let (reader, writer) = listener.accept().await?.split();
///     // An echo server.
///     copy(&reader, &writer).await?;
///     writer.shutdown().await
/// }).detach();
/// let stream = TcpStream::connect(address).await?;
/// stream.write("hello").await?;
/// stream.close_write()?;
/// assert_eq!(stream.read(lem_rs::ReadMode::All).await?, b"hello");
/// # Ok::<(), Error>(())
/// # })??;
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
/// [`CopyError`], which says what failed, reading or writing, and how far it came. A truncated stream is an error: do
/// not make a proper end of it; [`abort`](Stream::abort) the other.
///
/// **Cancel safety:** dropping it loses nothing: what was read and `to` has not accepted can be read from `from` again.
pub async fn copy<'a, R: Transport, W: Transport>(
    from: impl Into<ReadSide<'a, R>>,
    to: impl Into<WriteSide<'a, W>>,
) -> Result<u64, CopyError> {
    copy_between(from.into().0, to.into().0).await
}

/// Copies in both directions at once until both streams have ended cleanly: the end of one direction closes the sending
/// side of the other stream, after what was written, and the other direction goes on. Returns how many bytes went from
/// `a` to `b`, and from `b` to `a`.
///
/// ```
/// use lem_rs::transport::Transport;
/// use lem_rs::{Error, Stream, TcpStream, copy_bidirectional};
///
/// /// Serves a client with what a back end says.
/// async fn relay<T: Transport>(mut client: Stream<T>) -> Result<(), Error> {
///     let mut back_end = TcpStream::connect("127.0.0.1:8080").await?;
///     if let Err(error) = copy_bidirectional(&mut client, &mut back_end).await {
///         // A cut must not look like an end.
///         client.abort();
///         back_end.abort();
///         return Err(error.into());
///     }
///     Ok(())
/// }
/// ```
///
/// # Errors
/// [`CopyError`] with the count of the direction that failed, as soon as one does. Then neither stream is closed: see
/// the example.
///
/// **Cancel safety:** as [`copy`]; a sending side that was closed stays closed. The counts are lost; the streams have
/// their own.
pub async fn copy_bidirectional<A: Transport, B: Transport>(
    a: &mut Stream<A>,
    b: &mut Stream<B>,
) -> Result<(u64, u64), CopyError> {
    // Nobody else has them, so nobody waits on them: each may have a slot for either direction.
    let (a, b) = (Divided::new(a.inner()), Divided::new(b.inner()));
    let mut there = pin!(copy_and_end(a.0, b.0));
    let mut back = pin!(copy_and_end(b.0, a.0));
    let (mut to_b, mut to_a) = (None, None);
    poll_fn(|cx| {
        advance(&mut to_b, there.as_mut(), cx)?;
        advance(&mut to_a, back.as_mut(), cx)?;
        match (to_b, to_a) {
            (Some(to_b), Some(to_a)) => Poll::Ready(Ok((to_b, to_a))),
            _ => Poll::Pending,
        }
    })
    .await
}

/// Polls a direction that is not over.
fn advance(
    count: &mut Option<u64>,
    direction: Pin<&mut impl Future<Output = Result<u64, CopyError>>>,
    cx: &mut Context<'_>,
) -> Result<(), CopyError> {
    if count.is_none()
        && let Poll::Ready(copied) = direction.poll(cx)
    {
        *count = Some(copied?);
    }
    Ok(())
}

/// A stream with a slot for each direction, until this is dropped.
struct Divided<'a, T: Transport>(&'a Rc<Inner<T>>);

impl<'a, T: Transport> Divided<'a, T> {
    fn new(inner: &'a Rc<Inner<T>>) -> Self {
        inner.split();
        Self(inner)
    }
}

impl<T: Transport> Drop for Divided<'_, T> {
    fn drop(&mut self) {
        self.0.join();
    }
}

async fn copy_and_end<R: Transport, W: Transport>(from: &Rc<Inner<R>>, to: &Rc<Inner<W>>) -> Result<u64, CopyError> {
    let copied = copy_between(from, to).await?;
    let failed = |error| CopyError { copied, side: CopySide::Write, error };
    match to.close_write() {
        // It was closed before: somebody else has said the end.
        Ok(()) | Err(Error::AlreadyClosed) => {}
        Err(error) => return Err(failed(error)),
    }
    Write::end(to).await.map_err(failed)?;
    Ok(copied)
}

async fn copy_between<R: Transport, W: Transport>(from: &Rc<Inner<R>>, to: &Rc<Inner<W>>) -> Result<u64, CopyError> {
    let mut copied = 0;
    loop {
        let mut fetch = Fetch { inner: from, operation: Operation::new(Direction::Read) };
        let chunk = match poll_fn(|cx| fetch.poll(cx)).await {
            Ok(chunk) => chunk,
            Err(Error::Closed) if from.has_ended_empty() => return Ok(copied),
            Err(error) => return Err(CopyError { copied, side: CopySide::Read, error }),
        };
        drop(fetch);
        let mut chunk = Chunk { from, to, bytes: chunk, written: 0, operation: Operation::new(Direction::Write) };
        let written = poll_fn(|cx| chunk.poll(cx)).await;
        copied += chunk.written as u64;
        drop(chunk);
        written.map_err(|error| CopyError { copied, side: CopySide::Write, error })?;
    }
}

/// A read under way; dropping it gives its place up.
struct Fetch<'a, T: Transport> {
    inner: &'a Rc<Inner<T>>,
    operation: Operation,
}

impl<T: Transport> Fetch<'_, T> {
    /// What is there. Until it is put back, or the rest of it, the stream is busy for other readers.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Vec<u8>, Error>> {
        let poll = self.inner.poll_read(cx, &mut self.operation, ReadMode::Available, |reader, count| {
            reader.set_batch_outstanding();
            reader.buffer.take(count)
        });
        self.inner.release_memory();
        poll
    }
}

impl<T: Transport> Drop for Fetch<'_, T> {
    fn drop(&mut self) {
        self.inner.abandon(&mut self.operation);
    }
}

/// What was read and is being written. What was not accepted goes back when this is dropped.
struct Chunk<'a, R: Transport, W: Transport> {
    from: &'a Rc<Inner<R>>,
    to: &'a Rc<Inner<W>>,
    bytes: Vec<u8>,
    /// How many of its bytes the writer has accepted. The stream's own count is no measure of that: when this write is
    /// interrupted, others may write before it is polled.
    written: usize,
    operation: Operation,
}

impl<R: Transport, W: Transport> Chunk<'_, R, W> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.to.poll_write(cx, &mut self.operation, Goal::Written, &self.bytes, &mut self.written)
    }
}

impl<R: Transport, W: Transport> Drop for Chunk<'_, R, W> {
    fn drop(&mut self) {
        self.to.abandon(&mut self.operation);
        self.from.put_back(&self.bytes[self.written..]);
        self.from.keep_memory(std::mem::take(&mut self.bytes));
    }
}

impl<T: Transport> fmt::Debug for ReadSide<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReadSide").field(self.0).finish()
    }
}

impl<T: Transport> fmt::Debug for WriteSide<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WriteSide").field(self.0).finish()
    }
}

/// A copy that failed: which side did, and how far it came.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CopyError {
    /// How many bytes the writing side had accepted.
    pub copied: u64,
    /// What failed.
    pub side: CopySide,
    /// How.
    pub error: Error,
}

/// Which side of a copy failed. Exhaustive on purpose: there are two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopySide {
    /// The stream that was read from.
    Read,
    /// The stream that was written to.
    Write,
}

impl fmt::Display for CopyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let doing = match self.side {
            CopySide::Read => "reading",
            CopySide::Write => "writing",
        };
        write!(f, "{} ({doing}, after {} bytes were copied)", self.error, self.copied)
    }
}

impl StdError for CopyError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.error.source()
    }
}

impl From<CopyError> for Error {
    fn from(failed: CopyError) -> Self {
        failed.error
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_failed_copy_has_the_cause_of_its_error() {
        let error = Error::io("read from the stream", io::ErrorKind::TimedOut.into());
        let failed = CopyError { copied: 3, side: CopySide::Read, error };
        assert_eq!(
            failed.source().map(ToString::to_string),
            Some(io::Error::from(io::ErrorKind::TimedOut).to_string())
        );
    }
}
