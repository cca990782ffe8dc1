//! Listening for plain connections, with the original's server verbs.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};

use super::address::Address;
use super::any::{any, is_refusal};
use super::backoff::Backoff;
use super::connect::DEADLINE;
use super::handler::{HandlerError, HandlerResult};
use super::resolve::resolve_on;
use super::to_address::ToAddress;
use crate::endpoint::Endpoint;
use crate::error::{Error, Phase};
use crate::proto::{InputBuffer, Place, WaiterSlot};
use crate::runtime::{Core, Direction, Source, Wait, Watched, contain, current, no_machine, spawn_detached};
use crate::stream::{Plain, Stream, StreamOptions};
use crate::time::Deadline;
use crate::world::{Acceptor, Configurable, ListenOptions, OwnedListener};

/// Accepts connections at an address. To use it from several tasks, share it in an `Rc`.
///
/// One task waits at a time; another one gets [`Error::Busy`]. When the process or the machine has run out of file
/// descriptors or memory for sockets, accepting pauses and tries again, from 10 ms up to a second apart; the listener
/// stays open.
pub struct Listener {
    pub(super) state: RefCell<State>,
    local: Endpoint,
    /// Called with what handlers fail with; shared with their tasks.
    on_handler_error: Rc<RefCell<Option<ErrorHook>>>,
}

pub(super) struct State {
    pub(super) slot: WaiterSlot<Wait>,
    /// `None` when it is closed.
    pub(super) open: Option<Open>,
    /// Called when accepting begins to pause.
    pub(super) on_pause: Option<PauseHook>,
    pub(super) backoff: Backoff,
}

/// Called with the reason of a pause.
type PauseHook = Rc<dyn Fn(&Error)>;

/// Called with the peer and the error of a handler.
type ErrorHook = Rc<dyn Fn(&Endpoint, &HandlerError)>;

pub(super) struct Open {
    watched: Watched,
    acceptor: Rc<dyn Acceptor>,
}

impl Open {
    fn try_accept(&self) -> io::Result<(Source, Endpoint)> {
        let accepted = self.watched.attempt(Direction::Read, || self.acceptor.accept());
        let (socket, peer) = accepted?;
        Ok((Source::new(self.watched.core(), socket)?, peer))
    }

    pub(super) fn watched(&self) -> &Watched {
        &self.watched
    }
}

impl Listener {
    /// Listens at `address`; port 0 asks for a free one. `[::]` means IPv4 as well; `:443` is that, or IPv4 alone on a
    /// machine without IPv6. A name stands for one of its addresses, the first that can be listened at: `localhost` is
    /// `127.0.0.1` or `[::1]`, and not both. A Unix-domain socket leaves its file behind when it is closed; remove it
    /// before listening there again.
    ///
    /// ```
    /// # use lem_rs::{Error, Listener, Machine};
    /// # Machine::new()?.run(async {
    /// let listener = Listener::bind("127.0.0.1:0").await?;
    /// println!("listening on {}", listener.local_addr());
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Address`]; [`Error::Resolve`], [`Error::Timeout`] after 30 s of that, or [`Error::Task`] if no thread can
    /// look up a name; [`Error::Io`] if the address cannot be used (in use, not ours, not permitted); [`Error::Misuse`]
    /// outside of a machine.
    ///
    /// **Cancel safety:** dropping it opens nothing.
    ///
    /// ```
    /// # use lem_rs::{Error, Listener, Machine};
    /// # Machine::new()?.run(async {
    /// // A free port, on every interface.
    /// let listener = Listener::bind(":0").await?;
    /// println!("listening on {}", listener.local_addr());
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    pub async fn bind(address: impl ToAddress) -> Result<Self, Error> {
        Self::bind_with(address, ListenOptions::default()).await
    }

    /// As [`bind`](Self::bind), with options.
    ///
    /// ```
    /// # use lem_rs::{Error, ListenOptions, Listener, Machine};
    /// # Machine::new()?.run(async {
    /// let options = ListenOptions::default().backlog(16);
    /// let listener = Listener::bind_with("127.0.0.1:0", options).await?;
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    ///
    /// **Cancel safety:** as [`bind`](Self::bind).
    pub async fn bind_with(address: impl ToAddress, options: ListenOptions) -> Result<Self, Error> {
        let address = address.to_address()?;
        let core = current().ok_or_else(no_machine)?;
        let candidates: Vec<Endpoint> = match &address {
            Address::Name { host, port } => {
                let found = resolve_on(&core, host, *port);
                let found = Deadline::after(DEADLINE).limit(Phase::Resolve, &address, found).await?;
                found.into_iter().map(Endpoint::Ip).collect()
            }
            Address::Ip(ip) => vec![Endpoint::Ip(*ip)],
            Address::Any { port } => any(*port).into_iter().map(Endpoint::Ip).collect(),
            Address::Unix(path) => vec![Endpoint::Unix(Some(path.clone()))],
        };
        let failed = |error| Error::io(format!("listen on {address}"), with_hint(&address, error));
        let mut last = io::ErrorKind::AddrNotAvailable.into();
        for candidate in candidates {
            match core.world().factory().listen(&candidate, &options) {
                Ok(acceptor) => return Self::over(&core, acceptor).map_err(failed),
                Err(error) if matches!(address, Address::Any { .. }) && is_refusal(&error) => {
                    return Err(failed(error));
                }
                Err(error) => last = error,
            }
        }
        Err(failed(last))
    }

