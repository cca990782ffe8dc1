//! Datagrams.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;

use super::address::Address;
use super::any::{any, is_refusal};
use super::connect::DEADLINE;
use super::resolve::resolve_on;
use super::socket_options::SocketOptions;
use super::to_address::ToAddress;
use crate::error::{AddressError, Error, Phase};
use crate::runtime::{Core, Direction, SharedReadiness, Watched, current, no_machine};
use crate::time::Deadline;
use crate::world::{Configurable, Datagram, Group, UdpOptions};

/// A UDP socket. Share it in an `Rc` to use it from several tasks.
///
/// Any number of tasks may wait, for receiving and for sending at once. Each datagram goes to one of them: to the one
/// that has waited longest, unless another one asks just when it arrives. Datagrams may be lost, doubled and come in
/// another order, and there is no end and no close: dropping the socket closes it.
///
/// It works in the simulated world (`sim`) as well, which loses, delays, doubles and reorders datagrams by its seed.
///
/// ```
/// use lem_rs::{Error, Machine, UdpSocket};
///
/// Machine::new()?.run(async {
///     let server = UdpSocket::bind("127.0.0.1:0").await?;
///     let client = UdpSocket::bind("127.0.0.1:0").await?;
///     client.send_to(b"ping", server.local_addr()?).await?;
///     let mut buffer = [0; 1500];
///     let (count, from) = server.recv_from(&mut buffer).await?;
///     assert_eq!(&buffer[..count], b"ping");
///     server.send_to(b"pong", from).await?;
///     let (count, _) = client.recv_from(&mut buffer).await?;
///     assert_eq!(&buffer[..count], b"pong");
///     Ok::<(), Error>(())
/// })??;
/// # Ok::<(), Error>(())
/// ```
pub struct UdpSocket {
    readiness: Rc<SharedReadiness>,
    socket: Rc<dyn Datagram>,
    is_v6: bool,
}

impl UdpSocket {
    /// Opens a socket at `address`; port 0 asks for a free one. `[::]`, and `:53` without a host, receive over IPv4 as
    /// well, where addresses look like `::ffff:192.0.2.1`.
    ///
    /// ```
    /// # use lem_rs::{Error, Machine, UdpSocket};
    /// # Machine::new()?.run(async {
    /// let socket = UdpSocket::bind("127.0.0.1:0").await?;
    /// println!("receiving at {}", socket.local_addr()?);
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Address`]; [`Error::Resolve`], [`Error::Timeout`] after 30 s of that, or [`Error::Task`] if no thread can
    /// look up a name; [`Error::Io`] if the address cannot be used; [`Error::Misuse`] outside of a machine.
    ///
    /// **Cancel safety:** dropping it opens nothing.
    pub async fn bind(address: impl ToAddress) -> Result<Self, Error> {
        Self::bind_with(address, UdpOptions::default()).await
    }

    /// As [`bind`](Self::bind), with options that have to be set before.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    ///
    /// **Cancel safety:** as [`bind`](Self::bind).
    pub async fn bind_with(address: impl ToAddress, options: UdpOptions) -> Result<Self, Error> {
        let address = address.to_address()?;
        let core = current().ok_or_else(no_machine)?;
        let mut failure = io::ErrorKind::AddrNotAvailable.into();
        for candidate in candidates(&core, &address).await? {
            match core.world().factory().datagram(candidate, &options).and_then(|socket| Self::over(&core, socket)) {
                Ok(socket) => return Ok(socket),
                Err(error) => {
                    let is_final = matches!(address, Address::Any { .. }) && is_refusal(&error);
                    failure = error;
                    if is_final {
                        break;
                    }
                }
            }
        }
        Err(Error::io(format!("open a UDP socket at {address}"), failure))
    }

    /// Takes over a socket that was opened elsewhere. From now on it does not block.
    ///
    /// # Errors
    /// [`Error::Io`] if it is no datagram socket of IP, or cannot be watched; [`Error::Misuse`] outside of a machine.
    pub fn adopt(socket: std::net::UdpSocket) -> Result<Self, Error> {
        let core = current().ok_or_else(no_machine)?;
        let adopted = core.world().factory().adopt_datagram(socket).and_then(|socket| Self::over(&core, socket));
        adopted.map_err(|error| Error::io("take over the UDP socket", error))
    }

    fn over(core: &Rc<Core>, mut socket: Box<dyn Datagram>) -> io::Result<Self> {
        let watched = Watched::new(core);
        socket.watch(watched.token()?)?;
        let is_v6 = socket.local()?.is_ipv6();
        Ok(Self { readiness: SharedReadiness::new(watched), socket: Rc::from(socket), is_v6 })
    }

    /// Chooses a peer: [`send`](Self::send) goes there, and only what comes from there is received. That is so of what has
    /// come already, too: what the peer has sent is kept, the rest is dropped. Nothing is sent. A name's first address of
    /// the socket's family is taken.
    ///
    /// ```
    /// # use lem_rs::{Error, Machine, UdpSocket};
    /// # Machine::new()?.run(async {
    /// let server = UdpSocket::bind("127.0.0.1:0").await?;
    /// let client = UdpSocket::bind("127.0.0.1:0").await?;
    /// client.connect(server.local_addr()?).await?;
    /// client.send(b"hello").await?;
    /// let mut buffer = [0; 1500];
    /// assert_eq!(server.recv(&mut buffer).await?, 5);
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    ///
    /// **Cancel safety:** dropping it changes nothing.
    pub async fn connect(&self, address: impl ToAddress) -> Result<(), Error> {
        let address = address.to_address()?;
        let peer = self.target(&address).await?;
        self.socket.connect(peer).map_err(|error| Error::io(format!("connect a UDP socket to {address}"), error))
    }

