//! Listening sockets that we were started with: passed by systemd, or as standard input (`inetd`).

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;

use lem_ssl_rs::{Error, Listener};

use crate::exit::{Exit, Failure};

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

/// Takes over the socket of this name that systemd has passed; without a name, the only one.
#[cfg(target_os = "linux")]
pub(crate) fn listen_passed(name: &str) -> Result<Listener, Failure> {
    let mut passed = lem_ssl_rs::activation::listeners()?;
    if !name.is_empty() {
        passed.retain(|(own, _)| own.as_deref() == Some(name));
    }
    match (passed.pop(), passed.len()) {
        (Some((_, listener)), 0) => Ok(Listener::adopt(listener)?),
        (None, _) if name.is_empty() => Err(Failure::new(Exit::Usage, "systemd has passed no listening socket")),
        (None, _) => Err(Failure::new(Exit::Usage, format!("systemd has passed no listening socket named {name}"))),
        _ => Err(Failure::new(Exit::Usage, "systemd has passed several sockets: write systemd:NAME for each")),
    }
}

/// Says that there is none.
#[cfg(not(target_os = "linux"))]
pub(crate) fn listen_passed(_: &str) -> Result<Listener, Failure> {
    Err(Failure::new(Exit::Usage, "there is no systemd here that could pass sockets"))
}
