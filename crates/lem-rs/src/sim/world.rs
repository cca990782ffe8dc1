//! The simulated world behind the machine's seam.

use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::datagrams::SimDatagram;
use super::faults::Fault;
use super::shared::Shared;
#[cfg(feature = "signal")]
use super::signals::SimSignals;
use super::state::{Outcome, State};
use super::trace::{EndId, Side, What, Why};
use crate::endpoint::Endpoint;
use crate::error::Error;
#[cfg(unix)]
use crate::world::Registration;
use crate::world::{
    Acceptor, Configurable, Datagram, Factory, Job, ListenOptions, Notify, OwnedListener, OwnedSocket, ReadyEvent,
    Socket, SocketFactory, UdpOptions, World,
};
#[cfg(feature = "signal")]
use crate::world::{Signal, SignalSource};

pub(super) struct SimWorld(pub(super) Rc<Shared>);

impl World for SimWorld {
    fn now(&self) -> Instant {
        self.0.base + self.0.state.borrow().now
    }

    fn wait(&self, limit: Option<Duration>, ready: &mut Vec<ReadyEvent>) -> io::Result<bool> {
        let until = {
            let mut state = self.0.state.borrow_mut();
            if state.turns >= state.most_turns {
                let over = format!(
                    "the simulation was not over after {} turns of the loop, at {:?}: is there a loop \
                     that never waits, or should SimBuilder::most_turns allow more?",
                    state.turns, state.now
                );
                return Err(Error::io("", io::Error::other(over)).into());
            }
            let until = limit.map(|limit| state.now + limit);
            state.begin_turn();
            until
        };
        let mut until = until;
        let happens = loop {
            if self.0.notified.0.swap(false, Ordering::AcqRel) {
                // A task was woken: what is due now is told, and no time passes.
                until = Some(Duration::ZERO);
            }
            let outcome = self.0.state.borrow_mut().advance(until, ready);
            match outcome {
                Outcome::Return => break true,
                Outcome::Never => break false,
                // On a thread, as in the real world, so that what is bound to threads is the same; and waited for, so
                // that nothing runs at the same time.
                Outcome::Run(job) => {
                    let job = thread::Builder::new().name("lem-worker".into()).spawn(job)?;
                    let _ = job.join();
                }
            }
        };
        self.0.state.borrow_mut().end_turn(ready);
        Ok(happens || !ready.is_empty())
    }

    fn stall_recheck_interval(&self) -> Option<Duration> {
        None
    }

    fn take_over(&self, job: Job) -> Option<Job> {
        self.0.state.borrow_mut().block(job);
        None
    }

    fn notifier(&self) -> Arc<dyn Notify> {
        self.0.notified.clone()
    }

    fn connect(&self, to: &Endpoint) -> io::Result<Box<dyn Socket>> {
        let conn = self.0.state.borrow_mut().connect(to)?;
        Ok(self.socket(conn, Side::Client))
    }

    fn factory(&self) -> Factory<'_> {
        Factory::Simulated(self)
    }
}

impl SocketFactory for SimWorld {
    fn listen(&self, at: &Endpoint, options: &ListenOptions) -> io::Result<Box<dyn Acceptor>> {
        let (listener, at) = self.0.state.borrow_mut().listen(at, options)?;
        Ok(Box::new(SimAcceptor { world: Self(self.0.clone()), listener, at }))
    }

    fn adopt_listener(&self, _: OwnedListener) -> io::Result<Box<dyn Acceptor>> {
        Err(no_real_sockets())
    }

    fn adopt(&self, _: OwnedSocket) -> io::Result<Box<dyn Socket>> {
        Err(no_real_sockets())
    }

    fn datagram(&self, at: SocketAddr, options: &UdpOptions) -> io::Result<Box<dyn Datagram>> {
        let socket = self.0.state.borrow_mut().bind(at, options)?;
        Ok(Box::new(SimDatagram::new(self.0.clone(), socket)))
    }

    fn adopt_datagram(&self, _: std::net::UdpSocket) -> io::Result<Box<dyn Datagram>> {
        Err(no_real_sockets())
    }

    #[cfg(unix)]
    fn watch_descriptor(&self, _: BorrowedFd<'_>, _: usize) -> io::Result<Box<dyn Registration>> {
        let what = "a simulated world has no descriptors of the operating system";
        Err(io::Error::new(io::ErrorKind::Unsupported, what))
    }

