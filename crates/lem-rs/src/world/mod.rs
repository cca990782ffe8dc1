//! The one seam between the machine and what is outside of it: the clock, readiness, sockets.
//!
//! The machine above knows only these traits. [`os`] is the real world; a simulated one stands behind the same seam.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
#[cfg(unix)]
use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::endpoint::Endpoint;

mod datagram;
mod factory;
mod os;
#[cfg(feature = "signal")]
mod signal;

#[cfg(unix)]
pub(crate) use datagram::Registration;
pub use datagram::UdpOptions;
pub(crate) use datagram::{Configurable, Datagram, Group};
pub(crate) use factory::SocketFactory;
pub(crate) use os::OsWorld;
#[cfg(all(feature = "activation", target_os = "linux"))]
pub(crate) use os::listener_of;
#[cfg(feature = "signal")]
pub use signal::Signal;
#[cfg(feature = "signal")]
pub(crate) use signal::SignalSource;

/// What the machine needs from outside.
pub(crate) trait World {
    /// The time. Never goes backwards.
    fn now(&self) -> Instant;

    /// Waits until a socket is ready, the [`Notify`] is used, or `limit` has passed (`None`: no limit), and appends
    /// what happened to `events`. May return early with nothing. `Ok(false)` says that without a limit nothing would ever
    /// happen; the real world never knows that.
    fn wait(&self, limit: Option<Duration>, events: &mut Vec<ReadyEvent>) -> io::Result<bool>;

    /// How long to wait at most where only another thread could wake a task: that one may drop its waker without a word,
    /// and then the machine has stalled. `None` in a world without other threads.
    fn stall_recheck_interval(&self) -> Option<Duration>;

    /// Takes a blocking call over, to run it in a way of its own; or gives it back, for a worker thread.
    fn take_over(&self, job: Job) -> Option<Job> {
        Some(job)
    }

    /// What ends a [`wait`](Self::wait) from another thread.
    fn notifier(&self) -> Arc<dyn Notify>;

    /// Begins to connect. The socket becomes writable when that has succeeded or failed.
    fn connect(&self, to: &Endpoint) -> io::Result<Box<dyn Socket>>;

    /// What opens everything else.
    fn factory(&self) -> Factory<'_>;
}

/// Who opens what not every program has. The operating system is no trait object here: so the compiler sees which of its methods are called, and a
/// program that only connects contains nothing that listens.
pub(crate) enum Factory<'a> {
    Os(&'a OsWorld),
    #[cfg(feature = "sim")]
    Simulated(&'a dyn SocketFactory),
}

impl Factory<'_> {
    pub(crate) fn listen(&self, at: &Endpoint, options: &ListenOptions) -> io::Result<Box<dyn Acceptor>> {
        match self {
            Self::Os(os) => os.listen(at, options),
            #[cfg(feature = "sim")]
            Self::Simulated(factory) => factory.listen(at, options),
        }
    }

    pub(crate) fn adopt_listener(&self, listener: OwnedListener) -> io::Result<Box<dyn Acceptor>> {
        match self {
            Self::Os(os) => os.adopt_listener(listener),
            #[cfg(feature = "sim")]
            Self::Simulated(factory) => factory.adopt_listener(listener),
        }
    }

    pub(crate) fn adopt(&self, socket: OwnedSocket) -> io::Result<Box<dyn Socket>> {
        match self {
            Self::Os(os) => os.adopt(socket),
            #[cfg(feature = "sim")]
            Self::Simulated(factory) => factory.adopt(socket),
        }
    }

    pub(crate) fn datagram(&self, at: SocketAddr, options: &UdpOptions) -> io::Result<Box<dyn Datagram>> {
        match self {
            Self::Os(os) => os.datagram(at, options),
            #[cfg(feature = "sim")]
            Self::Simulated(factory) => factory.datagram(at, options),
        }
    }

    pub(crate) fn adopt_datagram(&self, socket: std::net::UdpSocket) -> io::Result<Box<dyn Datagram>> {
        match self {
            Self::Os(os) => os.adopt_datagram(socket),
            #[cfg(feature = "sim")]
            Self::Simulated(factory) => factory.adopt_datagram(socket),
        }
    }

    #[cfg(unix)]
    pub(crate) fn watch_descriptor(
        &self,
        descriptor: BorrowedFd<'_>,
        token: usize,
    ) -> io::Result<Box<dyn Registration>> {
        match self {
            Self::Os(os) => os.watch_descriptor(descriptor, token),
            #[cfg(feature = "sim")]
            Self::Simulated(factory) => factory.watch_descriptor(descriptor, token),
        }
    }

    #[cfg(feature = "signal")]
    pub(crate) fn signals(&self, wanted: &[Signal]) -> io::Result<Box<dyn SignalSource>> {
        match self {
            Self::Os(os) => os.signals(wanted),
            #[cfg(feature = "sim")]
            Self::Simulated(factory) => factory.signals(wanted),
        }
    }
}

/// A call that blocks. It catches its own panics.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// Ends a wait, from any thread.
pub(crate) trait Notify: Send + Sync {
    fn notify(&self);
}

