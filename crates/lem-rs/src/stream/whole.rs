//! The stream with the original's verbs.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use super::close_cause::{CloseCause, close_cause};
use super::handle::StreamHandle;
use super::inner::Inner;
use super::lines::Lines;
use super::options::StreamOptions;
use super::read::{Read, ReadInto};
use super::transport::Transport;
use super::write::Write;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::proto::{InputBuffer, ReadMode};
use crate::runtime::Direction;

/// A connected stream. To let several tasks use it, share it in an `Rc`, or [`split`](Self::split) it.
///
/// # One waiter
/// At most one task waits on a whole stream, for reading or for writing; another verb that would wait gets
/// [`Error::Busy`], and nothing happens to the first. After a split, one task waits on each half.
///
/// # Nothing is lost
/// Received bytes belong to the stream. A read that is interrupted, timed out or dropped consumes nothing. At the end
/// of the stream, with too little for [`ReadMode::Exact`] or [`ReadMode::Line`], the read says "closed"
/// ([`Error::Incomplete`], which counts what is left), and what is there stays readable with [`ReadMode::Available`] or
/// [`ReadMode::All`]. A write that is interrupted or
/// dropped leaves what it had handed over queued; it is sent without further calls, before what is written next.
///
/// # The end
/// There are three: the peer's clean end ([`Error::Closed`]), a cut ([`Error::Truncated`]) and our own close
/// ([`Error::Closed`]). A read names a cut or a failure once and says "closed" after that;
/// [`close_cause`](Self::close_cause) goes on telling. The two directions end apart: after the peer's end we may still
/// write, and after a failed write what was received is still readable.
///
/// # Dropping
/// Dropping a stream closes it like [`close`](Self::close): gracefully, in the background. A panic that drops it ends it
/// like [`abort`](Self::abort), so that half an answer does not look like a whole one.
pub struct Stream<T: Transport> {
    pub(super) inner: Rc<Inner<T>>,
}

impl<T: Transport> Stream<T> {
    /// A stream over `transport`, which has already received `input`. Unstable, as [`transport`](crate::transport) is.
    pub fn new(transport: T, input: InputBuffer, options: StreamOptions) -> Self {
        Self { inner: Inner::new(transport, input, options) }
    }

