//! Reading up to a delimiter, and looking without taking.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::halves::ReadHalf;
use super::inner::Inner;
use super::slots::Operation;
use super::transport::Transport;
use super::whole::Stream;
use crate::error::Error;
use crate::proto::{Limits, ReadMode};
use crate::runtime::Direction;

impl<T: Transport> Stream<T> {
    /// Reads up to and including `delimiter`, which may be several bytes. The limit is that of a line
    /// ([`Limits`](crate::Limits)).
    ///
    /// ```
    /// use lem_rs::transport::Transport;
    /// use lem_rs::{Error, Stream};
    ///
    /// /// The head of an HTTP message.
    /// async fn head<T: Transport>(stream: &Stream<T>) -> Result<Vec<u8>, Error> {
    ///     stream.read_until(b"\r\n\r\n").await
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`read`](Self::read) of a [`ReadMode::Line`]: [`Error::Limit`] if the delimiter does not come in time, with
    /// the data still readable, and [`Error::Incomplete`] at an end without it. [`Error::Misuse`] for an empty
    /// delimiter.
    ///
    /// **Cancel safety:** dropping it consumes nothing.
    pub fn read_until<'a>(&'a self, delimiter: &'a (impl AsRef<[u8]> + ?Sized)) -> ReadUntil<'a, T> {
        ReadUntil::new(self.inner(), delimiter.as_ref())
    }

    /// Waits until at least so many bytes are there and returns all that are, without taking them: the next read sees
    /// them again.
    ///
    /// ```
    /// use lem_rs::transport::Transport;
    /// use lem_rs::{Error, Stream};
    ///
    /// async fn speaks_tls<T: Transport>(stream: &Stream<T>) -> Result<bool, Error> {
    ///     Ok(stream.peek(1).await?.first() == Some(&0x16))
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`read`](Self::read) of a [`ReadMode::Exact`].
    ///
    /// **Cancel safety:** dropping it consumes nothing.
    pub fn peek(&self, at_least: usize) -> Peek<'_, T> {
        Peek::new(self.inner(), at_least)
    }
}

impl<T: Transport> ReadHalf<T> {
    /// As [`Stream::read_until`].
    ///
    /// ```
    /// # use lem_rs::{Error, Listener, Machine, TcpStream};
    /// # Machine::new()?.run(async {
    /// # let listener = Listener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr().clone()).await?;
    /// # let peer = listener.accept().await?;
    /// peer.write("Content-Length: 2\r\n\r\nhi").await?;
    /// assert_eq!(stream.read_until("\r\n\r\n").await?, b"Content-Length: 2\r\n\r\n");
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Stream::read_until`].
    pub fn read_until<'a>(&'a self, delimiter: &'a (impl AsRef<[u8]> + ?Sized)) -> ReadUntil<'a, T> {
        ReadUntil::new(self.inner(), delimiter.as_ref())
    }

    /// As [`Stream::peek`].
    ///
    /// ```
    /// # use lem_rs::{Error, Listener, Machine, TcpStream};
    /// # Machine::new()?.run(async {
    /// # let listener = Listener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr().clone()).await?;
    /// # let peer = listener.accept().await?;
    /// peer.write("GET /").await?;
    /// assert!(stream.peek(3).await?.starts_with(b"GET"));
    /// // It has taken nothing.
    /// assert_eq!(stream.read(5).await?, b"GET /");
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Stream::peek`].
    pub fn peek(&self, at_least: usize) -> Peek<'_, T> {
        Peek::new(self.inner(), at_least)
    }
}

/// The future of [`Stream::read_until`].
///
/// **Cancel safety:** dropping it consumes nothing.
#[must_use = "futures do nothing unless awaited"]
pub struct ReadUntil<'a, T: Transport> {
    inner: &'a Rc<Inner<T>>,
    delimiter: &'a [u8],
    /// How many bytes have to be there before it is worth looking for the delimiter (again).
    needed: usize,
    /// It does not begin before this.
    searched: usize,
    operation: Operation,
}

/// What is known of the bytes that are there.
enum Found {
    Here(Vec<u8>),
    /// The delimiter is not among the first so many.
    Not(usize),
}

impl<'a, T: Transport> ReadUntil<'a, T> {
    fn new(inner: &'a Rc<Inner<T>>, delimiter: &'a [u8]) -> Self {
        let operation = Operation::new(Direction::Read);
        Self { inner, delimiter, needed: delimiter.len(), searched: 0, operation }
    }
}

impl<T: Transport> Future for ReadUntil<'_, T> {
    type Output = Result<Vec<u8>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { inner, delimiter, needed, searched, operation } = &mut *self;
        let limit = inner.limits.line;
        if delimiter.is_empty() {
            return Poll::Ready(Err(Error::Misuse("a delimiter of no bytes is everywhere: give at least one".into())));
        }
        loop {
            // The limit of a line counts, and not that of a read of so many bytes.
            let limits = Limits { line: limit, all: usize::MAX };
            let look = inner.poll_read_within(cx, operation, ReadMode::Exact(*needed), &limits, |reader, _| {
                let there = &reader.buffer.as_slice()[..reader.buffer.len().min(limit)];
                match find(there, delimiter, *searched) {
                    Some(at) => Found::Here(reader.buffer.take(at + delimiter.len())),
                    None => Found::Not(there.len()),
                }
            });
            let result = match ready!(look) {
                Ok(Found::Not(there)) if there < limit => {
                    *searched = (there + 1).saturating_sub(delimiter.len());
                    *needed = there + 1;
                    continue;
                }
                Ok(Found::Not(_)) => Err(Error::Limit { what: "until", limit }),
                Ok(Found::Here(taken)) => Ok(taken),
                Err(error) => Err(error),
            };
            inner.release_memory();
            return Poll::Ready(result);
        }
    }
}

/// Where `delimiter` begins in `bytes`, at `from` or later.
fn find(bytes: &[u8], delimiter: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.windows(delimiter.len()).position(|window| window == delimiter).map(|at| from + at)
}

impl<T: Transport> Drop for ReadUntil<'_, T> {
    fn drop(&mut self) {
        self.inner.abandon(&mut self.operation);
    }
}

/// The future of [`Stream::peek`].
///
/// **Cancel safety:** dropping it consumes nothing.
#[must_use = "futures do nothing unless awaited"]
pub struct Peek<'a, T: Transport> {
    inner: &'a Rc<Inner<T>>,
    at_least: usize,
    operation: Operation,
}

impl<'a, T: Transport> Peek<'a, T> {
    fn new(inner: &'a Rc<Inner<T>>, at_least: usize) -> Self {
        Self { inner, at_least, operation: Operation::new(Direction::Read) }
    }
}

impl<T: Transport> Future for Peek<'_, T> {
    type Output = Result<Vec<u8>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { inner, at_least, operation } = &mut *self;
        let poll =
            inner.poll_read(cx, operation, ReadMode::Exact(*at_least), |reader, _| reader.buffer.as_slice().to_vec());
        inner.release_memory();
        poll
    }
}

impl<T: Transport> Drop for Peek<'_, T> {
    fn drop(&mut self) {
        self.inner.abandon(&mut self.operation);
    }
}

impl<T: Transport> fmt::Debug for ReadUntil<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadUntil").field("delimiter", &self.delimiter).finish_non_exhaustive()
    }
}

impl<T: Transport> fmt::Debug for Peek<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peek").field("at_least", &self.at_least).finish_non_exhaustive()
    }
}
