//! Accepting encrypted connections, as a service that stays up.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use lem_rs::{Endpoint, HandlerResult, Listener, ToAddress, spawn, timeout};

use crate::context::Context;
use crate::error::{ConfigError, ConfigPart, Error};
use crate::live::LiveContext;
use crate::transport::Stream;

mod admission;
mod counters;
mod early;
mod handshaking;
mod monitor;
mod options;
mod peers;
mod preface;
mod registry;
mod settings;
mod threads;

use admission::{Admission, Arrival, CutOff};
pub use counters::{Counters, Failures};
pub use early::{Early, Replayable};
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
    /// Streams that were closed at the deadline, or cut off where they could not be closed.
    pub closed: u64,
    /// Streams that nobody had accepted when the server was closed: they were cut off then, as nobody had answered.
    pub unclaimed: u64,
    /// Clients that were still shaking hands when the server was closed: they were cut off then.
    pub unfinished: u64,
    /// Handlers of [`Server::autospawn`] that came to their end by themselves, before the deadline.
    pub handlers_finished: u64,
    /// Handlers that still ran at the deadline. They were not cancelled: those that waited on a stream are about to hear
    /// that it is closed.
    pub handlers_running: u64,
}

impl Context {
    /// Listens for encrypted connections at `address`; port 0 asks for a free one, and `":443"` is every interface and
    /// both families (clients over IPv4 show as `[::ffff:192.0.2.1]` then). A name stands for one of its addresses, the
    /// first that can be listened at: `localhost` is `127.0.0.1` or `[::1]`, and not both. The file of a Unix-domain
    /// socket stays when the server is closed; remove it before listening there again.
    ///
    /// ```
    /// # use lem_ssl_rs::{Context, Error, Identity, Machine, Roots};
    /// # Machine::new()?.run(async {
    /// # let identity = Identity::self_signed(["localhost"])?;
    /// # let roots = Roots::Pem(identity.chain_pem().into());
    /// # let context = Context::builder().roots(roots).identity(identity).build()?;
    /// let server = context.listen("127.0.0.1:0").await?;
    /// println!("listening on {}", server.local_addr());
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// A [`TlsError::Config`](crate::TlsError::Config) if the context has no identity, or no early data and the options
    /// ask for it; [`Error::Address`]; [`Error::Resolve`], [`Error::Timeout`] after 30 s of that, or [`Error::Task`] if no
    /// thread can look up a name; [`Error::Io`] if the address cannot be used; [`Error::Misuse`] outside of a machine.
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
        check(&live, options)?;
        let address = address.to_encrypted_address()?;
        Self::over(live, Listener::bind_with(address, options.listen).await?, options)
    }

    /// Serves on a listener that exists already, for example one that was inherited ([`Listener::adopt`]).
    ///
    /// # Errors
    /// A [`TlsError::Config`](crate::TlsError::Config) as [`listen`](Self::listen).
    ///
    /// # Panics
    /// Outside of [`Machine::run`](lem_rs::Machine::run).
    pub fn over(context: impl Into<LiveContext>, listener: Listener, options: ServerOptions) -> Result<Self, Error> {
        let live = context.into();
        check(&live, options)?;
        Ok(Self { admission: Admission::begin(live, listener, options) })
    }

    /// Waits for the next stream whose handshake is finished.
    ///
    /// ```
    /// # use lem_ssl_rs::{Context, Error, Identity, Machine, Roots, spawn};
    /// # Machine::new()?.run(async {
    /// # let identity = Identity::self_signed(["localhost"])?;
    /// # let roots = Roots::Pem(identity.chain_pem().into());
    /// # let context = Context::builder().roots(roots).identity(identity).build()?;
    /// # let server = context.listen("localhost:0").await?;
    /// # let address = ("localhost", server.local_addr().ip().map_or(0, |address| address.port()));
    /// let accepting = spawn(async move { server.accept().await });
    /// let client = context.connect(address).await?;
    /// let stream = accepting.await??;
    /// assert_eq!(stream.info().and_then(|info| info.requested_name).as_deref(), Some("localhost"));
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Busy`] if another task waits; [`Error::Interrupted`]; [`Error::Closed`]; [`Error::Misuse`] if the server
    /// receives early data, which a stream has no place for: see [`accept_early`](Self::accept_early).
    ///
    /// **Cancel safety:** dropping it loses no connection.
    pub async fn accept(&self) -> Result<Stream, Error> {
        Ok(self.take().await?.0)
    }

    /// As [`accept`](Self::accept), and whose stream it is.
    async fn take(&self) -> Result<(Stream, Endpoint), Error> {
        if self.admission.options.early_data {
            let problem = "this server receives early data, which a stream has no place for: use accept_early";
            return Err(Error::Misuse(problem.into()));
        }
        match self.admission.arrivals.take().await? {
            Arrival::Stream(stream) => Ok(stream.accept_with_peer()),
            // Only a server that receives early data has these.
            Arrival::Early(_) => Err(Error::Closed),
        }
    }

    /// Waits for the next connection whose handshake has brought early data, or is finished. Of a server that
    /// [receives no early data](ServerOptions::early_data) it is always the latter.
    ///
    /// ```no_run
    /// # use lem_ssl_rs::{Context, Early, Error, Server, ServerOptions, Stream, spawn};
    /// # async fn example(context: Context) -> Result<(), Error> {
    /// // `context` was built with `.early_data(16 * 1024)`.
    /// let server = context.listen_with("[::]:4433", ServerOptions::default().early_data(true)).await?;
    /// loop {
    ///     let early = server.accept_early().await?;
    ///     spawn(serve(early)).detach();
    /// }
    ///
    /// async fn serve(mut early: Early) -> Result<(), Error> {
    ///     while let Some(data) = early.read().await? {
    ///         // Reading a page changes nothing: it may happen twice. Everything else waits.
    ///         if data.look() == b"GET /page\n" {
    ///             early.write("the page\n").await?;
    ///         } else {
    ///             early.write("say that again later\n").await?;
    ///         }
    ///     }
    ///     let (stream, _nothing_is_left) = early.finish().await?;
    ///     // From here on as ever.
    ///     # Ok(())
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Busy`] if another task waits; [`Error::Interrupted`]; [`Error::Closed`].
    ///
    /// **Cancel safety:** dropping it loses no connection.
    pub async fn accept_early(&self) -> Result<Early, Error> {
        Ok(match self.admission.arrivals.take().await? {
            Arrival::Stream(stream) => Early::finished(stream.accept()),
            Arrival::Early(early) => early.accept(),
        })
    }

    /// Accepts streams and starts a task with `handler` for each, until the server is interrupted or closed. A panic
    /// in a handler ends that stream only, without a goodbye, so that its client sees a truncated answer and no whole one;
    /// the panic hook reports it.
    ///
    /// A handler may return nothing or a `Result`; an error is told as a [`ServerEvent::HandlerFailed`] and counted
    /// ([`Counters::handlers_failed`]). It ends the stream as any other return does, which drops it: gracefully. In the
    /// middle of an answer, [`abort`](Stream::abort) it before, or the client takes what it has for all.
    ///
    /// ```no_run
    /// # use lem_ssl_rs::{Error, ReadMode, Server};
    /// # async fn example(server: Server) -> Result<(), Error> {
    /// server.on_event(|event| eprintln!("{event}"));
    /// server
    ///     .autospawn(|stream| async move {
    ///         let line = stream.read(ReadMode::Line).await?;
    ///         stream.write(&line).await
    ///     })
    ///     .await
    /// # }
    /// ```
    ///
    /// An accepted stream has no deadline of its own: put [`timeout`](crate::timeout) around reads of clients that may say
    /// nothing for ever.
    ///
    /// # Errors
    /// As [`accept`](Self::accept): it only ever returns an error, [`Error::Interrupted`] if it waited when the server was
    /// interrupted, closed or drained, and [`Error::Closed`] after that.
    ///
    /// **Cancel safety:** dropping it loses no connection; handlers go on.
    pub async fn autospawn<F>(&self, handler: impl Fn(Stream) -> F) -> Result<(), Error>
    where
        F: Future<Output: HandlerResult> + 'static,
    {
        let monitor = &self.admission.monitor;
        loop {
            let (stream, peer) = self.take().await?;
            // It may panic before there is a future, too; we go on accepting.
            let Ok(handling) = catch_unwind(AssertUnwindSafe(|| handler(stream))) else {
                monitor.handler_panicked();
                continue;
            };
            let (running, monitor) = (monitor.handling(), monitor.clone());
            spawn(async move {
                let _running = running;
                if let Some(error) = handling.await.into_error() {
                    monitor.handler_failed(&peer, &error);
                }
            })
            .detach();
        }
    }

    /// Lets so many connections be open from now on; see [`ServerOptions::connections`]. If more are open, none is closed:
    /// nobody is accepted until enough of them have gone. Zero stops accepting, and leaves the rest as it is.
    ///
    /// ```no_run
    /// # use lem_ssl_rs::Server;
    /// # fn example(server: &Server, memory_is_short: bool) {
    /// server.set_connections(if memory_is_short { 100 } else { 10_000 });
    /// # }
    /// ```
    pub fn set_connections(&self, connections: usize) {
        self.admission.set_connections(connections);
    }

    /// Interrupts the task that accepts: it gets [`Error::Interrupted`].
    ///
    /// # Errors
    /// [`Error::NotBusy`] if no task does.
    pub fn interrupt(&self) -> Result<(), Error> {
        self.admission.arrivals.interrupt()
    }

    /// Closes the server; a task that accepts is interrupted. Streams that nobody accepted, and clients that are shaking
    /// hands, are cut off: they see a truncated stream or a failed handshake, and no complete, empty answer. Streams that
    /// were accepted live on.
    ///
    /// # Errors
    /// [`Error::AlreadyClosed`] the second time.
    pub fn close(&self) -> Result<(), Error> {
        self.admission.close()
    }

    /// Closes the server, if it is not closed yet, waits until the streams that it accepted and the handlers that
    /// [`autospawn`](Self::autospawn) has started have come to their end, and
    /// closes the streams that are left after `deadline`: gracefully, so that what was written is delivered. A handler that
    /// still runs then, because it works on without its stream, for example, is left to itself and counted: it ends at the
    /// latest with its machine. A handler that awaits this itself is waited for, too, up to the deadline.
    ///
    /// A stream that was
    /// [taken apart](crate::Stream::into_parts) counts as open until its transport is dropped; after the deadline it is cut
    /// off, since nobody can say goodbye for it. An [`Early`] that was handed out counts as a stream; if its handshake is
    /// not finished then, it is cut off and gets none.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # async fn stop(server: &lem_ssl_rs::Server) {
    /// let drained = server.drain(Duration::from_secs(30)).await;
    /// println!("{} streams had to be closed", drained.closed);
    /// # }
    /// ```
    ///
    /// **Cancel safety:** dropping it stops the waiting; the server stays closed.
    pub async fn drain(&self, deadline: Duration) -> Drained {
        // "already closed" is as good.
        let _ = self.close();
        let registry = &self.admission.monitor.registry;
        let (before, handlers) = (registry.accepted(), registry.handlers());
        let closed = match timeout(deadline, registry.emptied()).await {
            Ok(()) => 0,
            Err(_) => registry.end_all(),
        };
        let CutOff { unclaimed, unfinished } = self.admission.cut_off();
        let handlers_running = registry.handlers();
        Drained {
            finished: before.saturating_sub(closed),
            closed,
            unclaimed,
            unfinished,
            handlers_finished: handlers.saturating_sub(handlers_running),
            handlers_running,
        }
    }

    /// What the server has done so far.
    pub fn counters(&self) -> Counters {
        self.admission.monitor.snapshot()
    }

    /// The context that new connections get; [replace](LiveContext::replace) or [reload](LiveContext::reload) it while
    /// the server runs.
    pub fn context(&self) -> &LiveContext {
        &self.admission.live
    }

    /// Whether a task waits for a stream.
    pub fn is_busy(&self) -> bool {
        self.admission.arrivals.is_busy()
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.admission.arrivals.is_closed()
    }

    /// Where it listens: with the port that was chosen, if port 0 was asked for.
    pub fn local_addr(&self) -> &Endpoint {
        self.admission.listener.local_addr()
    }
}

/// Whether such a server can serve at all.
fn check(live: &LiveContext, options: ServerOptions) -> Result<(), Error> {
    let context = live.current();
    context.server()?;
    if options.early_data && !context.has_early_data() {
        let problem =
            "the server shall receive early data (0-RTT), and its context does not: call early_data on its builder";
        return Err(ConfigError::new(ConfigPart::EarlyData, problem).into());
    }
    Ok(())
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
