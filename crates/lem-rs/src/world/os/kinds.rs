//! The kinds of sockets, as the operating system has them.

#[cfg(any(target_os = "linux", target_os = "android"))]
use std::ffi::c_int;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use mio::event::Source;
use mio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use mio::net::{UnixListener, UnixStream};
use socket2::SockRef;

use super::options::AsSockRef;
use super::uninterrupted;
use crate::endpoint::Endpoint;

/// What TCP and Unix streams have in common; shared references, as the kernel needs no more.
pub(super) trait Stream: Source + AsSockRef {
    /// See [`Socket::short_means_empty`].
    const SHORT_MEANS_EMPTY: bool;
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize>;
    fn write(&self, data: &[u8]) -> io::Result<usize>;
    /// See [`Socket::write_before_fin`].
    fn write_before_fin(&self, data: &[u8]) -> io::Result<usize> {
        self.write(data)
    }
    fn finish(&self) -> io::Result<()>;
    fn cut(&self) -> io::Result<()>;
    /// See [`Socket::reset_when_closed`].
    fn reset_when_closed(&self) -> io::Result<()>;
    fn take_error(&self) -> io::Result<Option<io::Error>>;
    fn peer(&self) -> io::Result<Endpoint>;
    fn local(&self) -> io::Result<Endpoint>;
}

/// More is written at once, so a packet that is not full waits for it (send(2)).
#[cfg(any(target_os = "linux", target_os = "android"))]
const MSG_MORE: c_int = 0x8000;

/// A connection that is gone is an error, and no signal, as the standard library has it.
#[cfg(any(target_os = "linux", target_os = "android"))]
const MSG_NOSIGNAL: c_int = 0x4000;

/// What TCP and Unix listeners have in common.
pub(super) trait Listener: Source + AsSockRef {
    type Stream: Stream + 'static;
    fn accept(&self) -> io::Result<(Self::Stream, Endpoint)>;
    fn local(&self) -> io::Result<Endpoint>;
}

impl Stream for TcpStream {
    /// On Linux a read returns early only where there is no more, before an urgent byte (which epoll reports) and
    /// before FIN or a reset (which it reports as well); a write, only where there is no room.
    const SHORT_MEANS_EMPTY: bool = cfg!(any(target_os = "linux", target_os = "android"));

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Read::read(&mut &*self, buffer)
    }

    fn write(&self, data: &[u8]) -> io::Result<usize> {
        Write::write(&mut &*self, data)
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn write_before_fin(&self, data: &[u8]) -> io::Result<usize> {
        self.sock_ref().send_with_flags(data, MSG_MORE | MSG_NOSIGNAL)
    }

    fn finish(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn cut(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Both)
    }

    fn reset_when_closed(&self) -> io::Result<()> {
        SockRef::from(self).set_linger(Some(Duration::ZERO))
    }

    fn take_error(&self) -> io::Result<Option<io::Error>> {
        Self::take_error(self)
    }

    fn peer(&self) -> io::Result<Endpoint> {
        self.peer_addr().map(Endpoint::Ip)
    }

    fn local(&self) -> io::Result<Endpoint> {
        self.local_addr().map(Endpoint::Ip)
    }
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    fn accept(&self) -> io::Result<(TcpStream, Endpoint)> {
        let (stream, peer) = uninterrupted(|| Self::accept(self))?;
        // As in `connect`: it fails only on a connection that has failed, and reading tells that.
        let _ = stream.set_nodelay(true);
        Ok((stream, Endpoint::Ip(peer)))
    }

    fn local(&self) -> io::Result<Endpoint> {
        self.local_addr().map(Endpoint::Ip)
    }
}

#[cfg(unix)]
impl Stream for UnixStream {
    /// A read also returns early behind bytes that came with descriptors or from another sender, and at an urgent byte.
    const SHORT_MEANS_EMPTY: bool = false;

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Read::read(&mut &*self, buffer)
    }

    fn write(&self, data: &[u8]) -> io::Result<usize> {
        Write::write(&mut &*self, data)
    }

    fn finish(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn cut(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Both)
    }

    /// A Unix-domain socket has no reset that could be asked for.
    fn reset_when_closed(&self) -> io::Result<()> {
        Ok(())
    }

    fn take_error(&self) -> io::Result<Option<io::Error>> {
        Self::take_error(self)
    }

    fn peer(&self) -> io::Result<Endpoint> {
        self.peer_addr().map(|address| Endpoint::Unix(address.as_pathname().map(Into::into)))
    }

    fn local(&self) -> io::Result<Endpoint> {
        self.local_addr().map(|address| Endpoint::Unix(address.as_pathname().map(Into::into)))
    }
}

#[cfg(unix)]
impl Listener for UnixListener {
    type Stream = UnixStream;

    fn accept(&self) -> io::Result<(UnixStream, Endpoint)> {
        let (stream, address) = uninterrupted(|| Self::accept(self))?;
        Ok((stream, Endpoint::Unix(address.as_pathname().map(Into::into))))
    }

    fn local(&self) -> io::Result<Endpoint> {
        self.local_addr().map(|address| Endpoint::Unix(address.as_pathname().map(Into::into)))
    }
}
