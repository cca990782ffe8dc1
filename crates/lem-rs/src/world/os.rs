//! The real world: the operating system's clock and sockets, through mio.

mod adopted;
mod datagram;
#[cfg(unix)]
mod descriptor;
mod kinds;
mod listen;
mod options;
mod peer;
#[cfg(feature = "signal")]
mod signals;

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use mio::net::{UnixListener, UnixStream};
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use socket2::SockRef;

#[cfg(all(feature = "activation", target_os = "linux"))]
pub(crate) use self::adopted::listener_of;
use self::adopted::{is_plain_tcp, listener_by_family, socket_by_family};
use self::kinds::{Listener, Stream};
use self::listen::listen_tcp;
use self::peer::{Kept, KeptPeer};
#[cfg(unix)]
use super::Registration;
use super::{
    Acceptor, Configurable, Datagram, Factory, ListenOptions, Notify, OwnedListener, OwnedSocket, ReadyEvent, Socket,
    SocketFactory, UdpOptions, World,
};
#[cfg(feature = "signal")]
use super::{Signal, SignalSource};
use crate::endpoint::Endpoint;

/// How many events one wait can report. What does not fit is reported by the next wait; nothing is lost.
const EVENTS_PER_WAIT: usize = 1024;

/// The notifier's token; no packed key is ever all ones (see `runtime::key`).
const NOTIFIED: Token = Token(usize::MAX);

pub(crate) struct OsWorld {
    poll: RefCell<Poll>,
    events: RefCell<Events>,
    registry: Rc<Registry>,
    waker: Arc<Waker>,
}

impl OsWorld {
    pub(crate) fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let registry = Rc::new(poll.registry().try_clone()?);
        let waker = Arc::new(Waker::new(&registry, NOTIFIED)?);
        let events = RefCell::new(Events::with_capacity(EVENTS_PER_WAIT));
        Ok(Self { poll: RefCell::new(poll), events, registry, waker })
    }

    /// A connection that we have begun.
    fn stream<S: Stream + 'static>(&self, stream: S, to: &Endpoint) -> Box<dyn Socket> {
        socket(stream, &self.registry, S::SHORT_MEANS_EMPTY, to)
    }

    /// A connection that was opened elsewhere. The kernel may serve it in other ways than one of ours: by records, for
    /// example, where it decrypts them (kTLS).
    fn adopted<S: Stream + 'static>(&self, stream: S) -> Box<dyn Socket> {
        let registry = self.registry.clone();
        Box::new(OsSocket { stream, registry, short_means_empty: false, shared: true, peer: () })
    }

    fn acceptor<L: Listener + 'static>(&self, listener: L) -> Box<dyn Acceptor> {
        let registry = self.registry.clone();
        Box::new(OsAcceptor { listener, registry, short_means_empty: L::Stream::SHORT_MEANS_EMPTY, shared: false })
    }

    fn adopted_acceptor<L: Listener + 'static>(&self, listener: L, plain: bool) -> Box<dyn Acceptor> {
        let short_means_empty = plain && L::Stream::SHORT_MEANS_EMPTY;
        Box::new(OsAcceptor { listener, registry: self.registry.clone(), short_means_empty, shared: true })
    }
}

impl World for OsWorld {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wait(&self, limit: Option<Duration>, ready: &mut Vec<ReadyEvent>) -> io::Result<bool> {
        let mut events = self.events.borrow_mut();
        match self.poll.borrow_mut().poll(&mut events, limit) {
            // A signal arrived; the machine asks again with what is left of the time.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(true),
            result => result?,
        }
        ready.extend(events.iter().filter(|event| event.token() != NOTIFIED).map(|event| {
            let failed = event.is_error();
            ReadyEvent {
                token: event.token().0,
                readable: event.is_readable() || event.is_read_closed() || failed,
                writable: event.is_writable() || event.is_write_closed() || failed,
                read_closed: event.is_read_closed() || failed,
                failed,
                urgent: event.is_priority(),
            }
        }));
        Ok(true)
    }

    fn stall_recheck_interval(&self) -> Option<Duration> {
        Some(Duration::from_secs(1))
    }

    fn notifier(&self) -> Arc<dyn Notify> {
        self.waker.clone()
    }

