//! How connections begin: the client's first segment, the listener's queue, the answer.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::agenda::Due;
use super::conn::Conn;
use super::faults::Fault;
use super::state::{Listening, State};
use super::trace::{EndId, Side, What, Why};
use crate::endpoint::Endpoint;
use crate::world::ListenOptions;

/// Where clients come from: addresses for documentation (RFC 5737, RFC 3849).
pub(super) const CLIENT_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
pub(super) const CLIENT_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));

/// The first of the ports that are given out.
pub(super) const FIRST_PORT: u16 = 32_768;

/// A first segment that nobody answers is sent again after a second, two more, four, and so on, six times; then
/// connecting fails. As Linux does it.
const MAX_ATTEMPTS: u32 = 6;

impl State {
    /// Begins to connect.
    pub(super) fn connect(&mut self, to: &Endpoint) -> Result<u32, Why> {
        let failure = if self.strikes(Fault::Unreachable, None) {
            Some(Why::Unreachable)
        } else if self.is_out_of_descriptors() {
            Some(Why::NoDescriptor)
        } else if self.is_full(to) {
            Some(Why::NoRoom)
        } else {
            None
        };
        if let Some(why) = failure {
            self.log(What::ConnectFailed { to: to.clone(), why });
            return Err(why);
        }
        let from = match to {
            Endpoint::Ip(address) => {
                let ip = match address.ip() {
                    ip if ip.is_loopback() => ip,
                    IpAddr::V4(_) => CLIENT_V4,
                    IpAddr::V6(_) => CLIENT_V6,
                };
                Endpoint::Ip(SocketAddr::new(ip, self.free_port()))
            }
            Endpoint::Unix(_) => Endpoint::Unix(None),
        };
        self.descriptors += 1;
        self.last_conn += 1;
        let id = self.last_conn;
        let link = self.link_between(&from, to);
        // Both meanings of a short read are met in the world.
        let short_means_empty = self.rng.chance(0.5);
        self.log(What::Connect { conn: id, from: from.clone(), to: to.clone() });
        self.conns.insert(id, Conn::new(link, from, to.clone(), short_means_empty));
        if self.strikes(Fault::BlackHole, Some(id)) {
            self.agenda.put(self.now + resend_after(MAX_ATTEMPTS), Due::Answer { conn: id, why: Some(Why::TimedOut) });
        } else if self.strikes(Fault::Refused, Some(id)) {
            let round = link.latency * 2;
            self.agenda.put(self.now + round, Due::Answer { conn: id, why: Some(Why::Refused) });
        } else {
            self.agenda.put(self.now + link.latency, Due::Hello { conn: id, attempt: 0 });
        }
        Ok(id)
    }

    /// Whether a Unix-domain listener has no room for another connection, which is told at once.
    fn is_full(&mut self, to: &Endpoint) -> bool {
        matches!(to, Endpoint::Unix(_)) && self.listener_at(to).is_some_and(|id| !self.has_room(id))
    }

    fn has_room(&self, listener: u32) -> bool {
        self.listeners.get(&listener).is_some_and(|listening| listening.queue.len() < listening.backlog)
    }

