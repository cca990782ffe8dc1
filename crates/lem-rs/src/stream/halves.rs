//! A split stream: a task may wait on each half at once.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use super::close_cause::{CloseCause, close_cause};
use super::handle::StreamHandle;
use super::inner::Inner;
use super::lines::Lines;
use super::read::{Read, ReadInto};
use super::transport::Transport;
use super::whole::{Stream, trim_line};
use super::write::Write;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::proto::ReadMode;
use crate::runtime::Direction;

/// The receiving half of a stream. Its verbs are those of [`Stream`].
pub struct ReadHalf<T: Transport> {
    inner: Rc<Inner<T>>,
}

/// The sending half of a stream. Dropping it closes the sending side, as [`close`](Self::close) does; a panic that drops it
/// cuts the whole stream off, so that half an answer does not look like a whole one.
pub struct WriteHalf<T: Transport> {
    /// `None` only while it is being joined again, so that dropping it then closes nothing.
    inner: Option<Rc<Inner<T>>>,
}

impl<T: Transport> Stream<T> {
    /// Splits the stream: a task may wait on each half at once. Dropping the writing half closes the sending side.
    ///
    /// ```
    /// # use lem_rs::{Error, Listener, Machine, ReadMode, TcpStream, spawn};
    /// # Machine::new()?.run(async {
    /// # let listener = Listener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr().clone()).await?;
    /// # let peer = listener.accept().await?;
    /// let (reader, writer) = stream.split();
    /// let reading = spawn(async move { reader.read(ReadMode::Line).await });
    /// // While that task waits, this one writes.
    /// writer.write("question\n").await?;
    /// assert_eq!(peer.read(ReadMode::Line).await?, b"question\n");
    /// peer.write("answer\n").await?;
    /// assert_eq!(reading.await??, b"answer\n");
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn split(self) -> (ReadHalf<T>, WriteHalf<T>) {
        self.inner.split();
        (ReadHalf::new(self.inner.clone()), WriteHalf::new(self.inner))
    }
}

impl<T: Transport> ReadHalf<T> {
    pub(super) fn new(inner: Rc<Inner<T>>) -> Self {
        Self { inner }
    }

    pub(super) fn inner(&self) -> &Rc<Inner<T>> {
        &self.inner
    }

    /// As [`Stream::read`].
    ///
    /// # Errors
    /// As [`Stream::read`].
    pub fn read(&self, mode: impl Into<ReadMode>) -> Read<'_, T> {
        Read::new(&self.inner, mode.into())
    }

    /// As [`Stream::read_into`].
    ///
    /// # Errors
    /// As [`Stream::read_into`].
    pub fn read_into<'a>(&'a self, mode: impl Into<ReadMode>, target: &'a mut Vec<u8>) -> ReadInto<'a, T> {
        ReadInto::new(&self.inner, mode.into(), target)
    }

    /// As [`Stream::read_line_trimmed`].
    ///
    /// # Errors
    /// As [`Stream::read_line_trimmed`].
    ///
    /// **Cancel safety:** as [`Stream::read_line_trimmed`].
    pub async fn read_line_trimmed(&self) -> Result<String, Error> {
        trim_line(self.read(ReadMode::Line).await?)
    }

    /// As [`Stream::lines`].
    pub fn lines(&self) -> Lines<'_, T> {
        Lines::new(&self.inner)
    }

    /// Interrupts the task that reads.
    ///
    /// # Errors
    /// [`Error::NotBusy`] if none waits.
    pub fn interrupt(&self) -> Result<(), Error> {
        self.inner.interrupt(Direction::Read)
    }

    /// Whether a task waits to read.
    pub fn is_busy(&self) -> bool {
        self.inner.is_busy(Direction::Read)
    }

    /// As [`Stream::is_closed`].
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    /// As [`Stream::close_cause`].
    pub fn close_cause(&self) -> Option<CloseCause> {
        close_cause(&self.inner)
    }

    /// As [`Stream::info`].
    pub fn info(&self) -> Option<T::Info> {
        self.inner.with_transport(Transport::info)
    }

    /// As [`Stream::bytes_read`].
    pub fn bytes_read(&self) -> u64 {
        self.inner.received()
    }

    /// As [`Stream::buffered`].
    pub fn buffered(&self) -> usize {
        self.inner.buffered()
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
    /// As [`Stream::peer_addr`].
    pub fn local_addr(&self) -> Result<Endpoint, Error> {
        self.inner.local_addr()
    }

    /// As [`Stream::handle`]: it ends both halves.
    pub fn handle(&self) -> StreamHandle<T> {
        StreamHandle::new(&self.inner)
    }

    /// As [`Stream::with_transport`].
    pub fn with_transport<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        self.inner.with_transport(look)
    }

    /// As [`Stream::set_close_deadline`], of both halves.
    pub fn set_close_deadline(&self, deadline: Duration) {
        self.inner.close_deadline.set(deadline);
    }

    /// As [`Stream::abort`]: ends both halves at once.
    pub fn abort(&self) {
        self.inner.abort();
    }

    /// Makes a whole stream of the two halves again.
    ///
    /// # Errors
    /// Gives both back if they are not halves of one stream.
    pub fn join(self, mut other: WriteHalf<T>) -> Result<Stream<T>, (Self, WriteHalf<T>)> {
        match other.inner.take() {
            Some(inner) if Rc::ptr_eq(&inner, &self.inner) => {
                inner.join();
                Ok(Stream::from_inner(inner))
            }
            inner => {
                other.inner = inner;
                Err((self, other))
            }
        }
    }
}

