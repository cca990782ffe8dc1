//! Datagrams in the simulated world.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;

use socket2::SockRef;

use super::agenda::Due;
use super::bound::Bound;
use super::connecting::{CLIENT_V4, CLIENT_V6};
use super::faults::Fault;
use super::shared::Shared;
use super::state::State;
use super::trace::{What, Why};
use crate::endpoint::Endpoint;
use crate::world::{Configurable, Datagram, Group, ReadyEvent, UdpOptions};

/// The largest datagram that UDP over IPv4 carries.
const MAX_DATAGRAM: usize = 65_507;

/// How many peers a socket that is bound to no address remembers, so that its answers come from where they were asked.
const MAX_ANSWERS: usize = 1024;

impl State {
    pub(super) fn bind(&mut self, at: SocketAddr, options: &UdpOptions) -> Result<u32, Why> {
        if self.is_out_of_descriptors() {
            return Err(Why::NoDescriptor);
        }
        let port = if at.port() == 0 { self.free_port() } else { at.port() };
        let at = SocketAddr::new(at.ip(), port);
        let shared = options.reuse_address || options.reuse_port;
        if self.datagrams.values().any(|other| other.at == at && !(other.shared && shared)) {
            return Err(Why::InUse);
        }
        self.descriptors += 1;
        self.last_datagram += 1;
        self.log(What::Bind { at });
        let bound = Bound {
            at,
            shared,
            peer: None,
            queue: VecDeque::new(),
            broadcast: false,
            groups: BTreeSet::new(),
            error: None,
            answers: BTreeMap::new(),
            token: None,
            waits: false,
            edge_due: false,
        };
        self.datagrams.insert(self.last_datagram, bound);
        Ok(self.last_datagram)
    }

    fn unbind(&mut self, socket: u32) {
        if let Some(bound) = self.datagrams.remove(&socket) {
            self.descriptors -= 1;
            self.log(What::Unbind { at: bound.at });
        }
    }

    fn bound(&mut self, socket: u32) -> Result<&mut Bound, Why> {
        self.datagrams.get_mut(&socket).ok_or(Why::NotConnected)
    }

    fn send_datagram(&mut self, socket: u32, data: &[u8], to: Option<SocketAddr>) -> Result<usize, Why> {
        let bound = self.bound(socket)?;
        if let Some(why) = bound.error.take() {
            return Err(why);
        }
        let (at, broadcast, peer) = (bound.at, bound.broadcast, bound.peer);
        let to = to.or(peer).map(canonical).ok_or(Why::NoPeer)?;
        let ours = bound.answers.get(&to).copied();
        if data.len() > MAX_DATAGRAM {
            return Err(Why::TooLarge);
        }
        if to.ip() == IpAddr::V4(Ipv4Addr::BROADCAST) && !broadcast {
            return Err(Why::NotPermitted);
        }
        let ip = match (at.ip(), to.ip()) {
            (ip, _) if !ip.is_unspecified() => ip,
            (_, ip) if ip.is_loopback() => ip,
            (_, ip) => ours.unwrap_or(if ip.is_ipv4() { CLIENT_V4 } else { CLIENT_V6 }),
        };
        let from = SocketAddr::new(ip, at.port());
        self.log(What::Datagram { from, to, count: data.len() });
        let link = self.link_between(&Endpoint::Ip(from), &Endpoint::Ip(to));
        let is_dark = [from, to].into_iter().any(|address| self.is_dark(&Endpoint::Ip(address)));
        if is_dark || self.strikes(Fault::DatagramLoss, None) {
            return Ok(data.len());
        }
        let copies = if self.strikes(Fault::DatagramDuplicate, None) { 2 } else { 1 };
        for _ in 0..copies {
            let late = self.delay(Fault::DatagramReorder, None);
            let at = self.now + link.latency + self.rng.within(link.jitter) + link.takes(data.len()) + late;
            self.agenda.put(at, Due::Datagram { sender: socket, from, to, bytes: data.to_vec() });
        }
        Ok(data.len())
    }

    /// A datagram has come to its address.
    pub(super) fn deliver(&mut self, sender: u32, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        let hear: Vec<u32> = self.datagrams.iter().filter(|(_, bound)| bound.hears(to)).map(|(id, _)| *id).collect();
        let is_for_many = to.ip().is_multicast() || to.ip() == IpAddr::V4(Ipv4Addr::BROADCAST);
        if hear.is_empty() && !is_for_many {
            // ICMP: nobody is there. Only a socket with a peer is told.
            let latency = self.link_between(&Endpoint::Ip(from), &Endpoint::Ip(to)).latency;
            self.agenda.put(self.now + latency, Due::Unreachable { socket: sender, to });
            return;
        }
        let accepts: Vec<u32> =
            hear.into_iter().filter(|id| self.datagrams.get(id).is_some_and(|bound| bound.accepts(from))).collect();
        let receivers = match is_for_many {
            true => accepts,
            // A socket with this peer goes before one with any.
            false => {
                let chosen = accepts.iter().find(|id| self.datagrams.get(id).is_some_and(|bound| bound.peer.is_some()));
                chosen.or_else(|| accepts.first()).copied().into_iter().collect()
            }
        };
        let room = self.link_between(&Endpoint::Ip(from), &Endpoint::Ip(to)).receive_buffer;
        for id in receivers {
            let Some(bound) = self.datagrams.get_mut(&id) else { continue };
            let waiting: usize = bound.queue.iter().map(|(_, bytes)| bytes.len()).sum();
            if waiting > 0 && waiting + bytes.len() > room {
                self.log(What::DatagramDropped { from, to, count: bytes.len() });
                continue;
            }
            if bound.at.ip().is_unspecified() && !is_for_many {
                bound.answers.insert(from, to.ip());
                if bound.answers.len() > MAX_ANSWERS {
                    bound.answers.pop_first();
                }
            }
            bound.queue.push_back((from, bytes.clone()));
            self.log(What::DatagramArrived { from, to, count: bytes.len() });
            self.raise_datagram(id);
        }
    }

