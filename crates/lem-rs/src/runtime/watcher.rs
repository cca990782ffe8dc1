//! Readiness of a descriptor that is none of ours.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use socket2::SockRef;

use super::current::current;
use super::direction::Direction;
use super::shared_readiness::SharedReadiness;
use super::source::{Watched, no_machine};
use crate::error::Error;
use crate::world::Registration;

/// Tells when a descriptor can be read or written: for whatever the kernel can watch and this library does not know,
/// such as pipes, timers, `inotify`, raw sockets, a device, the socket of a C library. Unix only; in a simulated world
/// there are no such descriptors.
///
/// The watcher owns the descriptor and makes it one that does not block (`O_NONBLOCK`), which its duplicates share. It
/// is used through [`read_with`](Self::read_with), [`write_with`](Self::write_with) and [`try_io`](Self::try_io), which
/// learn from `WouldBlock` that it is not ready any more: the kernel tells of readiness once, when it begins.
///
/// Any number of tasks may wait; each event wakes all of them, in the order in which they came.
///
/// ```
/// # #[cfg(unix)] {
/// use lem_rs::{Error, Machine, Watcher, spawn};
/// use std::io::{PipeReader, Read, Write};
///
/// Machine::new()?.run(async {
///     let (reader, mut writer) = std::io::pipe().map_err(|error| Error::io("make a pipe", error))?;
///     let reader = Watcher::new(reader)?;
///     spawn(async move { writer.write_all(b"hello") }).detach();
///     let mut buffer = [0; 16];
///     let count = reader.read_with(|pipe: &PipeReader| { let mut pipe = pipe; pipe.read(&mut buffer) }).await?;
///     assert_eq!(&buffer[..count], b"hello");
///     Ok::<(), Error>(())
/// })??;
/// # }
/// # Ok::<(), lem_rs::Error>(())
/// ```
pub struct Watcher<D: AsFd = OwnedFd> {
    readiness: Rc<SharedReadiness>,
    /// `None` only while it is taken apart. Gone before the descriptor, which may be closed by then otherwise.
    registration: Option<Box<dyn Registration>>,
    descriptor: Option<D>,
}

impl<D: AsFd> Watcher<D> {
    /// Watches `descriptor`.
    ///
    /// # Errors
    /// [`Error::Io`] if the kernel cannot watch it (a regular file is always ready and cannot be watched), or watches
    /// it for this machine already; [`Error::Misuse`] outside of a machine.
    pub fn new(descriptor: D) -> Result<Self, Error> {
        let core = current().ok_or_else(no_machine)?;
        let failed = |error| Error::io("watch a descriptor", error);
        let watched = Watched::new(&core);
        let token = watched.token().map_err(failed)?;
        SockRef::from(&descriptor).set_nonblocking(true).map_err(failed)?;
        // The first event tells what is ready now.
        [Direction::Read, Direction::Write].into_iter().for_each(|direction| watched.assume_blocked(direction));
        let registration = core.world().factory().watch_descriptor(descriptor.as_fd(), token).map_err(failed)?;
        Ok(Self {
            readiness: SharedReadiness::new(watched),
            registration: Some(registration),
            descriptor: Some(descriptor),
        })
    }

    /// Waits until the descriptor can be read: something is there, or its end, or an error.
    ///
    /// It may be wrong, since another task may read first. Then [`try_io`](Self::try_io) says `WouldBlock`, and the
    /// next wait is one.
    ///
    /// ```
    /// # use lem_rs::{Error, Machine, Watcher, timeout};
    /// # use std::time::Duration;
    /// # Machine::new()?.run(async {
    /// use std::io::Write;
    /// use std::os::unix::net::UnixStream;
    ///
    /// let (ours, mut theirs) = UnixStream::pair().map_err(|error| Error::io("make a pair", error))?;
    /// let watcher = Watcher::new(ours)?;
    /// let waiting = timeout(Duration::from_millis(5), watcher.readable()).await;
    /// assert!(waiting.is_err());
    /// theirs.write_all(b"!").map_err(|error| Error::io("write", error))?;
    /// watcher.readable().await?;
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Closed`] if the machine is gone; [`Error::Misuse`] if it does not run on this thread.
    ///
    /// **Cancel safety:** dropping it loses nothing.
    pub async fn readable(&self) -> Result<(), Error> {
        self.readiness.until_ready(Direction::Read).await
    }

    /// Waits until the descriptor can be written, as [`readable`](Self::readable).
    ///
    /// # Errors
    /// As [`readable`](Self::readable).
    ///
    /// **Cancel safety:** as [`readable`](Self::readable).
    pub async fn writable(&self) -> Result<(), Error> {
        self.readiness.until_ready(Direction::Write).await
    }

    /// Makes one call on the descriptor, if it is ready in this direction. A call that says `WouldBlock` ends the
    /// readiness: the next [`readable`](Self::readable) or [`writable`](Self::writable) waits for the next event.
    ///
    /// # Errors
    /// `WouldBlock` if it is not ready, or what the call says.
    pub fn try_io<R>(&self, direction: Direction, mut call: impl FnMut(&D) -> io::Result<R>) -> io::Result<R> {
        self.readiness.attempt(direction, || call(self.get_ref()))
    }

    /// Waits until the descriptor can be read and makes `call`, again if it says `WouldBlock`.
    ///
    /// # Errors
    /// [`Error::Io`] with what the call says; otherwise as [`readable`](Self::readable).
    ///
    /// **Cancel safety:** dropping it makes no call; one that was made has returned.
    pub async fn read_with<R>(&self, mut call: impl FnMut(&D) -> io::Result<R>) -> Result<R, Error> {
        let read = self.readiness.until_done(Direction::Read, || call(self.get_ref())).await?;
        read.map_err(|error| Error::io("read from a descriptor", error))
    }

    /// Waits until the descriptor can be written and makes `call`, again if it says `WouldBlock`.
    ///
    /// # Errors
    /// [`Error::Io`] with what the call says; otherwise as [`readable`](Self::readable).
    ///
    /// **Cancel safety:** as [`read_with`](Self::read_with).
    pub async fn write_with<R>(&self, mut call: impl FnMut(&D) -> io::Result<R>) -> Result<R, Error> {
        let written = self.readiness.until_done(Direction::Write, || call(self.get_ref())).await?;
        written.map_err(|error| Error::io("write to a descriptor", error))
    }

    /// The descriptor.
    pub fn get_ref(&self) -> &D {
        self.descriptor.as_ref().expect("only into_inner takes it")
    }

    /// Stops watching, and gives the descriptor back.
    pub fn into_inner(mut self) -> D {
        self.registration = None;
        self.descriptor.take().expect("only into_inner takes it")
    }
}

impl<D: AsFd> fmt::Debug for Watcher<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let descriptor = self.descriptor.as_ref().map(AsFd::as_fd);
        f.debug_struct("Watcher").field("descriptor", &descriptor).finish_non_exhaustive()
    }
}