    fn connect(&self, to: &Endpoint) -> io::Result<Box<dyn Socket>> {
        match to {
            Endpoint::Ip(address) => {
                let stream = TcpStream::connect(*address)?;
                // Disable Nagle's algorithm: callers batch their writes, and with delayed acknowledgements it adds 40 ms.
                // It can fail only if the connection has already failed, which `connected` reports.
                let _ = stream.set_nodelay(true);
                Ok(self.stream(stream, to))
            }
            #[cfg(unix)]
            Endpoint::Unix(Some(path)) => Ok(self.stream(UnixStream::connect(path)?, to)),
            Endpoint::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    fn factory(&self) -> Factory<'_> {
        Factory::Os(self)
    }
}

impl SocketFactory for OsWorld {
    fn listen(&self, at: &Endpoint, options: &ListenOptions) -> io::Result<Box<dyn Acceptor>> {
        match at {
            Endpoint::Ip(address) => Ok(self.acceptor(TcpListener::from_std(listen_tcp(*address, options)?))),
            #[cfg(unix)]
            Endpoint::Unix(Some(path)) => {
                let listener = UnixListener::bind(path)?;
                // It listens already; this sets how many connections may wait.
                SockRef::from(&listener).listen(listen::backlog(options))?;
                Ok(self.acceptor(listener))
            }
            Endpoint::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    fn adopt_listener(&self, listener: OwnedListener) -> io::Result<Box<dyn Acceptor>> {
        match listener_by_family(listener)? {
            OwnedListener::Tcp(listener) => {
                let plain = is_plain_tcp(&SockRef::from(&listener));
                Ok(self.adopted_acceptor(TcpListener::from_std(listener), plain))
            }
            #[cfg(unix)]
            OwnedListener::Unix(listener) => Ok(self.adopted_acceptor(UnixListener::from_std(listener), false)),
        }
    }

    fn adopt(&self, socket: OwnedSocket) -> io::Result<Box<dyn Socket>> {
        match socket_by_family(socket)? {
            OwnedSocket::Tcp(stream) => {
                stream.set_nodelay(true)?;
                Ok(self.adopted(TcpStream::from_std(stream)))
            }
            #[cfg(unix)]
            OwnedSocket::Unix(stream) => Ok(self.adopted(UnixStream::from_std(stream))),
        }
    }

    fn datagram(&self, at: SocketAddr, options: &UdpOptions) -> io::Result<Box<dyn Datagram>> {
        datagram::bind(self.registry.clone(), at, options)
    }

    fn adopt_datagram(&self, socket: std::net::UdpSocket) -> io::Result<Box<dyn Datagram>> {
        datagram::adopt(self.registry.clone(), socket)
    }

    #[cfg(unix)]
    fn watch_descriptor(&self, descriptor: BorrowedFd<'_>, token: usize) -> io::Result<Box<dyn Registration>> {
        descriptor::watch(self.registry.clone(), descriptor, token)
    }

    #[cfg(feature = "signal")]
    fn signals(&self, wanted: &[Signal]) -> io::Result<Box<dyn SignalSource>> {
        signals::receive(self.registry.clone(), wanted)
    }
}

impl Notify for Waker {
    fn notify(&self) {
        // It can fail only if the machine is gone, and then there is nobody to wake.
        let _ = self.wake();
    }
}

struct OsSocket<S: Stream, P: KeptPeer = ()> {
    stream: S,
    registry: Rc<Registry>,
    short_means_empty: bool,
    /// Somebody else may have a duplicate of the descriptor. Of such a one no peer is kept.
    shared: bool,
    peer: P,
}

/// A socket of ours, which is connected to this peer or is to be.
fn socket<S: Stream + 'static>(
    stream: S,
    registry: &Rc<Registry>,
    short_means_empty: bool,
    peer: &Endpoint,
) -> Box<dyn Socket> {
    let (registry, shared) = (registry.clone(), false);
    match Kept::of(peer) {
        Kept::Nothing => Box::new(OsSocket { stream, registry, short_means_empty, shared, peer: () }),
        Kept::V4(peer) => Box::new(OsSocket { stream, registry, short_means_empty, shared, peer }),
        Kept::Mapped(peer) => Box::new(OsSocket { stream, registry, short_means_empty, shared, peer }),
        Kept::V6(peer) => Box::new(OsSocket { stream, registry, short_means_empty, shared, peer }),
    }
}

impl<S: Stream, P: KeptPeer> Socket for OsSocket<S, P> {
    fn watch(&mut self, token: usize) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let interest = if self.short_means_empty { interest | Interest::PRIORITY } else { interest };
        self.registry.register(&mut self.stream, Token(token), interest)
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        uninterrupted(|| self.stream.read(buffer))
    }

