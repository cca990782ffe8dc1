//! A socket that the machine watches, for those who build a transport on it.

use std::cell::{Cell, OnceCell};
use std::fmt;
use std::io;
use std::rc::{Rc, Weak};
use std::task::Context;

use super::core::Core;
use super::cpu_permit::CpuPermit;
use super::current::current;
use super::direction::Direction;
use super::key::Key;
use super::sources::Fin;
use super::wait::Registered;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::world::{Acceptor, Configurable, OwnedSocket, Socket};

/// The right to an entry in the machine's table of sockets; gone when dropped.
#[derive(Debug)]
pub(crate) struct Watched {
    core: Rc<Core>,
    key: Key,
}

impl Watched {
    pub(crate) fn new(core: &Rc<Core>) -> Self {
        let key = core.sources().borrow_mut().insert();
        Self { core: core.clone(), key }
    }

    pub(crate) fn token(&self) -> io::Result<usize> {
        self.key.to_token().ok_or_else(|| io::Error::other("the machine watches as many sockets as it can"))
    }

    pub(crate) fn core(&self) -> &Rc<Core> {
        &self.core
    }

    /// Watches a listening socket.
    pub(crate) fn acceptor(core: &Rc<Core>, acceptor: &mut dyn Acceptor) -> io::Result<Self> {
        let watched = Self::new(core);
        acceptor.watch(watched.token()?)?;
        Ok(watched)
    }

    /// Whether a call in this direction is worth making.
    pub(crate) fn is_ready(&self, direction: Direction) -> bool {
        self.core.sources().borrow().is_ready(self.key, direction)
    }

    /// Nothing is worth trying in this direction before the first event.
    pub(crate) fn assume_blocked(&self, direction: Direction) {
        // A new entry knows of no urgent byte, for which one more try would be worth making.
        let _ = self.core.sources().borrow_mut().blocked(self.key, direction);
    }

    /// Makes one call that does not block, unless it is known that it would say `WouldBlock`.
    pub(crate) fn attempt<T>(&self, direction: Direction, mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        if !self.is_ready(direction) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        loop {
            let result = call();
            let blocks = matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock);
            if !blocks || self.core.sources().borrow_mut().blocked(self.key, direction) {
                return result;
            }
        }
    }

    pub(crate) fn park(&self, direction: Direction, cx: &Context<'_>) {
        let before = self.replace_waiter(direction, Registered::Wait(self.core.wait_of(cx)));
        drop(before);
    }

    pub(crate) fn unpark(&self, direction: Direction) {
        let waiter = self.take_waiter(direction);
        drop(waiter);
    }

    /// As [`park`](Self::park), for a caller that has something borrowed: what it gets is to be dropped unborrowed.
    #[must_use = "a foreign waker's destructor is code of the user's: drop it with nothing borrowed"]
    pub(crate) fn replace_waiter(&self, direction: Direction, registered: Registered) -> Option<Registered> {
        self.core.sources().borrow_mut().replace_waiter(self.key, direction, registered)
    }

    /// As [`unpark`](Self::unpark), for a caller that has something borrowed.
    #[must_use = "a foreign waker's destructor is code of the user's: drop it with nothing borrowed"]
    pub(crate) fn take_waiter(&self, direction: Direction) -> Option<Registered> {
        self.core.sources().borrow_mut().take_waiter(self.key, direction)
    }
}

/// For streams, which drop what comes back when nothing of theirs is borrowed: a foreign waker runs foreign code.
impl Source {
    /// Registers what the next event of this direction wakes; hands out what stood there.
    #[must_use = "drop it with nothing borrowed"]
    pub(crate) fn register(&self, direction: Direction, registered: Registered) -> Option<Registered> {
        self.watched.replace_waiter(direction, registered)
    }

    /// Whether something is registered for the next event of this direction.
    pub(crate) fn is_registered(&self, direction: Direction) -> bool {
        self.core().sources().borrow().has_waiter(self.watched.key, direction)
    }

    /// Takes out what is registered.
    #[must_use = "drop it with nothing borrowed"]
    pub(crate) fn deregister(&self, direction: Direction) -> Option<Registered> {
        self.watched.take_waiter(direction)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let waiters = self.core.sources().borrow_mut().remove(self.key);
        drop(waiters);
    }
}

/// A connected byte stream (TCP, Unix-domain) that the machine watches: what a
/// [`Transport`](crate::transport::Transport) stands on.
///
/// No call blocks. After `WouldBlock`, [`park`](Self::park) the task and return `Pending`; it is woken when another
/// try is worthwhile. Wake-ups may be spurious.
pub struct Source {
    watched: Watched,
    socket: Rc<dyn Socket>,
    /// How many bytes were read.
    received: Cell<u64>,
    /// A write has met a reset. The kernel tells that once; a read after it would look like the peer's FIN.
    reset: Cell<bool>,
    /// FIN is sent as soon as everything is written.
    ending: Cell<bool>,
    /// What a proxy in front of us has said of the connection's ends: the peer's, and ours.
    proxied: OnceCell<Box<(Endpoint, Endpoint)>>,
}

