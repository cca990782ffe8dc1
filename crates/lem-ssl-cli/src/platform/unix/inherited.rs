//! A listening socket that we were started with, as standard input: of `systemd` (`StandardInput=socket`) or `inetd`.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;

use lem_ssl_rs::{Error, Listener};

use crate::exit::Failure;

/// Takes over standard input, on which somebody listens already.
pub(crate) fn listen_inherited() -> Result<Listener, Failure> {
    let failed = |error: io::Error| Failure::from(Error::io("listen on standard input", error));
    let socket: OwnedFd = io::stdin().as_fd().try_clone_to_owned().map_err(failed)?;
    // Whichever family it is of: the other one has no address for it.
    let unix = UnixListener::from(socket.try_clone().map_err(failed)?);
    let listener = match unix.local_addr() {
        Ok(_) => Listener::adopt(unix),
        Err(_) => {
            let tcp = TcpListener::from(socket);
            tcp.local_addr().map_err(failed)?;
            Listener::adopt(tcp)
        }
    };
    Ok(listener?)
}
