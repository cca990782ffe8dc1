//! What can be done on an event queue with nothing above it: for the limit, and for contenders that bring no loop.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{Shutdown, SocketAddr};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::control;
use crate::meter::Meter;
use crate::order::{Order, Work};
use crate::outcome::Outcome;
use crate::scenarios::{BUFFER, CUT};

/// A connection that never waits.
pub(crate) trait Wire {
    fn socket(&mut self) -> &mut TcpStream;
    /// Reads into the front of the buffer, which must have room for a record.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
    /// As [`read`](Self::read), but the content may lie anywhere in the buffer.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read(buffer)
    }
    /// Whether the last read is known to have taken everything.
    fn is_drained(&self) -> bool {
        false
    }
    fn write(&mut self, data: &[u8]) -> io::Result<usize>;
    /// Writes what was taken and is still here.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
    fn has_pending(&self) -> bool {
        false
    }
    /// Says goodbye, if there is a way.
    fn finish(&mut self);
}

/// Makes connections of sockets.
pub(crate) trait Maker {
    type Wire: Wire;
    fn client(&self, socket: TcpStream) -> Outcome<Self::Wire>;
    fn server(&self, socket: TcpStream) -> Outcome<Self::Wire>;
    /// What a caller sends, one after the other, and gets back.
    fn words(&self) -> &[usize];
}

/// Runs the side under test.
pub(crate) fn run(order: &Order, maker: &impl Maker) -> Outcome<()> {
    match order.work {
        Work::Receive => single(order, maker, receive),
        Work::Send => single(order, maker, send),
        Work::Duplex => single(order, maker, duplex),
        Work::Lines => single(order, maker, lines),
        Work::Echo => echo(maker),
        Work::Connect => call(order, maker, None),
        Work::Fetch => call(order, maker, Some(1)),
        work => Err(format!("{work:?} is no work for {}", order.contender).into()),
    }
}

/// One connection, and the queue that it waits on.
struct Single<W> {
    wire: W,
    poll: Poll,
    events: Events,
}

impl<W: Wire> Single<W> {
    /// Does `work`, and waits as long as it would block.
    fn wait<T>(&mut self, mut work: impl FnMut(&mut W) -> io::Result<T>) -> Outcome<T> {
        loop {
            match work(&mut self.wire) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.poll.poll(&mut self.events, None)?,
                other => return Ok(other?),
            }
        }
    }

    fn write_all(&mut self, mut data: &[u8]) -> Outcome<()> {
        while !data.is_empty() {
            let count = self.wait(|wire| wire.write(data))?;
            data = &data[count..];
        }
        self.wait(W::flush)
    }
}

fn single<M: Maker>(
    order: &Order,
    maker: &M,
    work: impl FnOnce(&Order, Single<M::Wire>) -> Outcome<()>,
) -> Outcome<()> {
    let mut wire = maker.client(dial(order.port)?)?;
    let poll = Poll::new()?;
    poll.registry().register(wire.socket(), Token(0), Interest::READABLE | Interest::WRITABLE)?;
    let single = Single { wire, poll, events: Events::with_capacity(16) };
    work(order, single)
}

fn receive<W: Wire>(order: &Order, mut single: Single<W>) -> Outcome<()> {
    let meter = Meter::new(order.warm, order.total);
    let mut buffer = vec![0; BUFFER];
    loop {
        match single.wait(|wire| wire.receive(&mut buffer))? {
            0 => return Err(CUT.into()),
            count => meter.add(count as u64),
        }
    }
}

fn send<W: Wire>(order: &Order, mut single: Single<W>) -> Outcome<()> {
    let meter = Meter::new(order.warm, order.total);
    let data = vec![b'x'; order.size];
    loop {
        single.write_all(&data)?;
        meter.add(order.size as u64);
    }
}