impl Source {
    /// Takes over a connected socket that was opened elsewhere: inherited, accepted by other code, one end of a pair.
    ///
    /// It may be of any family (a descriptor can be wrapped in either type of the standard library), but has to be a byte
    /// stream. From now on it does not block, and neither does closing it, even where `SO_LINGER` said so. A former owner
    /// that has set `SO_RCVLOWAT` must set it back to 1: the kernel does not announce less than that.
    ///
    /// # Errors
    /// [`Error::Misuse`] outside of a machine; [`Error::Io`] if it is no byte stream, listens, or cannot be watched.
    pub fn adopt(socket: impl Into<OwnedSocket>) -> Result<Self, Error> {
        let core = current().ok_or_else(no_machine)?;
        let failed = |error| Error::io("take over the socket", error);
        let socket = core.world().factory().adopt(socket.into()).map_err(failed)?;
        Self::new(&core, socket).map_err(failed)
    }

    /// A connected socket. There is room to write, but whether there is something to read an event tells.
    pub(crate) fn new(core: &Rc<Core>, socket: Box<dyn Socket>) -> io::Result<Self> {
        Self::watch(core, socket, &[Direction::Read])
    }

    /// A socket that is connecting: an event tells when that is decided.
    pub(crate) fn connecting(core: &Rc<Core>, socket: Box<dyn Socket>) -> io::Result<Self> {
        Self::watch(core, socket, &[Direction::Read, Direction::Write])
    }

    fn watch(core: &Rc<Core>, mut socket: Box<dyn Socket>, blocked: &[Direction]) -> io::Result<Self> {
        let watched = Watched::new(core);
        if socket.is_announced() {
            blocked.iter().for_each(|direction| watched.assume_blocked(*direction));
        }
        socket.watch(watched.token()?)?;
        Ok(Self {
            watched,
            socket: Rc::from(socket),
            received: Cell::default(),
            reset: Cell::default(),
            ending: Cell::default(),
            proxied: OnceCell::new(),
        })
    }

    /// Reads what is there, into `buffer`, which must not be empty; zero is the peer's FIN. The task is
    /// [charged](Self::charge) for it.
    ///
    /// # Errors
    /// `WouldBlock` if nothing is there; otherwise what the operating system says.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = buffer.len();
        let count = self.watched.attempt(Direction::Read, || self.called(self.socket.read(buffer)))?;
        if count == 0 && self.reset.get() {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        self.received.set(self.received.get() + count as u64);
        if count > 0 && count < room && self.socket.short_means_empty() {
            self.core().sources().borrow_mut().short(self.watched.key, Direction::Read);
        }
        Ok(count)
    }

    /// Writes what the kernel takes of `data`, which must not be empty. The task is [charged](Self::charge) for it.
    ///
    /// # Errors
    /// `WouldBlock` if it takes nothing now; otherwise what the operating system says.
    pub fn try_write(&self, data: &[u8]) -> io::Result<usize> {
        let written = self.watched.attempt(Direction::Write, || {
            self.called(if self.ending.get() { self.socket.write_before_fin(data) } else { self.socket.write(data) })
        });
        match written {
            Ok(count) if count < data.len() && self.socket.short_means_empty() => {
                self.core().sources().borrow_mut().short(self.watched.key, Direction::Write);
            }
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(self.broken(error)),
            _ => {}
        }
        written
    }

    /// A write has failed. What the peer has said before may be there to be read, and its event still to come.
    #[cold]
    fn broken(&self, error: io::Error) -> io::Error {
        if error.kind() == io::ErrorKind::ConnectionReset {
            self.reset.set(true);
        }
        self.core().sources().borrow_mut().unblock(self.watched.key, Direction::Read);
        error
    }

    /// Charges the task that is being polled for work, as much as moving so many bytes would be. When it has spent its
    /// share, its stream gives way to other tasks. Reading and writing the socket are charged for already, by bytes and
    /// calls: a transport adds what else a peer makes it compute, such as records and new keys, so that no peer gets
    /// more than its share of the loop by what it sends.
    pub fn charge(&self, bytes: usize) {
        self.core().charge(bytes);
    }

    fn called(&self, result: io::Result<usize>) -> io::Result<usize> {
        self.charge(CALL_COST + *result.as_ref().unwrap_or(&0));
        result
    }

    /// How many bytes were read so far.
    pub(crate) fn received(&self) -> u64 {
        self.received.get()
    }

    /// Why the connection is gone, if it is and no call has said so. Behind the peer's FIN a read does not: it says FIN
    /// again.
    pub(crate) fn failure(&self) -> Option<io::Error> {
        self.socket.failure()
    }

    /// What is known of the peer's FIN, without a call.
    pub(crate) fn fin(&self) -> Fin {
        self.core().sources().borrow().fin(self.watched.key)
    }