impl<T: Transport> WriteHalf<T> {
    pub(super) fn new(inner: Rc<Inner<T>>) -> Self {
        Self { inner: Some(inner) }
    }

    pub(super) fn inner(&self) -> &Rc<Inner<T>> {
        self.inner.as_ref().expect("a half that is used was not joined")
    }

    /// As [`Stream::write`].
    ///
    /// # Errors
    /// As [`Stream::write`].
    pub fn write<'a>(&'a self, data: &'a (impl AsRef<[u8]> + ?Sized)) -> Write<'a, T> {
        Write::new(self.inner(), data.as_ref())
    }

    /// As [`write`](Self::write), but what was begun is sent whole.
    pub(super) fn write_whole<'a>(&'a self, data: &'a [u8]) -> Write<'a, T> {
        Write::whole(self.inner(), data)
    }

    /// Interrupts the task that writes.
    ///
    /// # Errors
    /// [`Error::NotBusy`] if none waits.
    pub fn interrupt(&self) -> Result<(), Error> {
        self.inner().interrupt(Direction::Write)
    }

    /// Whether a task waits to write.
    pub fn is_busy(&self) -> bool {
        self.inner().is_busy(Direction::Write)
    }

    /// Whether the sending side is closed, or has failed.
    pub fn is_closed(&self) -> bool {
        self.inner().is_write_closed()
    }

    /// Closes the sending side, after what was written; the other half reads on. A task that writes is interrupted.
    ///
    /// # Errors
    /// [`Error::AlreadyClosed`] the second time.
    pub fn close(&self) -> Result<(), Error> {
        self.inner().close_write()
    }

    /// Closes the sending side, if it is not closed yet, and waits until the kernel has its last byte.
    ///
    /// # Errors
    /// As [`Stream::write`].
    ///
    /// **Cancel safety:** dropping it stops the waiting, not the closing.
    pub async fn shutdown(&self) -> Result<(), Error> {
        // "already closed" is fine: then this waits for the close that was begun.
        let _ = self.close();
        Write::end(self.inner()).await
    }

    /// As [`Stream::bytes_written`].
    pub fn bytes_written(&self) -> u64 {
        self.inner().accepted()
    }

    /// As [`Stream::close_cause`].
    pub fn close_cause(&self) -> Option<CloseCause> {
        close_cause(self.inner())
    }

    /// As [`Stream::peer_addr`].
    ///
    /// # Errors
    /// As [`Stream::peer_addr`].
    pub fn peer_addr(&self) -> Result<Endpoint, Error> {
        self.inner().peer_addr()
    }

    /// As [`Stream::local_addr`].
    ///
    /// # Errors
    /// As [`Stream::peer_addr`].
    pub fn local_addr(&self) -> Result<Endpoint, Error> {
        self.inner().local_addr()
    }

    /// As [`Stream::info`].
    pub fn info(&self) -> Option<T::Info> {
        self.inner().with_transport(Transport::info)
    }

    /// As [`Stream::handle`]: it ends both halves.
    pub fn handle(&self) -> StreamHandle<T> {
        StreamHandle::new(self.inner())
    }

    /// As [`Stream::with_transport`].
    pub fn with_transport<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        self.inner().with_transport(look)
    }

    /// As [`Stream::set_close_deadline`], of both halves.
    pub fn set_close_deadline(&self, deadline: Duration) {
        self.inner().close_deadline.set(deadline);
    }

    /// As [`Stream::abort`]: ends both halves at once.
    pub fn abort(&self) {
        self.inner().abort();
    }
}

impl<T: Transport> Drop for WriteHalf<T> {
    fn drop(&mut self) {
        match self.inner.take() {
            // Nobody knows whether all was written, so the peer must not see a clean end.
            Some(inner) if inner.core.is_after_panic() => inner.cut_off(),
            // If the other half is gone too, the whole stream is closed by what follows; if not, half of it is now.
            Some(inner) => {
                let _ = inner.close_write();
            }
            None => {}
        }
    }
}

impl<T: Transport> fmt::Debug for ReadHalf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReadHalf").field(&self.inner).finish()
    }
}

impl<T: Transport> fmt::Debug for WriteHalf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WriteHalf").field(&self.inner).finish()
    }
}
