//! Streams whose transport is known at run time only.

use std::any::{Any, type_name};
use std::fmt;

use super::transport::{Flushed, Received, Sent, Transport};
use super::whole::Stream;
use crate::error::Error;
use crate::proto::InputBuffer;
use crate::runtime::Source;

/// A stream over any transport: what [`Stream::boxed`] makes.
pub type BoxedStream = Stream<BoxedTransport>;

/// A transport of any type, for programs that take encrypted and plain streams alike and keep them in one list.
///
/// It costs an allocation when it is made, and an indirect call for each operation.
pub struct BoxedTransport(Box<dyn Erased>);

/// What is known about a connection, of any transport: what [`info`](Stream::info) of a [`BoxedStream`] gives.
pub struct BoxedInfo {
    info: Box<dyn Any>,
    name: &'static str,
}

/// A [`Transport`] without its type of information.
trait Erased: Any {
    fn erased_info(&self) -> BoxedInfo;
    fn erased_source(&self) -> &Source;
    fn erased_receive(&mut self, input: &mut InputBuffer, want: usize) -> Received;
    fn erased_send(&mut self, data: &[u8]) -> Result<Sent, Error>;
    fn erased_has_pending(&self) -> bool;
    fn erased_may_delay_pending(&self) -> bool;
    fn erased_flush(&mut self) -> Result<Flushed, Error>;
    fn erased_end_sending(&mut self);
    fn erased_end_is_final(&self) -> bool;
    fn erased_reports_failures(&self) -> bool;
    fn erased_rest(&mut self);
    fn erased_make_end_abnormal(&self);
    fn name(&self) -> &'static str;
}

impl<T: Transport> Stream<T> {
    /// The same stream, without the type of its transport. Everything goes on: what was received, what is on its way out,
    /// counters, and the [handles](Stream::handle) that were taken. A closed stream can be boxed, too.
    ///
    /// ```
    /// use lem_rs::{BoxedStream, Error, Listener, Machine, ReadMode, TcpStream};
    ///
    /// /// Takes encrypted streams as well as plain ones.
    /// async fn greet(streams: &[BoxedStream]) -> Result<(), Error> {
    ///     for stream in streams {
    ///         stream.write("hello\n").await?;
    ///     }
    ///     Ok(())
    /// }
    ///
    /// # Machine::new()?.run(async {
    /// let listener = Listener::bind("127.0.0.1:0").await?;
    /// let plain = TcpStream::connect(listener.local_addr()).await?;
    /// greet(&[plain.boxed()]).await?;
    /// assert_eq!(listener.accept().await?.read(ReadMode::Line).await?, b"hello\n");
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn boxed(self) -> BoxedStream {
        Stream::from_inner(self.inner.retyped(BoxedTransport::new))
    }
}

impl BoxedStream {
    /// The stream with its own type again: for a protocol that takes over (STARTTLS), or for what only such a transport
    /// has.
    ///
    /// ```
    /// use lem_rs::{BoxedStream, Plain, TcpStream};
    ///
    /// fn plain(stream: BoxedStream) -> Option<TcpStream> {
    ///     stream.downcast::<Plain>().ok()
    /// }
    /// ```
    ///
    /// # Errors
    /// Gives it back if it has another type, or was closed by us.
    pub fn downcast<T: Transport>(self) -> Result<Stream<T>, Self> {
        if self.with_transport(BoxedTransport::is::<T>) != Some(true) {
            return Err(self);
        }
        let inner = self.inner.retyped(|boxed| boxed.downcast().unwrap_or_else(|_| unreachable!("it is one")));
        Ok(Stream::from_inner(inner))
    }
}

impl BoxedTransport {
    /// Takes the type away.
    pub fn new<T: Transport>(transport: T) -> Self {
        let boxed = Self(Box::new(transport));
        if boxed.is::<Self>() {
            // It was taken away before: once is enough.
            return boxed.downcast().unwrap_or_else(|_| unreachable!("it is one"));
        }
        boxed
    }

    /// Whether it is a `T`.
    pub fn is<T: Transport>(&self) -> bool {
        self.downcast_ref::<T>().is_some()
    }

