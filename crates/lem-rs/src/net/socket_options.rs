//! Options of sockets, by name.

use std::fmt;
use std::io;
use std::rc::Weak;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

use super::listener::Listener;
use crate::error::Error;
use crate::stream::{ReadHalf, Stream, Transport, WriteHalf};
use crate::world::Configurable;

/// The options of a socket, each by its name: what [`Stream::socket_options`], [`Listener::socket_options`] and
/// [`UdpSocket::socket_options`](crate::UdpSocket::socket_options) return. It does not keep the socket open.
///
/// In a simulated world a socket has no options: to set one does nothing, and to ask for one fails with
/// [`io::ErrorKind::Unsupported`].
///
/// ```
/// # use lem_rs::{Error, KeepAlive, Listener, Machine, TcpStream};
/// # use std::time::Duration;
/// # Machine::new()?.run(async {
/// # let listener = Listener::bind("127.0.0.1:0").await?;
/// let stream = TcpStream::connect(listener.local_addr()).await?;
/// let options = stream.socket_options()?;
/// options.set_keepalive(Some(KeepAlive::after(Duration::from_secs(60)).interval(Duration::from_secs(10))))?;
/// options.set_tos(0x10)?;
/// assert!(options.keepalive()?);
/// assert!(options.nodelay()?, "streams send at once");
/// # Ok::<(), Error>(())
/// # })??;
/// # Ok::<(), Error>(())
/// ```
///
/// [`Listener::socket_options`]: crate::Listener::socket_options
#[derive(Clone)]
pub struct SocketOptions {
    socket: Weak<dyn Configurable>,
}

/// When the kernel asks a silent peer whether it is still there (TCP keep-alive).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeepAlive {
    /// How long a connection is idle before the first question.
    pub idle: Duration,
    /// How long after a question the next one comes; `None` leaves the system's.
    pub interval: Option<Duration>,
    /// After how many questions without an answer the connection is given up; `None` leaves the system's. Linux, Android,
    /// FreeBSD and Apple's systems can be told that; on others, Windows among them, the system's stays, without an error.
    pub retries: Option<u32>,
}

impl KeepAlive {
    /// The first question comes after `idle`; the rest is the system's choice.
    pub fn after(idle: Duration) -> Self {
        Self { idle, interval: None, retries: None }
    }

    /// Sets [`interval`](Self#structfield.interval).
    #[must_use]
    pub fn interval(self, interval: Duration) -> Self {
        Self { interval: Some(interval), ..self }
    }

    /// Sets [`retries`](Self#structfield.retries).
    #[must_use]
    pub fn retries(self, retries: u32) -> Self {
        Self { retries: Some(retries), ..self }
    }

    fn parameters(self) -> TcpKeepalive {
        let mut parameters = TcpKeepalive::new().with_time(self.idle);
        if let Some(interval) = self.interval {
            parameters = parameters.with_interval(interval);
        }
        #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple", target_os = "freebsd"))]
        if let Some(retries) = self.retries {
            parameters = parameters.with_retries(retries);
        }
        parameters
    }
}

/// What every option may fail with: [`Error::Closed`] if the socket is closed; [`Error::Io`] with what the operating
/// system says, and the name of the option.
impl SocketOptions {
    pub(super) fn of(socket: Weak<dyn Configurable>) -> Self {
        Self { socket }
    }

