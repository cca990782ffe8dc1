//! The socket at which a service manager listens (sd_notify(3)): datagrams, by path or by an abstract name.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The service manager's socket.
#[derive(Debug)]
pub(crate) struct NotifySocket {
    socket: UnixDatagram,
    manager: SocketAddr,
    /// One that leads to it, if it was there: its path may be out of reach for another user, or in another root folder.
    connected: Option<UnixDatagram>,
}

impl NotifySocket {
    /// The socket of this name: a path, or an abstract name behind an `@`.
    pub(crate) fn open(name: &OsStr) -> io::Result<Self> {
        let manager = match name.as_bytes() {
            [b'@', name @ ..] => abstract_name(name)?,
            [b'/', ..] => SocketAddr::from_pathname(name)?,
            _ => return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is neither a path nor an abstract name")),
        };
        let socket = UnixDatagram::unbound()?;
        // A manager that does not read must not stop us.
        socket.set_nonblocking(true)?;
        let connected = connect(&manager).ok();
        Ok(Self { socket, manager, connected })
    }

    pub(crate) fn send(&self, text: &str) -> io::Result<()> {
        // It may listen anew at its path; what is connected leads to who was there at the start.
        let sent = self.socket.send_to_addr(text.as_bytes(), &self.manager);
        let sent = match (sent, &self.connected) {
            (Err(_), Some(connected)) => connected.send(text.as_bytes()),
            (sent, _) => sent,
        };
        sent.map(drop)
    }
}

fn connect(manager: &SocketAddr) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(manager)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(target_os = "linux")]
fn abstract_name(name: &[u8]) -> io::Result<SocketAddr> {
    use std::os::linux::net::SocketAddrExt;
    SocketAddr::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn abstract_name(_: &[u8]) -> io::Result<SocketAddr> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no abstract names"))
}