    /// From now on only the protocol's goodbye is written, and [`finish`](Self::finish) follows as soon as the kernel has
    /// it: the two may go in one packet, for which the peer wakes once.
    pub(crate) fn begin_ending(&self) {
        self.ending.set(true);
    }

    /// Sends FIN behind what was written. Reading goes on.
    ///
    /// # Errors
    /// What the operating system says: usually that the connection is gone.
    pub fn finish(&self) -> io::Result<()> {
        self.socket.finish()
    }

    /// From now on, closing this resets the connection (RST): the peer sees a failure, and no end that could pass for a
    /// complete one. What it has not read yet may be lost, and so may what is under way to it. For relays, which must not
    /// turn a cut into an end; a Unix-domain socket knows no such thing, and just ends.
    ///
    /// # Errors
    /// What the operating system says: usually that the connection is gone.
    pub fn reset_when_closed(&self) -> io::Result<()> {
        self.socket.reset_when_closed()
    }

    /// The socket, for its options.
    pub(crate) fn configurable(&self) -> Weak<dyn Configurable> {
        let socket: Rc<dyn Configurable> = self.socket.clone();
        Rc::downgrade(&socket)
    }

    /// A way to cut the connection from elsewhere.
    pub fn handle(&self) -> SourceHandle {
        SourceHandle { socket: Rc::downgrade(&self.socket) }
    }

    /// Wakes the polling task when trying in this direction is worthwhile again. One task for each direction: a
    /// second one takes the place of the first.
    pub fn park(&self, direction: Direction, cx: &Context<'_>) {
        self.watched.park(direction, cx);
    }

    /// Nobody waits in this direction any more.
    pub fn unpark(&self, direction: Direction) {
        self.watched.unpark(direction);
    }

    /// Asks for the right to long computations.
    pub fn cpu_permit(&self) -> CpuPermit {
        CpuPermit::new(self.core())
    }

    /// The peer's address. Of a connection that was accepted or made here it is kept, and known after a reset as well.
    ///
    /// # Errors
    /// What the operating system says: usually that the connection is gone.
    pub fn peer(&self) -> io::Result<Endpoint> {
        self.proxied.get().map_or_else(|| self.socket.peer(), |ends| Ok(ends.0.clone()))
    }

    /// Our own address.
    ///
    /// # Errors
    /// What the operating system says: usually that the connection is gone.
    pub fn local(&self) -> io::Result<Endpoint> {
        self.proxied.get().map_or_else(|| self.socket.local(), |ends| Ok(ends.1.clone()))
    }

    /// Says whose connection this really is: a trusted proxy in front of us has told the `peer` that it accepted, and the
    /// address of its own at which it did (the PROXY protocol). From now on [`peer`](Self::peer) and [`local`](Self::local)
    /// are these, for streams on this socket too. It is said once; what is said later is ignored.
    pub fn proxied(&self, peer: Endpoint, local: Endpoint) {
        // The first header is the one of the trusted proxy.
        let _ = self.proxied.set(Box::new((peer, local)));
    }

    /// Whether connecting has worked; `WouldBlock` while that is open.
    pub(crate) fn try_connected(&self) -> io::Result<()> {
        match self.watched.attempt(Direction::Write, || self.socket.connected()) {
            // Who does not listen refuses; what is reset had stood. What the peer has said before is there to be read.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                self.reset.set(true);
                Ok(())
            }
            result => result,
        }
    }

    pub(crate) fn core(&self) -> &Rc<Core> {
        self.watched.core()
    }
}

/// What a system call on a socket costs, in bytes that could be moved meanwhile: about half a microsecond, and as much
/// again in the kernel's queues.
const CALL_COST: usize = 2 * 1024;

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("peer", &self.peer().ok()).finish_non_exhaustive()
    }
}

/// Cuts a connection that somebody else uses, without keeping it alive: for lists of what is open.
#[derive(Clone)]
pub struct SourceHandle {
    socket: Weak<dyn Socket>,
}

impl SourceHandle {
    /// Ends both directions at once, whatever is under way: the peer sees the end of the connection without the goodbye
    /// of a protocol above it, which is a truncated stream in TLS. False if the connection was gone.
    pub fn cut(&self) -> bool {
        self.socket.upgrade().is_some_and(|socket| socket.cut().is_ok())
    }
}

impl fmt::Debug for SourceHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceHandle").field("gone", &(self.socket.strong_count() == 0)).finish_non_exhaustive()
    }
}

impl From<std::net::TcpStream> for OwnedSocket {
    fn from(stream: std::net::TcpStream) -> Self {
        Self::Tcp(stream)
    }
}

#[cfg(unix)]
impl From<std::os::unix::net::UnixStream> for OwnedSocket {
    fn from(stream: std::os::unix::net::UnixStream) -> Self {
        Self::Unix(stream)
    }
}

/// What a verb says that needs a machine when none runs.
pub(crate) fn no_machine() -> Error {
    Error::Misuse("no machine runs on this thread: call this inside of Machine::run".into())
}
