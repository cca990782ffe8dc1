//! The limit: what nobody can avoid, with nothing around it. Bytes go over plain sockets on an event queue, in records
//! that are encrypted and decrypted by the provider's own functions, in place: no protocol, no tasks, no streams.

mod handshake;

use std::io::{self, ErrorKind, Read, Write};

use mio::net::TcpStream;

use super::events::{self, Maker, Wire, half_close};
use crate::bare::Bare;
use crate::load::FLIGHTS;
use crate::order::{Order, Work};
use crate::outcome::Outcome;

/// Runs the limit's side, or a part of it.
pub(crate) fn run(order: &Order) -> Outcome<()> {
    match order.work {
        Work::ServerHandshake | Work::ClientHandshake | Work::Keep => handshake::run(order),
        _ => events::run(order, &BareMaker),
    }
}

struct BareMaker;

impl Maker for BareMaker {
    type Wire = BareWire;

    fn client(&self, socket: TcpStream) -> Outcome<BareWire> {
        Ok(BareWire::new(socket))
    }

    fn server(&self, socket: TcpStream) -> Outcome<BareWire> {
        Ok(BareWire::new(socket))
    }

    fn words(&self) -> &[usize] {
        &FLIGHTS
    }
}

struct BareWire {
    socket: TcpStream,
    bare: Bare,
    /// The part of a record that has arrived.
    partial: Vec<u8>,
    /// What the kernel has not taken: from `sent` on.
    records: Vec<u8>,
    sent: usize,
    drained: bool,
}

/// So much is encrypted before it is written: it stays in the cache meanwhile.
const AHEAD: usize = 32 * 1024;

impl BareWire {
    fn new(socket: TcpStream) -> Self {
        let (partial, records) = (Vec::new(), Vec::new());
        Self { socket, bare: Bare::default(), partial, records, sent: 0, drained: false }
    }

    /// Reads once and decrypts in place. Says how much content there is, which lies where `take` was told.
    fn read_records(
        &mut self,
        buffer: &mut [u8],
        mut take: impl FnMut(&mut [u8], std::ops::Range<usize>),
    ) -> io::Result<usize> {
        loop {
            let kept = self.partial.len();
            let count = self.socket.read(&mut buffer[kept..])?;
            if count == 0 {
                return Ok(0);
            }
            self.drained = count < buffer.len() - kept;
            buffer[..kept].copy_from_slice(&self.partial);
            let bytes = &mut buffer[..kept + count];
            let mut content = 0;
            let taken = |bytes: &mut [u8], place: std::ops::Range<usize>| {
                content += place.len();
                take(bytes, place);
            };
            let used = self.bare.open(bytes, taken).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
            self.partial.clear();
            self.partial.extend_from_slice(&bytes[used..]);
            if content > 0 {
                return Ok(content);
            }
        }
    }
}

impl Wire for BareWire {
    fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_records(buffer, |_, _| {})
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut end = 0;
        self.read_records(buffer, |bytes, content| {
            let length = content.len();
            bytes.copy_within(content, end);
            end += length;
        })
    }

    fn is_drained(&self) -> bool {
        self.drained
    }

    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.flush()?;
        let data = &data[..data.len().min(AHEAD)];
        self.records.clear();
        self.sent = 0;
        self.bare.seal(data, &mut self.records);
        match self.flush() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(data.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.has_pending() {
            self.sent += self.socket.write(&self.records[self.sent..])?;
        }
        Ok(())
    }

    fn has_pending(&self) -> bool {
        self.sent < self.records.len()
    }

    fn finish(&mut self) {
        half_close(&self.socket);
    }
}