    #[cfg(feature = "signal")]
    fn signals(&self, wanted: &[Signal]) -> io::Result<Box<dyn SignalSource>> {
        Ok(Box::new(SimSignals::new(self.0.clone(), wanted)))
    }
}

impl Configurable for SimSocket {
    fn sock_ref(&self) -> Option<SockRef<'_>> {
        None
    }
}

impl Configurable for SimAcceptor {
    fn sock_ref(&self) -> Option<SockRef<'_>> {
        None
    }
}

impl SimWorld {
    fn socket(&self, conn: u32, side: Side) -> Box<dyn Socket> {
        Box::new(SimSocket { shared: self.0.clone(), end: EndId { conn, side } })
    }
}

fn no_real_sockets() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "a simulated world has no sockets of the operating system")
}

struct SimSocket {
    shared: Rc<Shared>,
    end: EndId,
}

impl SimSocket {
    fn address(&self, side: Side) -> io::Result<Endpoint> {
        let mut state = self.shared.state.borrow_mut();
        let conn = state.conns.get_mut(&self.end.conn).ok_or(Why::NotConnected)?;
        Ok(conn.end(side).address.clone())
    }
}

impl Socket for SimSocket {
    fn watch(&mut self, token: usize) -> io::Result<()> {
        if let Some(conn) = self.shared.state.borrow_mut().conns.get_mut(&self.end.conn) {
            conn.end(self.end.side).token = Some(token);
        }
        Ok(())
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.shared.state.borrow_mut().read(self.end, buffer)
    }

    fn write(&self, data: &[u8]) -> io::Result<usize> {
        self.shared.state.borrow_mut().write(self.end, data, Follows::Anything)
    }

    fn write_before_fin(&self, data: &[u8]) -> io::Result<usize> {
        self.shared.state.borrow_mut().write(self.end, data, Follows::Fin)
    }

    fn finish(&self) -> io::Result<()> {
        self.shared.state.borrow_mut().finish(self.end)
    }

    fn reset_when_closed(&self) -> io::Result<()> {
        if let Some(conn) = self.shared.state.borrow_mut().conns.get_mut(&self.end.conn) {
            conn.end(self.end.side).resets = true;
        }
        Ok(())
    }

    fn connected(&self) -> io::Result<()> {
        let mut state = self.shared.state.borrow_mut();
        let conn = state.conns.get_mut(&self.end.conn).ok_or(Why::NotConnected)?;
        if let Some(why) = conn.client.error {
            return Err(why.into());
        }
        if !conn.established {
            conn.client.waits_writable = true;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(())
    }

    fn failure(&self) -> Option<io::Error> {
        let mut state = self.shared.state.borrow_mut();
        let is_dead = state.conns.get_mut(&self.end.conn).is_none_or(|conn| conn.end(self.end.side).dead);
        is_dead.then(|| io::ErrorKind::ConnectionReset.into())
    }

    fn peer(&self) -> io::Result<Endpoint> {
        self.address(self.end.side.other())
    }

    fn local(&self) -> io::Result<Endpoint> {
        self.address(self.end.side)
    }

    fn is_announced(&self) -> bool {
        false
    }

    fn short_means_empty(&self) -> bool {
        self.shared.state.borrow().conns.get(&self.end.conn).is_some_and(|conn| conn.short_means_empty)
    }
}

impl Drop for SimSocket {
    fn drop(&mut self) {
        let mut state = self.shared.state.borrow_mut();
        state.descriptors -= 1;
        state.log(What::Close { end: self.end });
        state.close(self.end);
    }
}

struct SimAcceptor {
    world: SimWorld,
    listener: u32,
    at: Endpoint,
}

impl Acceptor for SimAcceptor {
    fn watch(&mut self, token: usize) -> io::Result<()> {
        if let Some(listening) = self.world.0.state.borrow_mut().listeners.get_mut(&self.listener) {
            listening.token = Some(token);
        }
        Ok(())
    }

    fn accept(&self) -> io::Result<(Box<dyn Socket>, Endpoint)> {
        let accepted = self.world.0.state.borrow_mut().accept(self.listener)?;
        let (conn, peer) = accepted.ok_or(io::ErrorKind::WouldBlock)?;
        Ok((self.world.socket(conn, Side::Server), peer))
    }

    fn local(&self) -> io::Result<Endpoint> {
        Ok(self.at.clone())
    }
}

impl Drop for SimAcceptor {
    fn drop(&mut self) {
        self.world.0.state.borrow_mut().unlisten(self.listener);
    }
}

/// What comes behind a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Follows {
    Anything,
    /// FIN, at once.
    Fin,
}

