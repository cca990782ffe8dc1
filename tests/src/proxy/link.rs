//! One connection through the proxy: two sockets, and a thread for each direction.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::fault::{Faults, Gate, Then};
use super::record::{Record, Way};

/// One connection through the proxy. It is closed when the last of its two threads lets it go.
#[derive(Debug)]
pub(super) struct Link {
    client: TcpStream,
    server: TcpStream,
    record: Option<Arc<Record>>,
    /// The proxy is over.
    proxy_over: Arc<AtomicBool>,
    /// It was reset: what remains to be done is to let it go.
    reset: AtomicBool,
}

/// So often somebody who waits for a socket looks whether it is all over.
const GLANCE: Duration = Duration::from_secs(1);

/// So long a receiver is kept waiting whose sender has left: longer than its patience.
const HELD: Duration = Duration::from_secs(10);

/// Room for the buffer, and for what little is called.
const STACK: usize = 128 * 1024;

impl Link {
    pub(super) fn new(
        client: TcpStream,
        server: TcpStream,
        record: Option<Arc<Record>>,
        proxy_over: Arc<AtomicBool>,
    ) -> io::Result<Self> {
        for socket in [&client, &server] {
            socket.set_nodelay(true)?;
            socket.set_read_timeout(Some(GLANCE))?;
            socket.set_write_timeout(Some(GLANCE))?;
        }
        Ok(Self { client, server, record, proxy_over, reset: AtomicBool::new(false) })
    }

    /// Starts a thread for each direction.
    pub(super) fn carry(self, faults: Faults) -> io::Result<()> {
        let link = Arc::new(self);
        for (way, fault) in [(Way::ToServer, faults.to_server), (Way::ToClient, faults.to_client)] {
            let link = link.clone();
            let pump = move || {
                let flow = link.pump(way, &mut Gate::new(fault));
                if let Some(record) = &link.record {
                    record.over();
                }
                if flow == Flow::Stalls {
                    link.hold();
                }
            };
            thread::Builder::new().name("proxy link".into()).stack_size(STACK).spawn(pump)?;
        }
        Ok(())
    }

    /// Carries the bytes of one direction until the sender has no more. Says what became of the last.
    fn pump(&self, way: Way, gate: &mut Gate) -> Flow {
        let (mut from, to) = match way {
            Way::ToServer => (&self.client, &self.server),
            Way::ToClient => (&self.server, &self.client),
        };
        let mut buffer = [0; 16 * 1024];
        let mut flow = self.pass(gate, &mut [], to);
        loop {
            if flow == Flow::Over {
                return flow;
            }
            match from.read(&mut buffer) {
                Ok(0) => {
                    // Also what a reset wakes us with; then it is no end.
                    if flow == Flow::Passes && !self.is_over() {
                        let _ = to.shutdown(Shutdown::Write);
                    }
                    return flow;
                }
                Ok(count) => {
                    if let Some(record) = &self.record {
                        record.said(way, &buffer[..count]);
                    }
                    if flow == Flow::Passes {
                        flow = self.pass(gate, &mut buffer[..count], to);
                    }
                }
                Err(error) if is_timeout(&error) && !self.is_over() => {}
                Err(error) if is_timeout(&error) => return Flow::Over,
                // A reset goes through as one.
                Err(_) => {
                    self.reset();
                    return Flow::Over;
                }
            }
        }
    }

    /// Lets bytes pass, as far as they may.
    fn pass(&self, gate: &mut Gate, mut bytes: &mut [u8], to: &TcpStream) -> Flow {
        loop {
            let (count, then) = gate.pass(bytes);
            let (now, rest) = bytes.split_at_mut(count);
            if self.write(to, now).is_err() {
                self.reset();
                return Flow::Over;
            }
            match then {
                Then::GoOn => {}
                Then::Pause(time) => thread::sleep(time),
                Then::Stall => return Flow::Stalls,
                Then::End => {
                    // A socket that is gone has ended, too.
                    let _ = to.shutdown(Shutdown::Write);
                    return Flow::Vanishes;
                }
                Then::Reset => {
                    self.reset();
                    return Flow::Over;
                }
            }
            if rest.is_empty() {
                return Flow::Passes;
            }
            bytes = rest;
        }
    }

    fn write(&self, mut to: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match to.write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if is_timeout(&error) && !self.is_over() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Keeps a stalled connection open after its sender has left it: the receiver is to wait, and to see no end.
    fn hold(&self) {
        let begun = Instant::now();
        while !self.is_over() && begun.elapsed() < HELD {
            thread::sleep(GLANCE);
        }
    }

    /// From now on closing resets both connections, and nobody waits for them any more.
    fn reset(&self) {
        self.reset.store(true, Ordering::Relaxed);
        for socket in [&self.client, &self.server] {
            // On a connection that is gone there is nothing left to reset, nor to wake.
            let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
            let _ = socket.shutdown(Shutdown::Read);
        }
    }

    fn is_over(&self) -> bool {
        self.reset.load(Ordering::Relaxed) || self.proxy_over.load(Ordering::Relaxed)
    }
}

/// What becomes of the bytes of a direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    /// They pass.
    Passes,
    /// They are taken from the sender, and get nowhere: the receiver has seen the end.
    Vanishes,
    /// They are taken from the sender, and get nowhere; the receiver waits.
    Stalls,
    /// There are none any more.
    Over,
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}