    /// Takes over a listening socket that was opened elsewhere: inherited from a supervisor, or by a process that gave
    /// up its rights since.
    ///
    /// ```
    /// # use lem_rs::{Error, Listener, Machine, TcpStream};
    /// # Machine::new()?.run(async {
    /// let inherited = std::net::TcpListener::bind("127.0.0.1:0").map_err(|error| Error::io("listen", error))?;
    /// let listener = Listener::adopt(inherited)?;
    /// let client = TcpStream::connect(listener.local_addr().clone()).await?;
    /// assert_eq!(listener.accept().await?.peer_addr()?, client.local_addr()?);
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`] if it does not listen for byte streams, or cannot be watched; [`Error::Misuse`] outside of a machine.
    pub fn adopt(listener: impl Into<OwnedListener>) -> Result<Self, Error> {
        let core = current().ok_or_else(no_machine)?;
        let adopted =
            core.world().factory().adopt_listener(listener.into()).and_then(|acceptor| Self::over(&core, acceptor));
        adopted.map_err(|error| Error::io("take over the listening socket", error))
    }

    fn over(core: &Rc<Core>, mut acceptor: Box<dyn Acceptor>) -> io::Result<Self> {
        let local = acceptor.local()?;
        let watched = Watched::acceptor(core, acceptor.as_mut())?;
        let state = State {
            slot: WaiterSlot::default(),
            open: Some(Open { watched, acceptor: Rc::from(acceptor) }),
            on_pause: None,
            backoff: Backoff::default(),
        };
        Ok(Self { state: RefCell::new(state), local, on_handler_error: Rc::default() })
    }

    /// Waits for the next connection.
    ///
    /// ```
    /// # use lem_rs::{Error, Listener, Machine, TcpStream};
    /// # Machine::new()?.run(async {
    /// let listener = Listener::bind("127.0.0.1:0").await?;
    /// let client = TcpStream::connect(listener.local_addr().clone()).await?;
    /// let stream = listener.accept().await?;
    /// assert_eq!(stream.peer_addr()?, client.local_addr()?);
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Busy`], [`Error::Interrupted`], [`Error::Closed`]; [`Error::Io`] if accepting fails for good.
    ///
    /// **Cancel safety:** dropping it loses no connection.
    pub async fn accept(&self) -> Result<Stream<Plain>, Error> {
        let (source, _) = self.accept_source().await?;
        Ok(Stream::new(Plain::new(source), InputBuffer::default(), StreamOptions::default()))
    }

    /// Accepts connections and starts a task with `handler` for each, until it is interrupted or closed. A panic in a
    /// handler ends that connection only; an error that it returns is told to
    /// [`on_handler_error`](Self::on_handler_error).
    ///
    /// ```no_run
    /// # use lem_rs::{Error, Listener, Machine, ReadMode};
    /// # Machine::new()?.run(async {
    /// let listener = Listener::bind(":7").await?;
    /// listener.on_handler_error(|peer, error| eprintln!("{peer}: {error}"));
    /// listener
    ///     .autospawn(|stream| async move {
    ///         let line = stream.read(ReadMode::Line).await?;
    ///         stream.write(&line).await
    ///     })
    ///     .await
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// ```
    /// # use lem_rs::{Error, Listener, Machine, ReadMode, TcpStream, spawn};
    /// # Machine::new()?.run(async {
    /// let listener = Listener::bind("127.0.0.1:0").await?;
    /// let address = listener.local_addr().clone();
    /// let serving = spawn(async move {
    ///     let echo = |stream: TcpStream| async move {
    ///         while let Ok(line) = stream.read(ReadMode::Line).await {
    ///             let _ = stream.write(&line).await;
    ///         }
    ///     };
    ///     listener.autospawn(echo).await
    /// });
    /// let stream = TcpStream::connect(address).await?;
    /// stream.write("hello\n").await?;
    /// assert_eq!(stream.read(ReadMode::Line).await?, b"hello\n");
    /// serving.cancel();
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`accept`](Self::accept): it only ever returns an error, usually [`Error::Interrupted`] or [`Error::Closed`].
    ///
    /// **Cancel safety:** dropping it loses no connection; handlers go on.
    pub async fn autospawn<F>(&self, handler: impl Fn(Stream<Plain>) -> F) -> Result<(), Error>
    where
        F: Future<Output: HandlerResult> + 'static,
    {
        loop {
            let (source, peer) = self.accept_source().await?;
            let stream = Stream::new(Plain::new(source), InputBuffer::default(), StreamOptions::default());
            // It may panic before there is a future, too; we go on accepting.
            let mut handling = None;
            contain(|| handling = Some(handler(stream)));
            let Some(handling) = handling else { continue };
            let hook = self.on_handler_error.clone();
            spawn_detached(async move {
                if let Some(error) = handling.await.into_error() {
                    let hook = hook.borrow().clone();
                    if let Some(hook) = hook {
                        hook(&peer, &error);
                    }
                }
            });
        }
    }

    /// Calls `on_error` with the peer's address and with the error that a handler of [`autospawn`](Self::autospawn) has
    /// returned.
    pub fn on_handler_error(&self, on_error: impl Fn(&Endpoint, &HandlerError) + 'static) {
        let before = self.on_handler_error.borrow_mut().replace(Rc::new(on_error));
        drop(before);
    }

    /// Interrupts the task that accepts: it gets [`Error::Interrupted`].
    ///
    /// ```
    /// # use lem_rs::{Error, Listener, Machine, sleep, spawn};
    /// # use std::time::Duration;
    /// # use std::rc::Rc;
    /// # Machine::new()?.run(async {
    /// let listener = Rc::new(Listener::bind("127.0.0.1:0").await?);
    /// let accepting = listener.clone();
    /// let task = spawn(async move { accepting.accept().await.map(drop) });
    /// sleep(Duration::from_millis(1)).await;
    /// listener.interrupt()?;
    /// assert!(matches!(task.await?, Err(Error::Interrupted)));
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NotBusy`] if no task does.
    pub fn interrupt(&self) -> Result<(), Error> {
        let mut state = self.state.borrow_mut();
        let State { slot, open: Some(open), .. } = &mut *state else { return Err(Error::NotBusy) };
        let waiter = slot.release().ok_or(Error::NotBusy)?;
        let parked = open.watched.take_waiter(Direction::Read);
        let core = open.watched.core().clone();
        drop(state);
        drop(parked);
        core.wake(waiter);
        Ok(())
    }

    /// Closes the listener; a task that accepts is interrupted. Connections that were accepted live on.
    ///
    /// # Errors
    /// [`Error::AlreadyClosed`] the second time.
    pub fn close(&self) -> Result<(), Error> {
        let mut state = self.state.borrow_mut();
        let open = state.open.take().ok_or(Error::AlreadyClosed)?;
        let waiter = state.slot.release();
        drop(state);
        if let Some(waiter) = waiter {
            open.watched.core().wake(waiter);
        }
        Ok(())
    }

    /// Calls `on_event` when accepting has to pause because descriptors or memory have run out, or 64 connections in a row
    /// were gone before they were accepted: once until a connection is accepted again, however often that is tried
    /// meanwhile.
    pub fn on_pause(&self, on_event: impl Fn(&Error) + 'static) {
        let before = self.state.borrow_mut().on_pause.replace(Rc::new(on_event));
        drop(before);
    }

    /// Whether a task waits for a connection.
    pub fn is_busy(&self) -> bool {
        self.state.borrow().slot.is_busy()
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.state.borrow().open.as_ref().is_none_or(|open| open.watched.core().is_over())
    }

    /// Where it listens: with the port that was chosen, if port 0 was asked for.
    pub fn local_addr(&self) -> &Endpoint {
        &self.local
    }

    /// As [`local_addr`](Self::local_addr), for a listener on IP.
    pub fn local_ip(&self) -> Option<SocketAddr> {
        self.local.ip()
    }

    /// Its machine; `None` when it is closed.
    pub(super) fn core(&self) -> Option<Rc<Core>> {
        self.state.borrow().open.as_ref().map(|open| open.watched.core().clone())
    }

    /// The socket, for its options; `None` when it is closed.
    pub(super) fn configurable(&self) -> Option<Weak<dyn Configurable>> {
        let acceptor = self.state.borrow().open.as_ref().map(|open| open.acceptor.clone())?;
        let acceptor: Rc<dyn Configurable> = acceptor;
        Some(Rc::downgrade(&acceptor))
    }

    /// The next connection, if there is one; `None` when it is closed.
    pub(super) fn try_accept(&self) -> Option<io::Result<(Source, Endpoint)>> {
        self.state.borrow().open.as_ref().map(Open::try_accept)
    }

    pub(super) fn report_pause(&self, error: io::Error) {
        let hook = self.state.borrow().on_pause.clone();
        if let Some(hook) = hook {
            hook(&Error::io(format!("accept on {}", self.local), error));
        }
    }

    /// An accept that waited is over.
    pub(super) fn leave(&self, place: &mut Place) {
        let mut state = self.state.borrow_mut();
        let waiter = state.slot.leave(place);
        let open = if waiter.is_some() { &state.open } else { &None };
        let parked = open.as_ref().and_then(|open| open.watched.take_waiter(Direction::Read));
        drop(state);
        drop((waiter, parked));
    }
}

/// An ordinary end leaves the file of a Unix-domain socket behind, so it is in the way more often than somebody is
/// there.
fn with_hint(address: &Address, error: io::Error) -> io::Error {
    if !matches!(address, Address::Unix(_)) || error.kind() != io::ErrorKind::AddrInUse {
        return error;
    }
    io::Error::new(error.kind(), "address already in use: if no other process listens there, remove the file first")
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("local", &self.local).finish_non_exhaustive()
    }
}
