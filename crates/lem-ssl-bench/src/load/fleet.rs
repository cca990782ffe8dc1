//! Many clients of an echo server, on one thread.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::thread::sleep;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use super::wire::Wire;
use crate::control::{tell, wait};
use crate::order::{Order, Work};
use crate::outcome::Outcome;
use crate::pki::Pki;

struct Fleet {
    poll: Poll,
    events: Events,
    ships: Vec<Ship>,
    message: Vec<u8>,
    buffer: Vec<u8>,
}

/// A client.
struct Ship {
    wire: Wire,
    /// How much of the echo is still to come.
    missing: usize,
    sent_at: Instant,
}

pub(super) fn run(order: &Order) -> Outcome<()> {
    let config = if order.is_encrypted() { Some(Pki::open(&order.pki)?.client_config(false)?) } else { None };
    let mut fleet = Fleet {
        poll: Poll::new()?,
        events: Events::with_capacity(1024),
        ships: Vec::new(),
        message: vec![b'x'; order.size],
        buffer: vec![0; order.size.max(4096)],
    };
    let launch = |fleet: &mut Fleet, count: usize, messages: u64| -> Outcome<()> {
        while fleet.ships.len() < count {
            let socket = TcpStream::connect(("127.0.0.1", order.port))?;
            let wire = Wire::client(socket, config.as_ref())?;
            fleet.add(wire)?;
            let newest = fleet.ships.len() - 1;
            fleet.exchange(newest..newest + 1, messages)?;
        }
        Ok(())
    };
    if order.work == Work::Crowd {
        // A few first, so that what the side under test makes only once is made.
        const FIRST: usize = 10;
        launch(&mut fleet, FIRST, order.warm)?;
        tell("warm");
        wait();
        launch(&mut fleet, FIRST + order.connections, order.warm)?;
        tell("done");
        wait();
        // As many again when the first have been quiet for a while: what those have given up can be used again, which is
        // what counts where connections come one after the other.
        sleep(REST);
        launch(&mut fleet, FIRST + 2 * order.connections, order.warm)?;
        sleep(REST);
        tell("done");
        wait();
        return Ok(());
    }
    launch(&mut fleet, order.connections, 1)?;
    fleet.exchange(0..order.active, order.warm)?;
    tell("warm");
    wait();
    let mut times = fleet.exchange(0..order.active, order.total)?;
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_nanos();
    tell(&format!("done {} {}", at(50), at(99)));
    wait();
    Ok(())
}

/// Longer than anybody takes to find out that a connection is quiet.
const REST: Duration = Duration::from_secs(5);

impl Fleet {
    fn add(&mut self, wire: Wire) -> Outcome<()> {
        wire.socket().set_nonblocking(true)?;
        let token = Token(self.ships.len());
        self.poll.registry().register(&mut SourceFd(&wire.socket().as_raw_fd()), token, Interest::READABLE)?;
        self.ships.push(Ship { wire, missing: 0, sent_at: Instant::now() });
        Ok(())
    }

    /// Exchanges `count` messages over the given connections, each of which has one under way at a time. Says how long
    /// each took.
    fn exchange(&mut self, ships: std::ops::Range<usize>, count: u64) -> Outcome<Vec<Duration>> {
        let mut left = count;
        let mut times = Vec::with_capacity(count as usize);
        for ship in ships {
            if left > 0 {
                left -= 1;
                self.ships[ship].send(&self.message)?;
            }
        }
        while (times.len() as u64) < count {
            self.poll.poll(&mut self.events, None)?;
            for event in &self.events {
                let ship = &mut self.ships[event.token().0];
                if ship.receive(&mut self.buffer)? {
                    times.push(ship.sent_at.elapsed());
                    if left > 0 {
                        left -= 1;
                        ship.send(&self.message)?;
                    }
                }
            }
        }
        Ok(times)
    }
}

impl Ship {
    fn send(&mut self, message: &[u8]) -> Outcome<()> {
        self.missing = message.len();
        self.sent_at = Instant::now();
        // Messages are small beside the kernel's buffers.
        Ok(self.wire.write_all(message)?)
    }

    /// Whether the echo is complete now.
    fn receive(&mut self, buffer: &mut [u8]) -> Outcome<bool> {
        let before = self.missing;
        loop {
            match self.wire.read(buffer) {
                Ok(0) => return Err("the side under test has closed a connection".into()),
                Ok(count) => self.missing -= count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(before > 0 && self.missing == 0)
    }
}
