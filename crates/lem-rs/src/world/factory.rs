//! What a world opens beside connections: listeners, datagrams, what was opened elsewhere.

use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::os::fd::BorrowedFd;

#[cfg(unix)]
use super::Registration;
use super::{Acceptor, Datagram, ListenOptions, OwnedListener, OwnedSocket, Socket, UdpOptions};
#[cfg(feature = "signal")]
use super::{Signal, SignalSource};
use crate::endpoint::Endpoint;

/// Opens what not every program has. Apart from [`World`](super::World), which each has as a trait object, and with it the
/// code of all its methods.
pub(crate) trait SocketFactory {
    /// Listens at `at`.
    fn listen(&self, at: &Endpoint, options: &ListenOptions) -> io::Result<Box<dyn Acceptor>>;

    /// Takes over a listening socket that was opened elsewhere.
    fn adopt_listener(&self, listener: OwnedListener) -> io::Result<Box<dyn Acceptor>>;

    /// Takes over a socket that was opened elsewhere.
    fn adopt(&self, socket: OwnedSocket) -> io::Result<Box<dyn Socket>>;

    /// Opens a UDP socket at `at`.
    fn datagram(&self, at: SocketAddr, options: &UdpOptions) -> io::Result<Box<dyn Datagram>>;

    /// Takes over a UDP socket that was opened elsewhere.
    fn adopt_datagram(&self, socket: std::net::UdpSocket) -> io::Result<Box<dyn Datagram>>;

    /// Reports readiness of a descriptor under `token`, by edges, the first of which tells what it is ready for now.
    #[cfg(unix)]
    fn watch_descriptor(&self, descriptor: BorrowedFd<'_>, token: usize) -> io::Result<Box<dyn Registration>>;

    /// Receives these signals.
    #[cfg(feature = "signal")]
    fn signals(&self, wanted: &[Signal]) -> io::Result<Box<dyn SignalSource>>;
}
