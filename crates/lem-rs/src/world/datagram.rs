//! Datagrams, options of sockets, and descriptors, behind the seam.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::SockRef;

/// A socket whose options can be set.
pub(crate) trait Configurable {
    /// `None` in a simulated world, which has no options.
    fn sock_ref(&self) -> Option<SockRef<'_>>;
}

/// A UDP socket. Nothing here blocks: "not now" is `WouldBlock`, and an event is due after that.
pub(crate) trait Datagram: Configurable {
    /// Reports readiness of this socket under `token`, by edges.
    fn watch(&mut self, token: usize) -> io::Result<()>;
    fn connect(&self, peer: SocketAddr) -> io::Result<()>;
    fn send(&self, data: &[u8], to: Option<SocketAddr>) -> io::Result<usize>;
    fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)>;
    /// As `receive`, and the datagram stays.
    fn peek(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)>;
    fn peer(&self) -> io::Result<SocketAddr>;
    fn local(&self) -> io::Result<SocketAddr>;
    fn set_broadcast(&self, on: bool) -> io::Result<()>;
    fn join(&self, group: &Group) -> io::Result<()>;
    fn leave(&self, group: &Group) -> io::Result<()>;
}

/// A multicast group, on one interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    /// The interface is named by one of its addresses; unspecified is the system's choice.
    V4 { address: Ipv4Addr, interface: Ipv4Addr },
    /// The interface is named by its index; zero is the system's choice.
    V6 { address: Ipv6Addr, interface: u32 },
}

/// Keeps a descriptor watched until it is dropped.
#[cfg(unix)]
pub(crate) trait Registration {}

/// How to open a UDP socket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UdpOptions {
    /// Several sockets may be bound to the address (`SO_REUSEADDR`): each receives what is sent to a multicast group
    /// that it has joined. Default off.
    pub reuse_address: bool,
    /// Several sockets share the address, and the kernel spreads the peers over them (`SO_REUSEPORT`). Default off.
    pub reuse_port: bool,
}

impl UdpOptions {
    /// Sets [`reuse_address`](Self#structfield.reuse_address).
    #[must_use]
    pub fn reuse_address(self, reuse_address: bool) -> Self {
        Self { reuse_address, ..self }
    }

    /// Sets [`reuse_port`](Self#structfield.reuse_port).
    #[must_use]
    pub fn reuse_port(self, reuse_port: bool) -> Self {
        Self { reuse_port, ..self }
    }
}