/// A byte stream. Nothing here blocks: "not now" is `WouldBlock`.
pub(crate) trait Socket: Configurable {
    /// Reports readiness of this socket under `token`, by edges: an event is due after each `WouldBlock`, and after a
    /// short read or write if [`short_means_empty`](Self::short_means_empty).
    fn watch(&mut self, token: usize) -> io::Result<()>;
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize>;
    fn write(&self, data: &[u8]) -> io::Result<usize>;
    /// As [`write`](Self::write), when [`finish`](Self::finish) follows as soon as everything is taken: what goes into one
    /// packet with FIN may wait for it.
    fn write_before_fin(&self, data: &[u8]) -> io::Result<usize> {
        self.write(data)
    }
    /// Sends FIN behind what was written.
    fn finish(&self) -> io::Result<()>;
    /// Ends both directions at once, as far as there is such a thing.
    fn cut(&self) -> io::Result<()> {
        self.finish()
    }
    /// Closing it sends RST from now on, and not FIN, if there is such a thing.
    fn reset_when_closed(&self) -> io::Result<()>;
    /// After the first writability: whether connecting worked. Where no event [announces](Self::is_announced) that, it may
    /// be asked before: `WouldBlock` if it is not decided yet.
    fn connected(&self) -> io::Result<()>;
    /// Why the connection is gone, if it is and no call has said so. Behind the peer's FIN a read does not.
    fn failure(&self) -> Option<io::Error>;
    fn peer(&self) -> io::Result<Endpoint>;
    fn local(&self) -> io::Result<Endpoint>;
    /// Whether a read or write of fewer bytes than asked for says that there is no more now, which saves the call
    /// that would only return `WouldBlock` (epoll(7), "Questions and answers", 9). A read may yet end early before what
    /// [`ReadyEvent`] tells: an urgent byte, the peer's end, a failure.
    fn short_means_empty(&self) -> bool;
    /// Whether watching it brings an event for what it is ready for by then, so that no call is worth making before that
    /// event.
    fn is_announced(&self) -> bool;
}

/// A listening socket.
pub(crate) trait Acceptor: Configurable {
    /// As [`Socket::watch`].
    fn watch(&mut self, token: usize) -> io::Result<()>;
    fn accept(&self) -> io::Result<(Box<dyn Socket>, Endpoint)>;
    fn local(&self) -> io::Result<Endpoint>;
}

/// One report of [`World::wait`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadyEvent {
    pub(crate) token: usize,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// The peer has sent its FIN, or the socket has failed: reading never blocks again.
    pub(crate) read_closed: bool,
    /// The socket has failed.
    pub(crate) failed: bool,
    /// An urgent byte is among what has arrived: a read ends before it, whatever stands behind it.
    pub(crate) urgent: bool,
}

/// A socket of the standard library, to be taken over.
#[derive(Debug)]
#[non_exhaustive]
pub enum OwnedSocket {
    /// A connected TCP socket.
    Tcp(std::net::TcpStream),
    /// A connected Unix-domain socket.
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixStream),
}

/// A listening socket of the standard library, to be taken over: one that was inherited, for example.
#[derive(Debug)]
#[non_exhaustive]
pub enum OwnedListener {
    /// A listening TCP socket.
    Tcp(std::net::TcpListener),
    /// A listening Unix-domain socket.
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixListener),
}

impl From<std::net::TcpListener> for OwnedListener {
    fn from(listener: std::net::TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

#[cfg(unix)]
impl From<std::os::unix::net::UnixListener> for OwnedListener {
    fn from(listener: std::os::unix::net::UnixListener) -> Self {
        Self::Unix(listener)
    }
}

/// How to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListenOptions {
    /// How many connections the kernel keeps until they are accepted; it may have a lower bound of its own. Default
    /// 1024.
    pub backlog: u32,
    /// Several listeners, of one process or of several, share the address, and the kernel spreads connections over them
    /// (`SO_REUSEPORT`). Default off. For IP only.
    pub reuse_port: bool,
}

impl ListenOptions {
    /// Sets [`backlog`](Self#structfield.backlog).
    #[must_use]
    pub fn backlog(self, backlog: u32) -> Self {
        Self { backlog, ..self }
    }

    /// Sets [`reuse_port`](Self#structfield.reuse_port).
    #[must_use]
    pub fn reuse_port(self, reuse_port: bool) -> Self {
        Self { reuse_port, ..self }
    }
}

impl Default for ListenOptions {
    fn default() -> Self {
        Self { backlog: 1024, reuse_port: false }
    }
}

/// Turns names into addresses.
///
/// The machine's own asks the operating system (`getaddrinfo`) on a worker thread. Give another one to
/// [`MachineBuilder::resolver`](crate::MachineBuilder::resolver): a stub resolver on the machine itself, a fixed
/// table, a test that never answers.
pub trait Resolve {
    /// The addresses of `host`, best first (RFC 6724). `host` is never an address literal.
    ///
    /// Dropping the future ends the wait; the deadline is the caller's.
    fn resolve(&self, host: &str) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>>>>;
}
