//! Sockets that were opened elsewhere: what they have to be, and what a former owner may have left behind.

use std::io;
#[cfg(unix)]
use std::os::fd::OwnedFd;
use std::time::Duration;

use socket2::{SockRef, Type};

use crate::world::{OwnedListener, OwnedSocket};

/// What an adopted socket is to be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Stream,
    Listener,
}

/// Checks that the socket can be used so, and makes it as one of our own: it does not block, not when it is closed
/// either. `SO_RCVLOWAT` cannot be reset without unsafe code; see
/// [`Source::adopt`](crate::transport::Source::adopt).
///
/// Any descriptor can be wrapped in a type of the standard library, which looks at nothing.
fn prepare(socket: &SockRef<'_>, wanted: Use) -> io::Result<()> {
    let unfit = |what: String| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    let kind = socket.r#type()?;
    if kind != Type::STREAM {
        // Where there are messages, an empty one is no end, and what a read has no room for is lost.
        return unfit(format!("it is no byte stream (SOCK_STREAM) but {kind:?}"));
    }
    match (wanted, listens(socket)?) {
        (Use::Stream, Some(true)) => return unfit("it listens for connections and is none itself".into()),
        (Use::Listener, Some(false)) => return unfit("it does not listen".into()),
        _ => {}
    }
    socket.set_nonblocking(true)?;
    // Closing it would wait for the peer, and with it everybody on the machine. A linger of zero waits for nobody: a
    // former owner that asked for a reset at the end gets it.
    if socket.linger()?.is_some_and(|linger| linger > Duration::ZERO) {
        socket.set_linger(None)?;
    }
    Ok(())
}

/// The listener in the type of its own family, whatever it was wrapped in: only that one can tell its addresses.
#[cfg(unix)]
pub(super) fn listener_by_family(listener: OwnedListener) -> io::Result<OwnedListener> {
    listener_of(match listener {
        OwnedListener::Tcp(listener) => listener.into(),
        OwnedListener::Unix(listener) => listener.into(),
    })
}

#[cfg(not(unix))]
pub(super) fn listener_by_family(listener: OwnedListener) -> io::Result<OwnedListener> {
    let OwnedListener::Tcp(tcp) = &listener;
    prepare(&SockRef::from(tcp), Use::Listener)?;
    Ok(listener)
}

/// The listener that this descriptor is.
#[cfg(unix)]
pub(crate) fn listener_of(descriptor: OwnedFd) -> io::Result<OwnedListener> {
    let socket = SockRef::from(&descriptor);
    prepare(&socket, Use::Listener)?;
    Ok(if socket.local_addr()?.is_unix() {
        OwnedListener::Unix(descriptor.into())
    } else {
        OwnedListener::Tcp(descriptor.into())
    })
}

/// As [`listener_by_family`], for a connected socket.
#[cfg(unix)]
pub(super) fn socket_by_family(socket: OwnedSocket) -> io::Result<OwnedSocket> {
    let descriptor: OwnedFd = match socket {
        OwnedSocket::Tcp(stream) => stream.into(),
        OwnedSocket::Unix(stream) => stream.into(),
    };
    let socket = SockRef::from(&descriptor);
    prepare(&socket, Use::Stream)?;
    Ok(if socket.local_addr()?.is_unix() {
        OwnedSocket::Unix(descriptor.into())
    } else {
        OwnedSocket::Tcp(descriptor.into())
    })
}

#[cfg(not(unix))]
pub(super) fn socket_by_family(socket: OwnedSocket) -> io::Result<OwnedSocket> {
    let OwnedSocket::Tcp(tcp) = &socket;
    prepare(&SockRef::from(tcp), Use::Stream)?;
    Ok(socket)
}

/// Whether the socket listens, where the system tells that.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn listens(socket: &SockRef<'_>) -> io::Result<Option<bool>> {
    socket.is_listener().map(Some)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn listens(_: &SockRef<'_>) -> io::Result<Option<bool>> {
    Ok(None)
}

/// Whether the connections of an adopted listener are TCP: the same interface may stand for another protocol (MPTCP).
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn is_plain_tcp(socket: &SockRef<'_>) -> bool {
    matches!(socket.protocol(), Ok(Some(socket2::Protocol::TCP)))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn is_plain_tcp(_: &SockRef<'_>) -> bool {
    false
}