fn duplex<W: Wire>(order: &Order, mut single: Single<W>) -> Outcome<()> {
    let meter = Meter::new(order.warm, order.total);
    let data = vec![b'x'; order.size];
    let mut buffer = vec![0; BUFFER];
    let (mut at, mut left) = (0, (order.warm + order.total) / 2);
    loop {
        let mut blocked = true;
        match single.wire.receive(&mut buffer) {
            Ok(0) => {}
            Ok(count) => {
                meter.add(count as u64);
                blocked = false;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        if left == 0 {
            blocked &= single.wire.flush().or_else(nothing_if_blocked).is_ok();
        } else {
            match single.wire.write(&data[at..]) {
                Ok(count) => {
                    at = (at + count) % data.len();
                    left = left.saturating_sub(count as u64);
                    meter.add(count as u64);
                    blocked = false;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
        if blocked {
            single.poll.poll(&mut single.events, None)?;
        }
    }
}

fn lines<W: Wire>(order: &Order, mut single: Single<W>) -> Outcome<()> {
    let meter = Meter::new(order.warm, order.total);
    let mut buffer = vec![0; BUFFER];
    let mut line = Vec::new();
    loop {
        let count = single.wait(|wire| wire.read(&mut buffer))?;
        if count == 0 {
            return Err(CUT.into());
        }
        let mut rest = &buffer[..count];
        while let Some(end) = memchr::memchr(b'\n', rest) {
            line.extend_from_slice(&rest[..=end]);
            rest = &rest[end + 1..];
            std::hint::black_box(&line);
            line.clear();
            meter.add(1);
        }
        line.extend_from_slice(rest);
    }
}

/// A connection of a server, or a caller.
struct Peer<W> {
    wire: W,
    /// What the kernel has not taken yet.
    pending: VecDeque<u8>,
    /// How much a caller waits for, and which word is next.
    missing: usize,
    word: usize,
}

impl<W: Wire> Peer<W> {
    fn new(wire: W) -> Self {
        Self { wire, pending: VecDeque::new(), missing: 0, word: 0 }
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.pending.is_empty() {
            let count = match self.wire.write(self.pending.as_slices().0) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                other => other?,
            };
            self.pending.drain(..count);
        }
        self.wire.flush().or_else(nothing_if_blocked)
    }

    fn has_pending(&self) -> bool {
        !self.pending.is_empty() || self.wire.has_pending()
    }

    fn send(&mut self, data: &[u8]) -> io::Result<()> {
        let count = match self.pending.is_empty() {
            true => self.wire.write(data).or_else(nothing_if_blocked)?,
            false => 0,
        };
        self.pending.extend(&data[count..]);
        self.flush()
    }

    /// Echoes what is there; false at the end.
    fn echo(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        self.flush()?;
        loop {
            match self.wire.read(buffer) {
                Ok(0) => {
                    self.wire.finish();
                    return Ok(false);
                }
                Ok(count) => {
                    self.send(&buffer[..count])?;
                    if self.wire.is_drained() {
                        return Ok(true);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            }
        }
    }

    /// Goes on with a call; false at its end.
    fn call(&mut self, words: &[usize], buffer: &mut [u8]) -> io::Result<bool> {
        loop {
            if self.missing == 0 {
                let Some(word) = words.get(self.word) else {
                    self.wire.finish();
                    return Ok(false);
                };
                // A handshake on the way makes this block: it is sent when that is done.
                if self.pending.is_empty() {
                    self.pending.extend(&buffer[..*word]);
                }
                self.flush()?;
                if !self.pending.is_empty() {
                    return Ok(true);
                }
                self.missing = *word;
                self.word += 1;
            }
            match self.wire.read(buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.missing = self.missing.saturating_sub(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            }
        }
    }
}

fn nothing_if_blocked<T: Default>(error: io::Error) -> io::Result<T> {
    if error.kind() == ErrorKind::WouldBlock { Ok(T::default()) } else { Err(error) }
}

fn echo(maker: &impl Maker) -> Outcome<()> {
    const LISTENER: Token = Token(usize::MAX);
    control::answer();
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    control::tell_port(listener.local_addr()?.port());
    let mut peers = Vec::new();
    let mut free = Vec::new();
    let mut buffer = vec![0; BUFFER];
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((socket, _)) = listener.accept() {
                    socket.set_nodelay(true)?;
                    let mut peer = Peer::new(maker.server(socket)?);
                    let slot = free.pop().unwrap_or(peers.len());
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    poll.registry().register(peer.wire.socket(), Token(slot), interest)?;
                    if slot == peers.len() {
                        peers.push(None);
                    }
                    peers[slot] = Some(peer);
                }
                continue;
            }
            let slot = event.token().0;
            let Some(peer) = &mut peers[slot] else { continue };
            // New sockets are writable at once, which is no reason to read.
            let due = event.is_readable() || peer.has_pending();
            if due && !peer.echo(&mut buffer).unwrap_or(false) {
                peers[slot] = None;
                free.push(slot);
            }
        }
    }
}

/// Makes connections, several at once; `Some` number of them, or until the meter has enough.
fn call(order: &Order, maker: &impl Maker, mut left: Option<u64>) -> Outcome<()> {
    let meter = Meter::new(order.warm, order.total);
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(64);
    let mut buffer = vec![0; BUFFER];
    let begin = |poll: &Poll, slot: usize| -> Outcome<Peer<_>> {
        let mut peer = Peer::new(maker.client(dial(order.port)?)?);
        poll.registry().register(peer.wire.socket(), Token(slot), Interest::READABLE | Interest::WRITABLE)?;
        Ok(peer)
    };
    let mut peers = (0..order.active).map(|slot| begin(&poll, slot)).collect::<Outcome<Vec<_>>>()?;
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            let slot = event.token().0;
            if !peers[slot].call(maker.words(), &mut buffer)? {
                if let Some(left) = &mut left {
                    *left -= 1;
                    if *left == 0 {
                        return Ok(());
                    }
                } else {
                    meter.add(1);
                }
                peers[slot] = begin(&poll, slot)?;
            }
        }
    }
}

fn dial(port: u16) -> Outcome<TcpStream> {
    let socket = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port)))?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

/// Half-closes a socket.
pub(crate) fn half_close(socket: &TcpStream) {
    let _ = socket.shutdown(Shutdown::Write);
}
