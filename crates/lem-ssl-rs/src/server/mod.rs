//! Accepting encrypted connections, as a service that stays up.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use lem_rs::{Endpoint, Listener, ToAddress, spawn, timeout};

use crate::context::Context;
use crate::error::Error;
use crate::live::LiveContext;
use crate::meter::Counters;
use crate::transport::Stream;

mod admission;
mod options;
mod peers;
mod threads;

use admission::Admission;
pub use options::{ServerEvent, ServerOptions};
pub use threads::{Threads, serve_threads};

/// Accepts connections and hands out streams whose handshake is finished. To use it from several tasks, share it in an
/// `Rc`.
///
/// Handshakes run beside each other and beside [`accept`](Self::accept), each under its deadline from the moment the
/// connection was accepted, so that a slow client holds up nobody; one that fails is told why by an alert, is counted, and
/// never gets here. [`ServerOptions`] bounds how many there are, in all and from one address; the machine bounds how many
/// are worked on in one turn of its loop, so that open streams are served in between.
///
/// When descriptors run out, accepting pauses and goes on by itself.
///
/// # Dropping
/// Dropping it closes it. Streams that were accepted live on.
pub struct Server {
    admission: Rc<Admission>,
}

/// How a server was drained.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Streams that came to their end by themselves, before the deadline.
    pub finished: u64,
    /// Streams that were closed at the deadline.
    pub closed: u64,
}

impl Context {
    /// Listens for encrypted connections at `address`; port 0 asks for a free one.
    ///
    /// # Errors
    /// A [`TlsError::Config`](crate::TlsError::Config) if the context has no identity; [`Error::Address`],
    /// [`Error::Resolve`]; [`Error::Io`] if the address cannot be used; [`Error::Misuse`] outside of a machine.
    ///
    /// **Cancel safety:** dropping it opens nothing.
    pub async fn listen(&self, address: impl ToAddress) -> Result<Server, Error> {
        self.listen_with(address, ServerOptions::default()).await
    }

    /// As [`listen`](Self::listen), with options.
    ///
    /// # Errors
    /// As [`listen`](Self::listen).
    ///
    /// **Cancel safety:** as [`listen`](Self::listen).
    pub async fn listen_with(&self, address: impl ToAddress, options: ServerOptions) -> Result<Server, Error> {
        Server::listen(self.clone(), address, options).await
    }
}

impl Server {
    /// Listens at `address` with a context that can be changed while the server runs.
    ///
    /// # Errors
    /// As [`Context::listen`].
    ///
    /// **Cancel safety:** as [`Context::listen`].
    pub async fn listen(
        context: impl Into<LiveContext>,
        address: impl ToAddress,
        options: ServerOptions,
    ) -> Result<Self, Error> {
        let live = context.into();
        // Said now, and not to the first client.
        live.current().server()?;
        Self::over(live, Listener::bind_with(address, options.listen).await?, options)
    }

    /// Serves on a listener that exists already: one that was inherited ([`Listener::adopt`]), for a start.
    ///
    /// # Errors
    /// A [`TlsError::Config`](crate::TlsError::Config) if the context has no identity.
    ///
    /// # Panics
    /// Outside of [`Machine::run`](lem_rs::Machine::run).
    pub fn over(context: impl Into<LiveContext>, listener: Listener, options: ServerOptions) -> Result<Self, Error> {
        let live = context.into();
        live.current().server()?;
        Ok(Self { admission: Admission::begin(live, listener, options) })
    }

    /// Waits for the next stream whose handshake is finished.
    ///
    /// # Errors
    /// [`Error::Busy`] if another task waits; [`Error::Interrupted`]; [`Error::Closed`].
    ///
    /// **Cancel safety:** dropping it loses no connection.
    pub async fn accept(&self) -> Result<Stream, Error> {
        let (stream, _permit) = self.admission.finished.take().await?;
        Ok(stream)
    }

    /// Accepts streams and starts a task with `handler` for each, until the server is interrupted or closed. A panic
    /// in a handler ends that stream only.
    ///
    /// # Errors
    /// As [`accept`](Self::accept): it only ever returns an error, [`Error::Interrupted`] or [`Error::Closed`] as a
    /// rule.
    ///
    /// **Cancel safety:** dropping it loses no connection; handlers go on.
    pub async fn autospawn<F>(&self, handler: impl Fn(Stream) -> F) -> Result<(), Error>
    where
        F: Future<Output = ()> + 'static,
    {
        loop {
            let stream = self.accept().await?;
            // It may panic before there is a future, too; we go on accepting.
            if let Ok(handling) = catch_unwind(AssertUnwindSafe(|| handler(stream))) {
                spawn(handling).detach();
            }
        }
    }

    /// Interrupts the task that accepts: it gets [`Error::Interrupted`].
    ///
    /// # Errors
    /// [`Error::NotBusy`] if no task does.
    pub fn interrupt(&self) -> Result<(), Error> {
        self.admission.finished.interrupt()
    }

    /// Closes the server; a task that accepts is interrupted. Streams that nobody accepted are closed; those that were
    /// accepted live on.
    ///
    /// # Errors
    /// [`Error::AlreadyClosed`] the second time.
    pub fn close(&self) -> Result<(), Error> {
        self.admission.close()
    }

    /// Closes the server, if it is not closed yet, waits until the streams that it accepted have come to their end, and
    /// closes those that are left after `deadline`: gracefully, so that what was written is delivered.
    ///
    /// **Cancel safety:** dropping it stops the waiting; the server stays closed.
    pub async fn drain(&self, deadline: Duration) -> Drained {
        // "already closed" is as good.
        let _ = self.close();
        let meter = &self.admission.meter;
        let before = meter.open().len() as u64;
        let left = match timeout(deadline, meter.emptied()).await {
            Ok(()) => Vec::new(),
            Err(_) => meter.open(),
        };
        let closed = left.iter().filter(|stream| stream.close().is_ok()).count() as u64;
        Drained { finished: before.saturating_sub(closed), closed }
    }

    /// Calls `told` with what happens beside the accepted streams: failed handshakes, pauses. For a log.
    pub fn on_event(&self, told: impl Fn(&ServerEvent<'_>) + 'static) {
        self.admission.tell_to(Rc::new(told));
    }

    /// What the server has done so far.
    pub fn counters(&self) -> Counters {
        self.admission.counters()
    }

    /// The context that new connections get; [replace](LiveContext::replace) or [reload](LiveContext::reload) it while
    /// the server runs.
    pub fn context(&self) -> &LiveContext {
        &self.admission.live
    }

    /// Whether a task waits for a stream.
    pub fn is_busy(&self) -> bool {
        self.admission.finished.is_busy()
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.admission.finished.is_closed()
    }

    /// Where it listens: with the port that was chosen, if port 0 was asked for.
    pub fn local_addr(&self) -> &Endpoint {
        self.admission.listener.local_addr()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // "already closed" is as good.
        let _ = self.close();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("local", self.local_addr())
            .field("counters", &self.counters())
            .finish_non_exhaustive()
    }
}