    /// The transport, if it is a `T`.
    pub fn downcast_ref<T: Transport>(&self) -> Option<&T> {
        let any: &dyn Any = self.0.as_ref();
        any.downcast_ref()
    }

    /// The transport, if it is a `T`.
    ///
    /// # Errors
    /// Gives it back if it is none.
    pub fn downcast<T: Transport>(self) -> Result<T, Self> {
        if !self.is::<T>() {
            return Err(self);
        }
        let any: Box<dyn Any> = self.0;
        Ok(*any.downcast().unwrap_or_else(|_| unreachable!("it is one")))
    }
}

impl BoxedInfo {
    /// What is known, if it is an `I`: of an encrypted stream `lem_ssl_rs::Info`, of a plain one nothing (`()`).
    pub fn downcast_ref<I: 'static>(&self) -> Option<&I> {
        self.info.downcast_ref()
    }

    /// As [`downcast_ref`](Self::downcast_ref), to keep it.
    ///
    /// # Errors
    /// Gives it back if it is none.
    pub fn downcast<I: 'static>(self) -> Result<I, Self> {
        let Self { info, name } = self;
        info.downcast().map(|info| *info).map_err(|info| Self { info, name })
    }
}

impl<T: Transport> Erased for T {
    fn erased_info(&self) -> BoxedInfo {
        BoxedInfo { info: Box::new(self.info()), name: type_name::<T::Info>() }
    }

    fn erased_source(&self) -> &Source {
        self.source()
    }

    fn erased_receive(&mut self, input: &mut InputBuffer, want: usize) -> Received {
        self.receive(input, want)
    }

    fn erased_send(&mut self, data: &[u8]) -> Result<Sent, Error> {
        self.send(data)
    }

    fn erased_has_pending(&self) -> bool {
        self.has_pending()
    }

    fn erased_may_delay_pending(&self) -> bool {
        self.may_delay_pending()
    }

    fn erased_flush(&mut self) -> Result<Flushed, Error> {
        self.flush()
    }

    fn erased_end_sending(&mut self) {
        self.end_sending();
    }

    fn erased_end_is_final(&self) -> bool {
        self.end_is_final()
    }

    fn erased_reports_failures(&self) -> bool {
        self.reports_failures()
    }

    fn erased_rest(&mut self) {
        self.rest();
    }

    fn erased_make_end_abnormal(&self) {
        self.make_end_abnormal();
    }

    fn name(&self) -> &'static str {
        type_name::<T>()
    }
}

impl Transport for BoxedTransport {
    type Info = BoxedInfo;

    fn info(&self) -> BoxedInfo {
        self.0.erased_info()
    }

    fn source(&self) -> &Source {
        self.0.erased_source()
    }

    fn receive(&mut self, input: &mut InputBuffer, want: usize) -> Received {
        self.0.erased_receive(input, want)
    }

    fn send(&mut self, data: &[u8]) -> Result<Sent, Error> {
        self.0.erased_send(data)
    }

    fn has_pending(&self) -> bool {
        self.0.erased_has_pending()
    }

    fn may_delay_pending(&self) -> bool {
        self.0.erased_may_delay_pending()
    }

    fn flush(&mut self) -> Result<Flushed, Error> {
        self.0.erased_flush()
    }

    fn end_sending(&mut self) {
        self.0.erased_end_sending();
    }

    fn end_is_final(&self) -> bool {
        self.0.erased_end_is_final()
    }

    fn reports_failures(&self) -> bool {
        self.0.erased_reports_failures()
    }

    /// What is in it may rest.
    const RESTS: bool = true;

    fn rest(&mut self) {
        self.0.erased_rest();
    }

    fn make_end_abnormal(&self) {
        self.0.erased_make_end_abnormal();
    }
}

/// Shows which type it has.
impl fmt::Debug for BoxedTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BoxedTransport({})", self.0.name())
    }
}

/// Shows which type it has.
impl fmt::Debug for BoxedInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BoxedInfo({})", self.name)
    }
}
