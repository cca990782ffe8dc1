//! The options of sockets.

use mio::net::{TcpListener, TcpStream, UdpSocket};
#[cfg(unix)]
use mio::net::{UnixListener, UnixStream};
use socket2::SockRef;

/// A socket whose options `socket2` can set.
pub(super) trait AsSockRef {
    fn sock_ref(&self) -> SockRef<'_>;
}

impl AsSockRef for TcpStream {
    fn sock_ref(&self) -> SockRef<'_> {
        SockRef::from(self)
    }
}

impl AsSockRef for TcpListener {
    fn sock_ref(&self) -> SockRef<'_> {
        SockRef::from(self)
    }
}

impl AsSockRef for UdpSocket {
    fn sock_ref(&self) -> SockRef<'_> {
        SockRef::from(self)
    }
}

#[cfg(unix)]
impl AsSockRef for UnixStream {
    fn sock_ref(&self) -> SockRef<'_> {
        SockRef::from(self)
    }
}

#[cfg(unix)]
impl AsSockRef for UnixListener {
    fn sock_ref(&self) -> SockRef<'_> {
        SockRef::from(self)
    }
}