/// The calls of a socket.
impl State {
    fn read(&mut self, end: EndId, buffer: &mut [u8]) -> io::Result<usize> {
        let conn = self.conns.get_mut(&end.conn).ok_or(Why::NotConnected)?;
        let (connected, short_means_empty) = (conn.is_connected(end.side), conn.short_means_empty);
        let latency = conn.link.latency;
        let this = conn.end(end.side);
        let there = this.received.len().min(buffer.len());
        if there == 0 && !buffer.is_empty() {
            return match this.error.take() {
                Some(why) => {
                    self.log(What::Failed { end, doing: "reads", why });
                    Err(why.into())
                }
                None if connected && (this.fin || this.dead) => {
                    self.log(What::Read { end, count: 0, room: buffer.len() });
                    Ok(0)
                }
                None => {
                    this.waits_readable = true;
                    Err(io::ErrorKind::WouldBlock.into())
                }
            };
        }
        let mut count = there;
        // Behind FIN nothing comes that an early read could have missed.
        let may_be_short = count > 1 && !(short_means_empty && this.fin);
        if may_be_short && self.strikes(Fault::ShortRead, Some(end.conn)) {
            count = self.rng.size(1..=count - 1);
        }
        let Some(conn) = self.conns.get_mut(&end.conn) else { return Err(Why::NotConnected.into()) };
        let this = conn.end(end.side);
        for (place, byte) in buffer.iter_mut().zip(this.received.drain(..count)) {
            *place = byte;
        }
        this.waits_readable |= short_means_empty && count < buffer.len();
        self.log(What::Read { end, count, room: buffer.len() });
        self.raise(end);
        // The peer learns of the room after a while.
        self.pump_at(end.other(), self.now + latency);
        Ok(count)
    }

    fn write(&mut self, end: EndId, data: &[u8], follows: Follows) -> io::Result<usize> {
        let conn = self.conns.get_mut(&end.conn).ok_or(Why::NotConnected)?;
        let (connected, short_means_empty) = (conn.is_connected(end.side), conn.short_means_empty);
        let capacity = conn.link.send_buffer;
        let this = conn.end(end.side);
        let failure = match this.error.take() {
            Some(why) => Some(why),
            None if this.dead || this.out.ended => Some(Why::Pipe),
            None => None,
        };
        if let Some(why) = failure {
            self.log(What::Failed { end, doing: "writes", why });
            return Err(why.into());
        }
        let room = if connected { capacity.saturating_sub(this.out.queue.len()) } else { 0 };
        if room == 0 {
            this.waits_writable = true;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut count = room.min(data.len());
        if count > 1 && self.strikes(Fault::ShortWrite, Some(end.conn)) {
            count = self.rng.size(1..=count - 1);
        }
        let Some(conn) = self.conns.get_mut(&end.conn) else { return Err(Why::NotConnected.into()) };
        let this = conn.end(end.side);
        this.out.queue.extend(&data[..count]);
        this.waits_writable |= short_means_empty && count < data.len();
        self.log(What::Write { end, count, size: data.len() });
        // What is complete waits for FIN, which follows at once.
        if follows == Follows::Anything || count < data.len() {
            self.pump(end);
        }
        self.raise(end);
        Ok(count)
    }

    fn finish(&mut self, end: EndId) -> io::Result<()> {
        let conn = self.conns.get_mut(&end.conn).ok_or(Why::NotConnected)?;
        let connected = conn.is_connected(end.side);
        let this = conn.end(end.side);
        if this.dead || !connected {
            return Err(Why::NotConnected.into());
        }
        if !this.out.ended {
            this.out.ended = true;
            self.log(What::Finish { end });
            self.pump(end);
        }
        Ok(())
    }

    /// A socket is closed: what was written still goes, then FIN; unless there is something unread, which makes it RST,
    /// or it was asked for.
    pub(super) fn close(&mut self, end: EndId) {
        let Some(conn) = self.conns.get_mut(&end.conn) else { return };
        let connected = conn.is_connected(end.side);
        let this = conn.end(end.side);
        this.open = false;
        let resets = !this.received.is_empty() || this.resets;
        this.received.clear();
        if !this.dead {
            if resets || !connected {
                this.out.queue.clear();
                self.send_reset(end.other());
            } else {
                this.out.ended = true;
                self.pump(end);
            }
        }
        if self.conns.get(&end.conn).is_some_and(super::conn::Conn::is_over) {
            self.conns.remove(&end.conn);
        }
    }
}
