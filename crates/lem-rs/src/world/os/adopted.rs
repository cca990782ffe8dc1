//! Sockets that were opened elsewhere: what they have to be, and what a former owner may have left behind.

use std::io;
use std::time::Duration;

use socket2::{SockRef, Type};

/// What an adopted socket is to be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Stream,
    Listener,
}

/// Checks that the socket can be used so, and makes it as one of our own: it does not block, not when it is closed
/// either. `SO_RCVLOWAT` cannot be reset without unsafe code; see
/// [`Source::adopt`](crate::transport::Source::adopt).
///
/// Any descriptor can be wrapped in a type of the standard library, which looks at nothing.
pub(super) fn prepare(socket: &SockRef<'_>, wanted: Use) -> io::Result<()> {
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
