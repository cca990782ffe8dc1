//! Listening, with options that the standard library has no call for.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Type};

use crate::world::ListenOptions;

/// Opens a listening TCP socket, with the options that have to be set before it is bound.
pub(super) fn listen_tcp(address: SocketAddr, options: &ListenOptions) -> io::Result<std::net::TcpListener> {
    let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restarted server need not wait for connections of the one before (TIME_WAIT).
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(options.reuse_port)?;
    if address.is_ipv6() {
        // "[::]" means both families, whatever the system's default is.
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    socket.listen(backlog(options))?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// As the kernel wants it.
pub(super) fn backlog(options: &ListenOptions) -> i32 {
    i32::try_from(options.backlog).unwrap_or(i32::MAX)
}