    /// A client's first segment reaches the server's host.
    pub(super) fn hello(&mut self, id: u32, attempt: u32) {
        let Some(conn) = self.conns.get(&id).filter(|conn| !conn.broken) else { return };
        let (latency, to, stalled_until) = (conn.link.latency, conn.server.address.clone(), conn.stalled_until);
        let dark = [&conn.client.address, &conn.server.address].into_iter().any(|address| self.is_dark(address));
        let listener = self.listener_at(&to);
        let room = listener.is_none_or(|id| self.has_room(id));
        if dark || !room {
            let pause = resend_after(attempt) - attempt.checked_sub(1).map_or(Duration::ZERO, resend_after);
            let next = match attempt {
                MAX_ATTEMPTS.. => Due::Answer { conn: id, why: Some(Why::TimedOut) },
                _ => Due::Hello { conn: id, attempt: attempt + 1 },
            };
            self.agenda.put(self.now + pause, next);
            return;
        }
        let at = self.now.max(stalled_until) + latency;
        let Some(listener) = listener else {
            self.agenda.put(at, Due::Answer { conn: id, why: Some(Why::Refused) });
            return;
        };
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.server.open = true;
            conn.server.out.last_arrival = at;
        }
        if let Some(listening) = self.listeners.get_mut(&listener) {
            listening.queue.push_back(id);
        }
        self.agenda.put(at, Due::Answer { conn: id, why: None });
        self.raise_listener(listener);
    }

    /// The answer reaches the client.
    pub(super) fn answer(&mut self, id: u32, why: Option<Why>) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        if conn.client.dead {
            return;
        }
        conn.established = why.is_none();
        conn.client.dead = why.is_some();
        conn.client.error = why;
        self.log(why.map_or(What::Connected { conn: id }, |why| What::Undone { conn: id, why }));
        let end = EndId { conn: id, side: Side::Client };
        self.pump(end);
        self.raise(end);
    }

    pub(super) fn listen(&mut self, at: &Endpoint, options: &ListenOptions) -> Result<(u32, Endpoint), Why> {
        if self.is_out_of_descriptors() {
            return Err(Why::NoDescriptor);
        }
        let at = match at {
            Endpoint::Ip(address) if address.port() == 0 => {
                Endpoint::Ip(SocketAddr::new(address.ip(), self.free_port()))
            }
            _ => at.clone(),
        };
        if self.listeners.values().any(|other| other.at == at && !(other.shared && options.reuse_port)) {
            return Err(Why::InUse);
        }
        self.descriptors += 1;
        self.last_listener += 1;
        self.log(What::Listen { at: at.clone() });
        let listening = Listening {
            at: at.clone(),
            backlog: usize::try_from(options.backlog).unwrap_or(usize::MAX).max(1),
            shared: options.reuse_port,
            queue: VecDeque::new(),
            token: None,
            waits: false,
            edge_due: false,
        };
        self.listeners.insert(self.last_listener, listening);
        Ok((self.last_listener, at))
    }

    /// Takes the next connection out of a listener's queue; `Ok(None)` if there is none.
    pub(super) fn accept(&mut self, listener: u32) -> Result<Option<(u32, Endpoint)>, Why> {
        let Some(listening) = self.listeners.get_mut(&listener) else { return Err(Why::NotConnected) };
        let Some(id) = listening.queue.front().copied() else {
            listening.waits = true;
            return Ok(None);
        };
        // The connection stays in the queue for the next try.
        if self.is_out_of_descriptors() {
            return Err(Why::NoDescriptor);
        }
        if let Some(listening) = self.listeners.get_mut(&listener) {
            listening.queue.pop_front();
        }
        if self.strikes(Fault::AcceptAborted, Some(id)) {
            self.break_by_reset(id);
            self.close(EndId { conn: id, side: Side::Server });
            return Err(Why::Aborted);
        }
        self.descriptors += 1;
        self.log(What::Accept { conn: id });
        let peer = self.conns.get(&id).map_or(Endpoint::Unix(None), |conn| conn.client.address.clone());
        Ok(Some((id, peer)))
    }

    /// A listener is closed, and what waits in its queue is reset.
    pub(super) fn unlisten(&mut self, listener: u32) {
        let Some(listening) = self.listeners.remove(&listener) else { return };
        self.descriptors -= 1;
        self.log(What::Unlisten { at: listening.at });
        for conn in listening.queue {
            self.send_reset(EndId { conn, side: Side::Client });
            self.close(EndId { conn, side: Side::Server });
        }
    }

    /// Who accepts what comes to this address: one who listens there, or for every address.
    fn listener_at(&mut self, to: &Endpoint) -> Option<u32> {
        let find = |takes: &dyn Fn(&Endpoint) -> bool| -> Vec<u32> {
            self.listeners.iter().filter(|(_, listening)| takes(&listening.at)).map(|(id, _)| *id).collect()
        };
        let mut found = find(&|at| at == to);
        if let (true, Some(to)) = (found.is_empty(), to.ip()) {
            found = find(&|at| {
                at.ip().is_some_and(|at| {
                    at.ip().is_unspecified() && at.port() == to.port() && (at.is_ipv6() || to.is_ipv4())
                })
            });
        }
        if found.len() > 1 { self.rng.pick(&found).copied() } else { found.first().copied() }
    }

    pub(super) fn is_out_of_descriptors(&mut self) -> bool {
        if self.descriptors >= self.most_descriptors {
            self.note_fault(Fault::NoDescriptor, None);
            return true;
        }
        self.strikes(Fault::NoDescriptor, None)
    }

    pub(super) fn free_port(&mut self) -> u16 {
        let port = self.next_port;
        self.next_port = port.checked_add(1).unwrap_or(FIRST_PORT);
        port
    }
}

/// How long after the first attempt the one after number `attempt` comes.
fn resend_after(attempt: u32) -> Duration {
    Duration::from_secs((2 << attempt) - 1)
}