    /// Nobody was there to hear a datagram.
    pub(super) fn unreachable(&mut self, socket: u32, to: SocketAddr) {
        if let Some(bound) = self.datagrams.get_mut(&socket).filter(|bound| bound.peer == Some(to)) {
            bound.error = Some(Why::Refused);
            self.raise_datagram(socket);
        }
    }

    fn receive_datagram(&mut self, socket: u32, buffer: &mut [u8], takes: bool) -> io::Result<(usize, SocketAddr)> {
        let bound = self.bound(socket)?;
        if let Some(why) = bound.error.take() {
            return Err(why.into());
        }
        let Some((from, bytes)) = bound.queue.front() else {
            bound.waits = true;
            return Err(io::ErrorKind::WouldBlock.into());
        };
        let count = bytes.len().min(buffer.len());
        buffer[..count].copy_from_slice(&bytes[..count]);
        let received = (count, *from);
        if takes {
            bound.queue.pop_front();
        }
        Ok(received)
    }

    fn raise_datagram(&mut self, socket: u32) {
        let Some(bound) = self.datagrams.get_mut(&socket) else { return };
        if bound.waits && bound.is_readable() && !bound.edge_due && bound.token.is_some() {
            bound.edge_due = true;
            let at = self.now + self.delay(Fault::LateEdge, None);
            self.agenda.put(at, Due::Receivable { socket });
        }
    }

    /// The machine learns that a socket has something to receive.
    pub(super) fn receivable(&mut self, socket: u32) -> Option<ReadyEvent> {
        let bound = self.datagrams.get_mut(&socket)?;
        bound.edge_due = false;
        bound.waits = false;
        let token = bound.token?;
        Some(ReadyEvent { token, readable: true, writable: true, read_closed: false, failed: false, urgent: false })
    }
}

/// An address of IPv4 as itself, however a socket of IPv6 names it.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip if ip == address.ip() => address,
        ip => SocketAddr::new(ip, address.port()),
    }
}

pub(super) struct SimDatagram {
    shared: Rc<Shared>,
    socket: u32,
}

impl SimDatagram {
    pub(super) fn new(shared: Rc<Shared>, socket: u32) -> Self {
        Self { shared, socket }
    }

    fn with<R>(&self, work: impl FnOnce(&mut Bound) -> R) -> io::Result<R> {
        Ok(self.shared.state.borrow_mut().bound(self.socket).map(work)?)
    }
}

impl Configurable for SimDatagram {
    fn sock_ref(&self) -> Option<SockRef<'_>> {
        None
    }
}

impl Datagram for SimDatagram {
    fn watch(&mut self, token: usize) -> io::Result<()> {
        self.with(|bound| bound.token = Some(token))
    }

    fn connect(&self, peer: SocketAddr) -> io::Result<()> {
        self.with(|bound| {
            let peer = canonical(peer);
            bound.peer = Some(peer);
            bound.queue.retain(|(from, _)| *from == peer);
        })
    }

    fn send(&self, data: &[u8], to: Option<SocketAddr>) -> io::Result<usize> {
        Ok(self.shared.state.borrow_mut().send_datagram(self.socket, data, to)?)
    }

    fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.shared.state.borrow_mut().receive_datagram(self.socket, buffer, true)
    }

    fn peek(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.shared.state.borrow_mut().receive_datagram(self.socket, buffer, false)
    }

    fn peer(&self) -> io::Result<SocketAddr> {
        self.with(|bound| bound.peer)?.ok_or_else(|| Why::NotConnected.into())
    }

    fn local(&self) -> io::Result<SocketAddr> {
        self.with(|bound| bound.at)
    }

    fn set_broadcast(&self, on: bool) -> io::Result<()> {
        self.with(|bound| bound.broadcast = on)
    }

    fn join(&self, group: &Group) -> io::Result<()> {
        if !group.address().is_multicast() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.with(|bound| bound.groups.insert(*group)).map(drop)
    }

    fn leave(&self, group: &Group) -> io::Result<()> {
        match self.with(|bound| bound.groups.remove(group))? {
            true => Ok(()),
            false => Err(io::ErrorKind::AddrNotAvailable.into()),
        }
    }
}

impl Drop for SimDatagram {
    fn drop(&mut self) {
        self.shared.state.borrow_mut().unbind(self.socket);
    }
}