    /// Reads what `mode` asks for: a [`ReadMode`], or a number of bytes.
    ///
    /// ```
    /// # use lem_rs::{Error, Listener, Machine, ReadMode, TcpStream};
    /// # Machine::new()?.run(async {
    /// # let listener = Listener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr().clone()).await?;
    /// # let peer = listener.accept().await?;
    /// peer.write("one\ntwothree").await?;
    /// peer.close()?;
    /// assert_eq!(stream.read(ReadMode::Line).await?, b"one\n");
    /// assert_eq!(stream.read(3).await?, b"two");
    /// assert_eq!(stream.read(ReadMode::All).await?, b"three");
    /// assert!(matches!(stream.read(ReadMode::Available).await, Err(Error::Closed)));
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Busy`], [`Error::Interrupted`], [`Error::Closed`], [`Error::Truncated`]; [`Error::Incomplete`] at a clean
    /// end with less than was asked for, which stays readable; [`Error::Limit`] if the line or the whole is longer than
    /// allowed, with the data still readable; [`Error::Io`] or [`Error::Protocol`] if the
    /// connection failed, after everything before the failure was read.
    ///
    /// **Cancel safety:** dropping it consumes nothing.
    pub fn read(&self, mode: impl Into<ReadMode>) -> Read<'_, T> {
        Read::new(&self.inner, mode.into())
    }

    /// Like [`read`](Self::read), into `target`, whose contents it replaces and whose memory it reuses: a loop that
    /// gives the same vector each time allocates nothing once it has grown. Returns how many bytes it is.
    ///
    /// ```
    /// # use lem_rs::{Error, Listener, Machine, ReadMode, TcpStream};
    /// # Machine::new()?.run(async {
    /// # let listener = Listener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr().clone()).await?;
    /// # let peer = listener.accept().await?;
    /// let mut line = Vec::new();
    /// peer.write("one\ntwo\n").await?;
    /// stream.read_into(ReadMode::Line, &mut line).await?;
    /// assert_eq!(line, b"one\n");
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`read`](Self::read); what `target` held is lost then, too.
    ///
    /// **Cancel safety:** as [`read`](Self::read).
    pub fn read_into<'a>(&'a self, mode: impl Into<ReadMode>, target: &'a mut Vec<u8>) -> ReadInto<'a, T> {
        ReadInto::new(&self.inner, mode.into(), target)
    }

    /// Reads a line without its `"\n"` or `"\r\n"`, as text.
    ///
    /// ```
    /// # use lem_rs::{Error, Listener, Machine, TcpStream};
    /// # Machine::new()?.run(async {
    /// # let listener = Listener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr().clone()).await?;
    /// # let peer = listener.accept().await?;
    /// peer.write("hello\r\n").await?;
    /// assert_eq!(stream.read_line_trimmed().await?, "hello");
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`read`](Self::read); [`Error::NotText`] if the line is not UTF-8 (it is consumed then; read it with
    /// [`ReadMode::Line`] if other encodings may come).
    ///
    /// **Cancel safety:** as [`read`](Self::read).
    pub async fn read_line_trimmed(&self) -> Result<String, Error> {
        trim_line(self.read(ReadMode::Line).await?)
    }

    /// The lines, to be gone through in a loop: several times cheaper than a [`read`](Self::read) for each.
    ///
    /// ```
    /// use lem_rs::transport::Transport;
    /// use lem_rs::{Error, Stream};
    ///
    /// async fn longest<T: Transport>(stream: &Stream<T>) -> Result<usize, Error> {
    ///     let mut longest = 0;
    ///     let mut lines = stream.lines();
    ///     while let Some(line) = lines.next_trimmed().await? {
    ///         longest = longest.max(line.len());
    ///     }
    ///     Ok(longest)
    /// }
    /// ```
    pub fn lines(&self) -> Lines<'_, T> {
        Lines::new(&self.inner)
    }

    /// Writes all of `data`. Done when the kernel has it.
    ///
    /// ```
    /// # use lem_rs::{Error, Listener, Machine, TcpStream};
    /// # Machine::new()?.run(async {
    /// # let listener = Listener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr().clone()).await?;
    /// # let peer = listener.accept().await?;
    /// stream.write("text, ").await?;
    /// stream.write(&[b'b', b'y', b't', b'e', b's']).await?;
    /// assert_eq!(peer.read(11).await?, b"text, bytes");
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Busy`], [`Error::Interrupted`], [`Error::Closed`]; [`Error::Io`] or [`Error::Protocol`] if the
    /// connection failed. A failed write ends the sending side only: what was received is still readable.
    ///
    /// **Cancel safety:** see [`Write`].
    pub fn write<'a>(&'a self, data: &'a (impl AsRef<[u8]> + ?Sized)) -> Write<'a, T> {
        Write::new(&self.inner, data.as_ref())
    }

    /// Whether a task waits on this stream.
    pub fn is_busy(&self) -> bool {
        self.inner.is_busy(Direction::Read)
    }

    /// Whether it was closed by us, or has been ended by the peer and has nothing left to read.
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    /// Why it is closed; `None` while neither side is. The peer's end is reported as soon as it was received, even while
    /// there is something left to read.
    pub fn close_cause(&self) -> Option<CloseCause> {
        close_cause(&self.inner)
    }

    /// Interrupts the task that waits on this stream: its verb says [`Error::Interrupted`] and has consumed nothing.
    ///
    /// ```
    /// # use lem_rs::{Error, Listener, Machine, ReadMode, TcpStream, sleep, spawn};
    /// # use std::time::Duration;
    /// # use std::rc::Rc;
    /// # Machine::new()?.run(async {
    /// # let listener = Listener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr().clone()).await?;
    /// # let peer = listener.accept().await?;
    /// let stream = Rc::new(stream);
    /// let waiting = stream.clone();
    /// let reading = spawn(async move { waiting.read(ReadMode::Line).await });
    /// peer.write("hel").await?;
    /// sleep(Duration::from_millis(5)).await;
    /// stream.interrupt()?;
    /// assert!(matches!(reading.await?, Err(Error::Interrupted)));
    /// // It has consumed nothing.
    /// assert_eq!(stream.read(3).await?, b"hel");
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NotBusy`] if no task waits.
    pub fn interrupt(&self) -> Result<(), Error> {
        self.inner.interrupt(Direction::Read)
    }

    /// Closes the stream; a task that waits on it is interrupted. Does not wait: what was written, the protocol's
    /// goodbye and FIN are sent by the machine in the background, which then waits for the peer's FIN, so that the
    /// kernel does not destroy what is under way. It does not wait where nothing can be destroyed: a TLS client that
    /// has said goodbye sends nothing more. All that has one deadline ([`StreamOptions::close_deadline`]), and
    /// [`Machine::run`](crate::Machine::run) does not return before, unless the machine's
    /// [linger](crate::MachineBuilder::linger) is shorter.
    ///
    /// ```
    /// # use lem_rs::{Error, Listener, Machine, ReadMode, TcpStream};
    /// # Machine::new()?.run(async {
    /// # let listener = Listener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr().clone()).await?;
    /// # let peer = listener.accept().await?;
    /// stream.write("last words").await?;
    /// stream.close()?;
    /// assert!(matches!(stream.close(), Err(Error::AlreadyClosed)));
    /// assert_eq!(peer.read(ReadMode::All).await?, b"last words");
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::AlreadyClosed`] the second time.
    pub fn close(&self) -> Result<(), Error> {
        self.inner.close()
    }

    /// How long closing may take from now on, in all; see [`StreamOptions::close_deadline`]. A close that was begun keeps
    /// its own. With zero, what the kernel does not take at once is dropped, and nobody is waited for.
    ///
    /// ```
    /// use lem_rs::transport::Transport;
    /// use lem_rs::{Error, Stream};
    /// use std::time::Duration;
    ///
    /// /// Leaves a peer that need not say goodbye.
    /// fn leave<T: Transport>(stream: Stream<T>) -> Result<(), Error> {
    ///     stream.set_close_deadline(Duration::from_millis(100));
    ///     stream.close()
    /// }
    /// ```
    pub fn set_close_deadline(&self, deadline: Duration) {
        self.inner.close_deadline.set(deadline);
    }

    /// Closes the stream, if it is not closed yet, and waits until the kernel has sent everything and the peer has
    /// ended its side, however much of what it sends before is thrown away.
    ///
    /// A peer that ends its side when it has received our end has everything. One whose end comes first, behind its
    /// question for example, may go on reading, and TCP does not tell how far it comes: then this returns soon after our
    /// end is sent, and `Ok` only says that no failure was seen by then. If that end is a goodbye (TLS), its FIN is waited
    /// for, a second at most: it may keep the connection open. A protocol in which that matters needs an answer of its own.
    ///
    /// ```
    /// # use lem_rs::{Error, Listener, Machine, ReadMode, TcpStream, spawn};
    /// # Machine::new()?.run(async {
    /// # let listener = Listener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr().clone()).await?;
    /// # let peer = listener.accept().await?;
    /// let reading = spawn(async move { peer.read(ReadMode::All).await });
    /// stream.write("all of it").await?;
    /// stream.shutdown().await?;
    /// assert_eq!(reading.await??, b"all of it");
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Timeout`] with [`Phase::Close`](crate::Phase::Close) if that took too long; [`Error::Closed`],
    /// [`Error::Truncated`] or [`Error::Io`] if the connection failed before, or the peer has sent more than 64 MiB
    /// meanwhile without an end: then it may not have everything. A TLS server may refuse a client's certificate behind all
    /// that was written; its alert is the error then. A reset that answers our goodbye, of a peer that has ended its side
    /// before, is no failure. [`Error::Closed`] if the stream was [aborted](Self::abort), [`Error::Interrupted`] if that
    /// happens while it closes; [`Error::Task`] if its transport panics.
    ///
    /// **Cancel safety:** dropping it stops the waiting, not the closing.
    pub async fn shutdown(&self) -> Result<(), Error> {
        // "already closed" is fine: then this waits for the close that was begun.
        let _ = self.inner.close_awaited();
        self.inner.closed().await
    }

    /// Closes the stream at once: what is pending is dropped, no goodbye is said, a close under way is given up. A
    /// task that waits is interrupted. A peer that knows a goodbye (TLS) sees a truncated stream; a plain one may see an
    /// ordinary end. A [shutdown](Self::shutdown) fails from then on, because the peer may not have everything; if a close was
    /// over before, it says again how that ended.
    pub fn abort(&self) {
        self.inner.abort();
    }

    /// Closes the sending side only, after what was written: the peer sees the end of our data, and reading goes on. A
    /// task that writes is interrupted; what it had handed over is sent first.
    ///
    /// ```
    /// # use lem_rs::{Error, Listener, Machine, ReadMode, TcpStream};
    /// # Machine::new()?.run(async {
    /// # let listener = Listener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr().clone()).await?;
    /// # let peer = listener.accept().await?;
    /// stream.write("question").await?;
    /// stream.close_write()?;
    /// assert_eq!(peer.read(ReadMode::All).await?, b"question");
    /// peer.write("answer").await?;
    /// assert_eq!(stream.read(6).await?, b"answer");
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::AlreadyClosed`] if it is closed.
    pub fn close_write(&self) -> Result<(), Error> {
        self.inner.close_write()
    }

    /// A way to end this stream from elsewhere.
    pub fn handle(&self) -> StreamHandle<T> {
        StreamHandle::new(&self.inner)
    }

    /// How many bytes were received, those included that no read has taken yet. Of the content, not of its encryption.
    pub fn bytes_read(&self) -> u64 {
        self.inner.received()
    }

    /// How many bytes all writes together have handed over, of the content, not of its encryption. Its growth is what an
    /// interrupted write came to, unless another write was begun before the interrupted one has returned.
    pub fn bytes_written(&self) -> u64 {
        self.inner.accepted()
    }

    /// How many received bytes wait for a read.
    pub fn buffered(&self) -> usize {
        self.inner.buffered()
    }

    /// The peer's address. It is known after a reset as well, unless the socket was opened elsewhere and taken over.
    ///
    /// # Errors
    /// [`Error::Closed`] after our own close; [`Error::Io`] if the connection is gone, and so is what was known of it.
    pub fn peer_addr(&self) -> Result<Endpoint, Error> {
        self.inner.peer_addr()
    }

    /// Our own address.
    ///
    /// # Errors
    /// [`Error::Closed`] after our own close; [`Error::Io`] if the operating system has forgotten it with the connection.
    pub fn local_addr(&self) -> Result<Endpoint, Error> {
        self.inner.local_addr()
    }

    /// What was agreed on when the connection was made, and who the peer is; `None` after our own close.
    pub fn info(&self) -> Option<T::Info> {
        self.inner.with_transport(Transport::info)
    }

    /// Looks at the transport, for the layer that made it; `None` after our own close. The stream can be used meanwhile:
    /// a close takes effect when `look` has returned, and reads and writes return [`Error::Busy`].
    pub fn with_transport<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        self.inner.with_transport(look)
    }

    /// Takes the stream apart, for a protocol that goes on over the same connection (STARTTLS): the transport, and
    /// what was received and not read. Unstable, as [`transport`](crate::transport) is.
    ///
    /// # Errors
    /// [`Error::Closed`] if either side is closed; [`Error::Misuse`] if content waits for the kernel. The
    /// stream is closed then, and what it had received is gone.
    pub fn into_parts(self) -> Result<(T, InputBuffer), Error> {
        self.inner.dismantle()
    }

    pub(super) fn inner(&self) -> &Rc<Inner<T>> {
        &self.inner
    }

    pub(super) fn from_inner(inner: Rc<Inner<T>>) -> Self {
        Self { inner }
    }
}

pub(super) fn trim_line(mut line: Vec<u8>) -> Result<String, Error> {
    line.pop_if(|byte| *byte == b'\n');
    line.pop_if(|byte| *byte == b'\r');
    String::from_utf8(line).map_err(|error| Error::NotText { valid: error.utf8_error().valid_up_to() })
}

impl<T: Transport> fmt::Debug for Stream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
