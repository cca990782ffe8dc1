//! UDP sockets of the operating system.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, SockRef, Type};

use super::uninterrupted;
use crate::world::{Configurable, Datagram, Group, UdpOptions};

struct OsDatagram {
    socket: UdpSocket,
    registry: Rc<Registry>,
    /// Another owner may have a duplicate of the descriptor.
    shared: bool,
    /// Whether datagrams may be queued that came before the socket was connected: from this peer alone they are received.
    peer_among_others: Cell<Option<SocketAddr>>,
}

/// Opens a socket, with the options that have to be set before it is bound.
pub(super) fn bind(registry: Rc<Registry>, at: SocketAddr, options: &UdpOptions) -> io::Result<Box<dyn Datagram>> {
    let socket = socket2::Socket::new(Domain::for_address(at), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(options.reuse_address)?;
    #[cfg(unix)]
    socket.set_reuse_port(options.reuse_port)?;
    if at.is_ipv6() {
        // "[::]" means both families, whatever the system's default is.
        socket.set_only_v6(false)?;
    }
    socket.bind(&at.into())?;
    socket.set_nonblocking(true)?;
    Ok(Box::new(OsDatagram {
        socket: UdpSocket::from_std(socket.into()),
        registry,
        shared: false,
        peer_among_others: Cell::new(None),
    }))
}

/// Takes over a socket that was opened elsewhere.
pub(super) fn adopt(registry: Rc<Registry>, socket: std::net::UdpSocket) -> io::Result<Box<dyn Datagram>> {
    let kind = SockRef::from(&socket).r#type()?;
    if kind != Type::DGRAM {
        let what = format!("it is no datagram socket (SOCK_DGRAM) but {kind:?}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    }
    // A datagram socket of another family says so here, and not at each receive.
    socket.local_addr()?;
    socket.set_nonblocking(true)?;
    Ok(Box::new(OsDatagram {
        socket: UdpSocket::from_std(socket),
        registry,
        shared: true,
        peer_among_others: Cell::new(None),
    }))
}

impl OsDatagram {
    /// Whether this was queued before the socket was connected, and is not from its peer. There are as many of them as
    /// the receive buffer had room for, and none behind the moment at which it is empty.
    fn is_of_stranger(&self, received: &io::Result<(usize, SocketAddr)>) -> bool {
        let Some(peer) = self.peer_among_others.get() else { return false };
        match received {
            // The zone of an address is not compared: the kernel may tell it of one of the two alone.
            Ok((_, from)) => (from.ip(), from.port()) != (peer.ip(), peer.port()),
            Err(error) => {
                if error.kind() == io::ErrorKind::WouldBlock {
                    self.peer_among_others.set(None);
                }
                false
            }
        }
    }

    /// Receives into a buffer of this length. On Windows two errors of that are none of ours: that somebody has refused an
    /// earlier datagram, on a socket with no peer, and that a datagram has not fitted. Of the second the sender is known
    /// only if there is a peer.
    fn received(
        &self,
        room: usize,
        mut receive: impl FnMut() -> io::Result<(usize, SocketAddr)>,
    ) -> io::Result<(usize, SocketAddr)> {
        let mut refused = 0;
        loop {
            let error = match uninterrupted(&mut receive) {
                Err(error) if cfg!(windows) => error,
                received => return received,
            };
            match (error.raw_os_error(), self.socket.peer_addr()) {
                (Some(WSAECONNRESET), Err(_)) if refused < MAX_REFUSED => refused += 1,
                (Some(WSAEMSGSIZE), Ok(peer)) => return Ok((room, peer)),
                _ => return Err(error),
            }
        }
    }
}

/// So many refusals are passed over in one call: each is taken by the call that tells it, but nobody is kept here if not.
const MAX_REFUSED: usize = 64;

/// The numbers of Winsock's errors.
const WSAEMSGSIZE: i32 = 10_040;
const WSAECONNRESET: i32 = 10_054;

impl Configurable for OsDatagram {
    fn sock_ref(&self) -> Option<SockRef<'_>> {
        Some(SockRef::from(&self.socket))
    }
}

impl Datagram for OsDatagram {
    fn watch(&mut self, token: usize) -> io::Result<()> {
        self.registry.register(&mut self.socket, Token(token), Interest::READABLE | Interest::WRITABLE)
    }

    fn connect(&self, peer: SocketAddr) -> io::Result<()> {
        self.socket.connect(peer)?;
        // From now on the kernel takes what the peer sends, but keeps what it had taken before.
        self.peer_among_others.set(self.socket.peer_addr().ok());
        Ok(())
    }

    fn send(&self, data: &[u8], to: Option<SocketAddr>) -> io::Result<usize> {
        uninterrupted(|| match to {
            Some(to) => self.socket.send_to(data, to),
            None => self.socket.send(data),
        })
    }

    fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        loop {
            let received = self.received(buffer.len(), || self.socket.recv_from(buffer));
            if !self.is_of_stranger(&received) {
                return received;
            }
        }
    }

    fn peek(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        loop {
            let there = self.received(buffer.len(), || self.socket.peek_from(buffer));
            if !self.is_of_stranger(&there) {
                return there;
            }
            self.received(buffer.len(), || self.socket.recv_from(buffer))?;
        }
    }

    fn peer(&self) -> io::Result<SocketAddr> {
        self.socket.peer_addr()
    }

    fn local(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn set_broadcast(&self, on: bool) -> io::Result<()> {
        self.socket.set_broadcast(on)
    }

    fn join(&self, group: &Group) -> io::Result<()> {
        let socket = SockRef::from(&self.socket);
        match group {
            Group::V4 { address, interface } => socket.join_multicast_v4(address, interface),
            Group::V6 { address, interface } => socket.join_multicast_v6(address, *interface),
        }
    }

    fn leave(&self, group: &Group) -> io::Result<()> {
        let socket = SockRef::from(&self.socket);
        match group {
            Group::V4 { address, interface } => socket.leave_multicast_v4(address, interface),
            Group::V6 { address, interface } => socket.leave_multicast_v6(address, *interface),
        }
    }
}

impl Drop for OsDatagram {
    fn drop(&mut self) {
        // A duplicate would keep the registration alive.
        if self.shared {
            let _ = self.registry.deregister(&mut self.socket);
        }
    }
}