    /// Sends a datagram to the peer of [`connect`](Self::connect). Done when the kernel has it; it has all or nothing.
    ///
    /// ```
    /// # use lem_rs::{Error, Machine, UdpSocket};
    /// # Machine::new()?.run(async {
    /// let (near, far) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
    /// near.connect(far.local_addr()?).await?;
    /// near.send(b"hello").await?;
    /// let mut buffer = [0; 1500];
    /// assert_eq!(far.recv(&mut buffer).await?, 5);
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`] if it is too large, if there is no peer, or if an earlier datagram was refused (nobody receives at
    /// the peer's port): the socket goes on. [`Error::Closed`] if the machine is gone.
    ///
    /// **Cancel safety:** dropping it before it is done sends nothing.
    pub async fn send(&self, data: &[u8]) -> Result<usize, Error> {
        let sent = self.readiness.until_done(Direction::Write, || self.socket.send(data, None)).await?;
        sent.inspect(|count| self.readiness.core().charge(*count)).map_err(|error| Error::io("send a datagram", error))
    }

    /// Sends a datagram to `address`. A name is looked up each time: keep what [`recv_from`](Self::recv_from) returned, or
    /// [`connect`](Self::connect).
    ///
    /// # Errors
    /// As [`send`](Self::send), and as [`bind`](Self::bind) for the address.
    ///
    /// **Cancel safety:** as [`send`](Self::send).
    pub async fn send_to(&self, data: &[u8], address: impl ToAddress) -> Result<usize, Error> {
        let address = address.to_address()?;
        let to = self.target(&address).await?;
        let sent = self.readiness.until_done(Direction::Write, || self.socket.send(data, Some(to))).await?;
        sent.inspect(|count| self.readiness.core().charge(*count))
            .map_err(|error| Error::io(format!("send a datagram to {address}"), error))
    }

    /// Receives a datagram. What `buffer` has no room for is lost; an empty datagram is no end.
    ///
    /// # Errors
    /// [`Error::Io`] if the peer of [`connect`](Self::connect) refused an earlier datagram: the socket goes on.
    /// On Windows also for a datagram that `buffer` has no room for, unless the socket is connected: the system does not say
    /// who has sent it. [`Error::Closed`] if the machine is gone.
    ///
    /// **Cancel safety:** dropping it loses no datagram.
    pub async fn recv(&self, buffer: &mut [u8]) -> Result<usize, Error> {
        Ok(self.recv_from(buffer).await?.0)
    }

    /// As [`recv`](Self::recv), and tells who sent it.
    ///
    /// ```
    /// # use lem_rs::{Error, Machine, UdpSocket};
    /// # Machine::new()?.run(async {
    /// let (near, far) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
    /// near.send_to(b"hello", far.local_addr()?).await?;
    /// let mut buffer = [0; 1500];
    /// let (length, from) = far.recv_from(&mut buffer).await?;
    /// assert_eq!((&buffer[..length], from), (&b"hello"[..], near.local_addr()?));
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// **Cancel safety:** as [`recv`](Self::recv).
    pub async fn recv_from(&self, buffer: &mut [u8]) -> Result<(usize, SocketAddr), Error> {
        let received = self.readiness.until_done(Direction::Read, || self.socket.receive(buffer)).await?;
        received
            .inspect(|(count, _)| self.readiness.core().charge(*count))
            .map_err(|error| Error::io("receive a datagram", error))
    }

    /// As [`recv_from`](Self::recv_from), and the datagram stays to be received.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// **Cancel safety:** as [`recv`](Self::recv).
    pub async fn peek_from(&self, buffer: &mut [u8]) -> Result<(usize, SocketAddr), Error> {
        let there = self.readiness.until_done(Direction::Read, || self.socket.peek(buffer)).await?;
        there.map_err(|error| Error::io("look at a datagram", error))
    }