    fn write(&self, data: &[u8]) -> io::Result<usize> {
        uninterrupted(|| self.stream.write(data))
    }

    fn write_before_fin(&self, data: &[u8]) -> io::Result<usize> {
        // What the kernel serves in another way (kTLS, MPTCP) might wait in another way.
        if !self.short_means_empty {
            return self.write(data);
        }
        uninterrupted(|| self.stream.write_before_fin(data))
    }

    fn finish(&self) -> io::Result<()> {
        self.stream.finish()
    }

    fn cut(&self) -> io::Result<()> {
        self.stream.cut()
    }

    fn reset_when_closed(&self) -> io::Result<()> {
        self.stream.reset_when_closed()
    }

    fn connected(&self) -> io::Result<()> {
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        Ok(())
    }

    fn failure(&self) -> Option<io::Error> {
        self.stream.take_error().ok().flatten()
    }

    fn peer(&self) -> io::Result<Endpoint> {
        self.peer.endpoint().map_or_else(|| self.stream.peer(), Ok)
    }

    fn local(&self) -> io::Result<Endpoint> {
        self.stream.local()
    }

    fn short_means_empty(&self) -> bool {
        self.short_means_empty
    }

    /// Not an adopted one: the kernel may serve it in other ways.
    fn is_announced(&self) -> bool {
        !self.shared
    }
}

impl<S: Stream, P: KeptPeer> Drop for OsSocket<S, P> {
    fn drop(&mut self) {
        // Closing a descriptor ends its registration only if it is the last one of its socket. Without this a duplicate
        // would go on reporting events, and keep another one from being registered under the same number.
        if self.shared {
            let _ = self.registry.deregister(&mut self.stream);
        }
    }
}

struct OsAcceptor<L: Listener> {
    listener: L,
    registry: Rc<Registry>,
    /// What a short read or write means on its connections.
    short_means_empty: bool,
    /// As [`OsSocket::shared`].
    shared: bool,
}

impl<L: Listener> Drop for OsAcceptor<L> {
    fn drop(&mut self) {
        if self.shared {
            let _ = self.registry.deregister(&mut self.listener);
        }
    }
}

impl<L: Listener> Acceptor for OsAcceptor<L> {
    fn watch(&mut self, token: usize) -> io::Result<()> {
        self.registry.register(&mut self.listener, Token(token), Interest::READABLE)
    }

    fn accept(&self) -> io::Result<(Box<dyn Socket>, Endpoint)> {
        let (stream, peer) = self.listener.accept()?;
        Ok((socket(stream, &self.registry, self.short_means_empty, &peer), peer))
    }

    fn local(&self) -> io::Result<Endpoint> {
        self.listener.local()
    }
}

impl<S: Stream, P: KeptPeer> Configurable for OsSocket<S, P> {
    fn sock_ref(&self) -> Option<SockRef<'_>> {
        Some(self.stream.sock_ref())
    }
}

impl<L: Listener> Configurable for OsAcceptor<L> {
    fn sock_ref(&self) -> Option<SockRef<'_>> {
        Some(self.listener.sock_ref())
    }
}

/// A signal is no reason to give up a call that does not block.
fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use std::net::SocketAddrV4;

    use super::peer::{Mapped, V6};
    use super::*;

    /// A quiet connection is little more than this, with two counters in front. Allocators round up to 16 bytes, less the
    /// eight in front of each block: an IPv4 address stands where there was nothing before.
    #[test]
    fn a_peer_that_is_kept_takes_room_that_was_there() {
        const COUNTERS: usize = 16;
        let block = |size: usize| (COUNTERS + size + 8).next_multiple_of(16);
        let without = block(size_of::<OsSocket<TcpStream>>());
        assert_eq!(block(size_of::<OsSocket<TcpStream, SocketAddrV4>>()), without);
        assert_eq!(block(size_of::<OsSocket<TcpStream, Mapped>>()), without);
        assert_eq!(block(size_of::<OsSocket<TcpStream, V6>>()), without + 16);
    }
}