    fn set(&self, name: &str, set: impl FnOnce(SockRef<'_>) -> io::Result<()>) -> Result<(), Error> {
        let socket = self.socket.upgrade().ok_or(Error::Closed)?;
        let done = socket.sock_ref().map_or(Ok(()), set);
        done.map_err(|error| Error::io(format!("set {name}"), error))
    }

    fn ask<T>(&self, name: &str, ask: impl FnOnce(SockRef<'_>) -> io::Result<T>) -> Result<T, Error> {
        let socket = self.socket.upgrade().ok_or(Error::Closed)?;
        let value = socket.sock_ref().map_or_else(|| Err(simulated()), ask);
        value.map_err(|error| Error::io(format!("get {name}"), error))
    }

    /// Whether small writes are sent at once, without waiting for more (`TCP_NODELAY`). Streams have it on.
    ///
    /// ```
    /// # use lem_rs::{Error, Listener, Machine, TcpStream};
    /// # Machine::new()?.run(async {
    /// # let listener = Listener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr().clone()).await?;
    /// # let peer = listener.accept().await?;
    /// # let _peer = peer;
    /// let options = stream.socket_options()?;
    /// options.set_nodelay(false)?;
    /// assert!(!options.nodelay()?);
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [As all options](#impl-SocketOptions).
    pub fn set_nodelay(&self, on: bool) -> Result<(), Error> {
        self.set("TCP_NODELAY", |socket| socket.set_tcp_nodelay(on))
    }

    /// See [`set_nodelay`](Self::set_nodelay).
    ///
    /// # Errors
    /// [As all options](#impl-SocketOptions).
    pub fn nodelay(&self) -> Result<bool, Error> {
        self.ask("TCP_NODELAY", |socket| socket.tcp_nodelay())
    }

    /// Lets the kernel ask a silent peer whether it is still there (`SO_KEEPALIVE` and its times); `None` turns that
    /// off, as it is at first. A peer that does not answer ends the connection with an error. On a listener it holds
    /// for the connections that are accepted from now on, where the system hands it down, as Linux does.
    ///
    /// ```
    /// # use lem_rs::{Error, KeepAlive, Listener, Machine, TcpStream};
    /// # use std::time::Duration;
    /// # Machine::new()?.run(async {
    /// # let listener = Listener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr().clone()).await?;
    /// # let peer = listener.accept().await?;
    /// # let _peer = peer;
    /// // A peer that is gone without a word is noticed within two minutes.
    /// let keepalive = KeepAlive::after(Duration::from_secs(60)).interval(Duration::from_secs(15)).retries(4);
    /// stream.socket_options()?.set_keepalive(Some(keepalive))?;
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [As all options](#impl-SocketOptions).
    pub fn set_keepalive(&self, keepalive: Option<KeepAlive>) -> Result<(), Error> {
        self.set("SO_KEEPALIVE", |socket| match keepalive {
            // It turns the option on as well.
            Some(keepalive) => socket.set_tcp_keepalive(&keepalive.parameters()),
            None => socket.set_keepalive(false),
        })
    }

    /// Whether the kernel asks silent peers.
    ///
    /// # Errors
    /// [As all options](#impl-SocketOptions).
    pub fn keepalive(&self) -> Result<bool, Error> {
        self.ask("SO_KEEPALIVE", |socket| socket.keepalive())
    }

    /// How long written data may stay without an acknowledgement before the connection fails (`TCP_USER_TIMEOUT`).
    /// Linux only.
    ///
    /// # Errors
    /// [As all options](#impl-SocketOptions).
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn set_user_timeout(&self, timeout: Option<Duration>) -> Result<(), Error> {
        self.set("TCP_USER_TIMEOUT", |socket| socket.set_tcp_user_timeout(timeout))
    }

    /// How many bytes the kernel keeps to be sent (`SO_SNDBUF`). Linux doubles the number, for its own use, and has a
    /// limit.
    ///
    /// # Errors
    /// [As all options](#impl-SocketOptions).
    pub fn set_send_buffer_size(&self, bytes: usize) -> Result<(), Error> {
        self.set("SO_SNDBUF", |socket| socket.set_send_buffer_size(bytes))
    }

    /// See [`set_send_buffer_size`](Self::set_send_buffer_size).
    ///
    /// # Errors
    /// [As all options](#impl-SocketOptions).
    pub fn send_buffer_size(&self) -> Result<usize, Error> {
        self.ask("SO_SNDBUF", |socket| socket.send_buffer_size())
    }

    /// How many received bytes the kernel keeps (`SO_RCVBUF`). As [`set_send_buffer_size`](Self::set_send_buffer_size).
    ///
    /// # Errors
    /// [As all options](#impl-SocketOptions).
    pub fn set_recv_buffer_size(&self, bytes: usize) -> Result<(), Error> {
        self.set("SO_RCVBUF", |socket| socket.set_recv_buffer_size(bytes))
    }

    /// See [`set_recv_buffer_size`](Self::set_recv_buffer_size).
    ///
    /// # Errors
    /// [As all options](#impl-SocketOptions).
    pub fn recv_buffer_size(&self) -> Result<usize, Error> {
        self.ask("SO_RCVBUF", |socket| socket.recv_buffer_size())
    }

    /// How many routers a packet may pass (`IP_TTL`, `IPV6_UNICAST_HOPS`). A socket of both families is given both.
    ///
    /// # Errors
    /// [As all options](#impl-SocketOptions).
    pub fn set_ttl(&self, ttl: u32) -> Result<(), Error> {
        self.set("the time to live", |socket| {
            set_in_families(&socket, || socket.set_ttl_v4(ttl), || socket.set_unicast_hops_v6(ttl))
        })
    }

    /// See [`set_ttl`](Self::set_ttl).
    ///
    /// # Errors
    /// [As all options](#impl-SocketOptions).
    pub fn ttl(&self) -> Result<u32, Error> {
        self.ask("the time to live", |socket| match sends_v4(&socket)? {
            true => socket.ttl_v4().or_else(|error| in_v6_instead(&socket, error, || socket.unicast_hops_v6())),
            false => socket.unicast_hops_v6(),
        })
    }

    /// How many routers a multicast packet may pass (`IP_MULTICAST_TTL`, `IPV6_MULTICAST_HOPS`): 1 at first, which is
    /// the local network.
    ///
    /// # Errors
    /// [As all options](#impl-SocketOptions).
    pub fn set_multicast_ttl(&self, ttl: u32) -> Result<(), Error> {
        self.set("the time to live of multicast", |socket| {
            set_in_families(&socket, || socket.set_multicast_ttl_v4(ttl), || socket.set_multicast_hops_v6(ttl))
        })
    }

    /// Whether what is sent to a group comes back to members on this machine (`IP_MULTICAST_LOOP`). On at first.
    ///
    /// # Errors
    /// [As all options](#impl-SocketOptions).
    pub fn set_multicast_loop(&self, on: bool) -> Result<(), Error> {
        self.set("the loop of multicast", |socket| {
            set_in_families(&socket, || socket.set_multicast_loop_v4(on), || socket.set_multicast_loop_v6(on))
        })
    }

    /// The kind of service that routers are asked for (`IP_TOS`, `IPV6_TCLASS`): DSCP in the upper six bits, ECN in the
    /// lower two.
    ///
    /// # Errors
    /// [As all options](#impl-SocketOptions).
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple", target_os = "freebsd"))]
    pub fn set_tos(&self, tos: u32) -> Result<(), Error> {
        self.set("the type of service", |socket| {
            set_in_families(&socket, || socket.set_tos_v4(tos), || socket.set_tclass_v6(tos))
        })
    }

    /// See [`set_tos`](Self::set_tos).
    ///
    /// # Errors
    /// [As all options](#impl-SocketOptions).
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple", target_os = "freebsd"))]
    pub fn tos(&self) -> Result<u32, Error> {
        self.ask("the type of service", |socket| match sends_v4(&socket)? {
            true => socket.tos_v4().or_else(|error| in_v6_instead(&socket, error, || socket.tclass_v6())),
            false => socket.tclass_v6(),
        })
    }
}

/// Sets an option in each family that the socket sends in: a socket of IPv6 sends packets of IPv4 to the peers that it
/// knows by mapped addresses (RFC 4291 section 2.5.5.2), and those have the options of IPv4.
fn set_in_families(
    socket: &SockRef<'_>,
    set_v4: impl FnOnce() -> io::Result<()>,
    set_v6: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    if !socket.local_addr()?.is_ipv6() {
        return set_v4();
    }
    set_v6()?;
    match set_v4() {
        // It may be of IPv6 alone.
        Err(_) if !OPTIONS_IN_BOTH_FAMILIES || !sends_v4(socket)? => Ok(()),
        set => set,
    }
}

/// Whether the system takes options of IPv4 at a socket of IPv6. BSD's kin takes none there, and the time to live for both
/// from the option of IPv6.
const OPTIONS_IN_BOTH_FAMILIES: bool = !cfg!(any(target_vendor = "apple", target_os = "freebsd"));

/// What the option of IPv6 says, where a socket of IPv6 has no other.
fn in_v6_instead(socket: &SockRef<'_>, error: io::Error, ask_v6: impl FnOnce() -> io::Result<u32>) -> io::Result<u32> {
    if OPTIONS_IN_BOTH_FAMILIES || !socket.local_addr()?.is_ipv6() { Err(error) } else { ask_v6() }
}

/// Whether it sends packets of IPv4. Of a socket of both families that is not connected, what counts is IPv6.
fn sends_v4(socket: &SockRef<'_>) -> io::Result<bool> {
    if !socket.local_addr()?.is_ipv6() {
        return Ok(true);
    }
    let peer = socket.peer_addr().ok().and_then(|peer| peer.as_socket_ipv6());
    Ok(peer.is_some_and(|peer| peer.ip().to_ipv4_mapped().is_some()))
}

fn simulated() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "a simulated world has no options of sockets")
}

impl<T: Transport> Stream<T> {
    /// The socket's options: keep-alive, buffers, time to live.
    ///
    /// # Errors
    /// [`Error::Closed`] after our own close.
    pub fn socket_options(&self) -> Result<SocketOptions, Error> {
        self.with_transport(options_of).ok_or(Error::Closed)
    }
}

impl<T: Transport> ReadHalf<T> {
    /// As [`Stream::socket_options`].
    ///
    /// # Errors
    /// As [`Stream::socket_options`].
    pub fn socket_options(&self) -> Result<SocketOptions, Error> {
        self.with_transport(options_of).ok_or(Error::Closed)
    }
}

impl<T: Transport> WriteHalf<T> {
    /// As [`Stream::socket_options`].
    ///
    /// # Errors
    /// As [`Stream::socket_options`].
    pub fn socket_options(&self) -> Result<SocketOptions, Error> {
        self.with_transport(options_of).ok_or(Error::Closed)
    }
}

fn options_of<T: Transport>(transport: &T) -> SocketOptions {
    SocketOptions::of(transport.source().configurable())
}

impl Listener {
    /// The socket's options.
    ///
    /// # Errors
    /// [`Error::Closed`] when it is closed.
    pub fn socket_options(&self) -> Result<SocketOptions, Error> {
        self.configurable().map(SocketOptions::of).ok_or(Error::Closed)
    }
}

impl fmt::Debug for SocketOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketOptions").field("gone", &(self.socket.strong_count() == 0)).finish_non_exhaustive()
    }
}