    /// Our own address, with the port that was chosen if port 0 was asked for.
    ///
    /// # Errors
    /// [`Error::Io`] with what the operating system says.
    pub fn local_addr(&self) -> Result<SocketAddr, Error> {
        self.socket.local().map_err(|error| Error::io("get the local address", error))
    }

    /// The peer of [`connect`](Self::connect).
    ///
    /// # Errors
    /// [`Error::Io`] if there is none.
    pub fn peer_addr(&self) -> Result<SocketAddr, Error> {
        self.socket.peer().map_err(|error| Error::io("get the peer address", error))
    }

    /// Whether datagrams may be sent to a broadcast address. Off at first.
    ///
    /// # Errors
    /// [`Error::Io`] with what the operating system says.
    pub fn set_broadcast(&self, on: bool) -> Result<(), Error> {
        self.socket.set_broadcast(on).map_err(|error| Error::io("set SO_BROADCAST", error))
    }

    /// Receives what is sent to a multicast group from now on, on an interface of the system's choice.
    ///
    /// # Errors
    /// [`Error::Io`] if the address is no group, or with what the operating system says.
    pub fn join_multicast(&self, group: IpAddr) -> Result<(), Error> {
        self.join(any_interface(group))
    }

    /// As [`join_multicast`](Self::join_multicast), on the interface that has this address.
    ///
    /// # Errors
    /// As [`join_multicast`](Self::join_multicast).
    pub fn join_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> Result<(), Error> {
        self.join(Group::V4 { address: group, interface })
    }

    /// As [`join_multicast`](Self::join_multicast), on the interface with this index.
    ///
    /// # Errors
    /// As [`join_multicast`](Self::join_multicast).
    pub fn join_multicast_v6(&self, group: std::net::Ipv6Addr, interface: u32) -> Result<(), Error> {
        self.join(Group::V6 { address: group, interface })
    }

    fn join(&self, group: Group) -> Result<(), Error> {
        self.socket.join(&group).map_err(|error| Error::io("join a multicast group", error))
    }

    /// Leaves a multicast group that was joined with [`join_multicast`](Self::join_multicast).
    ///
    /// # Errors
    /// [`Error::Io`] if it was not joined, or with what the operating system says.
    pub fn leave_multicast(&self, group: IpAddr) -> Result<(), Error> {
        self.socket.leave(&any_interface(group)).map_err(|error| Error::io("leave a multicast group", error))
    }

    /// The socket's options.
    pub fn socket_options(&self) -> SocketOptions {
        let socket: Rc<dyn Configurable> = self.socket.clone();
        SocketOptions::of(Rc::downgrade(&socket))
    }

    /// The address to send to: of a name, the first of the socket's family.
    async fn target(&self, address: &Address) -> Result<SocketAddr, Error> {
        if let Address::Ip(target) = address {
            return Ok(self.in_family(*target));
        }
        if matches!(address, Address::Any { .. }) {
            address.check_destination()?;
        }
        let core = self.readiness.core();
        core.check_usable()?;
        let found = candidates(core, address).await?;
        let own = found.iter().find(|target| target.is_ipv6() == self.is_v6).or_else(|| found.first());
        own.map(|target| self.in_family(*target)).ok_or_else(|| not_ip(address))
    }

    /// A socket of IPv6 names addresses of IPv4 in a way of its own (RFC 4291 section 2.5.5.2).
    fn in_family(&self, target: SocketAddr) -> SocketAddr {
        match target.ip() {
            IpAddr::V4(ip) if self.is_v6 => SocketAddr::new(ip.to_ipv6_mapped().into(), target.port()),
            _ => target,
        }
    }
}

fn any_interface(group: IpAddr) -> Group {
    match group {
        IpAddr::V4(address) => Group::V4 { address, interface: Ipv4Addr::UNSPECIFIED },
        IpAddr::V6(address) => Group::V6 { address, interface: 0 },
    }
}

/// The addresses of IP that `address` stands for.
async fn candidates(core: &Core, address: &Address) -> Result<Vec<SocketAddr>, Error> {
    match address {
        Address::Name { host, port } => {
            let found = resolve_on(core, host, *port);
            Deadline::after(DEADLINE).limit(Phase::Resolve, address, found).await
        }
        Address::Ip(ip) => Ok(vec![*ip]),
        Address::Any { port } => Ok(any(*port)),
        Address::Unix(_) => Err(not_ip(address)),
    }
}

fn not_ip(address: &Address) -> Error {
    AddressError::new(&address.to_string(), "it is not one of IP, where UDP goes".to_owned()).into()
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UdpSocket").field("local", &self.local_addr().ok()).finish_non_exhaustive()
    }
}
