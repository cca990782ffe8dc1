//! Sources and sinks of much data.
//!
//! A source encrypts everything before it sends the first byte, and a sink decrypts nothing: so neither is the slower
//! side, whoever is measured, and both send and receive exactly what they would for the limit.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use rustls::ServerConnection;

use super::wire::Wire;
use crate::control::tell_port;
use crate::order::{Order, Work};
use crate::outcome::Outcome;
use crate::pki::Pki;

/// What a record costs on the wire beyond its content: header, content type, tag (RFC 8446 section 5.2).
const RECORD_OVERHEAD: usize = 22;

/// The most that fits into a record.
pub(crate) const RECORD: usize = 16 * 1024;

/// How many bytes a write of so many makes on the wire.
pub(crate) fn on_the_wire(size: usize) -> usize {
    size + size.div_ceil(RECORD) * RECORD_OVERHEAD
}

/// The least that is worth a system call of the source: with less it could not keep up with a fast receiver.
const PIECE: usize = 16 * 1024;

pub(super) fn run(order: &Order) -> Outcome<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    tell_port(listener.local_addr()?.port());
    let (socket, _) = listener.accept()?;
    let config = if order.is_encrypted() { Some(Pki::open(&order.pki)?.server_config(false)?) } else { None };
    let mut wire = Wire::server(socket, config.as_ref())?;
    match order.work {
        Work::Sink => drain(wire.socket()),
        Work::Both => {
            let socket = wire.socket().try_clone()?;
            let half = (order.warm + order.total) / 2;
            let sealed = seal(&mut wire, order.size, half, false)?;
            thread::spawn(move || drain(&socket));
            pour(wire.socket(), &sealed, order.size)
        }
        _ => {
            let text = order.work == Work::Text;
            let plain = (order.warm + order.total) * if text { LONGEST_LINE as u64 } else { 1 };
            let sealed = seal(&mut wire, order.size, plain, text)?;
            pour(wire.socket(), &sealed, order.size)
        }
    }
}

/// Everything that will be sent, encrypted: `total` bytes of content at least, in records for writes of `size`.
fn seal(wire: &mut Wire, size: usize, total: u64, text: bool) -> Outcome<Vec<u8>> {
    let content = if text { text_of(BATCH) } else { vec![b'x'; BATCH / size * size] };
    let batches = total.div_ceil(content.len() as u64);
    let mut sealed = Vec::new();
    for _ in 0..batches {
        for write in content.chunks(size) {
            match wire {
                Wire::Server(stream) => {
                    stream.conn.set_buffer_limit(None);
                    stream.conn.writer().write_all(write)?;
                }
                _ => sealed.resize(sealed.len() + on_the_wire(write.len()), 0),
            }
        }
        if let Wire::Server(stream) = wire {
            take(&mut stream.conn, &mut sealed)?;
        }
    }
    Ok(sealed)
}

fn take(connection: &mut ServerConnection, sealed: &mut Vec<u8>) -> Outcome<()> {
    while connection.wants_write() {
        connection.write_tls(sealed)?;
    }
    Ok(())
}

/// Sends it, a write's records at a time if they are large, and waits for the peer to go.
fn pour(mut socket: &TcpStream, sealed: &[u8], size: usize) -> Outcome<()> {
    let records = size.max(PIECE).div_ceil(size.min(RECORD));
    let piece = records * (size.min(RECORD) + RECORD_OVERHEAD);
    for piece in sealed.chunks(piece) {
        // A receiver that has what it wanted goes away.
        if socket.write_all(piece).is_err() {
            return Ok(());
        }
    }
    drain(socket)
}

fn drain(mut socket: &TcpStream) -> Outcome<()> {
    let mut buffer = vec![0; 256 * 1024];
    while matches!(socket.read(&mut buffer), Ok(1..)) {}
    Ok(())
}

/// Lines of 20 to 60 bytes, the last one complete.
fn text_of(least: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(least + LONGEST_LINE);
    for length in line_lengths() {
        if text.len() >= least {
            break;
        }
        text.resize(text.len() + length - 1, b'x');
        text.push(b'\n');
    }
    text
}

/// Of all lengths from 20 to 60, with their `'\n'`, in no obvious order.
fn line_lengths() -> impl Iterator<Item = usize> {
    (0..).map(|number: usize| 20 + number * 17 % 41)
}

/// How long a line is on average.
pub(crate) fn mean_line() -> f64 {
    line_lengths().take(41).sum::<usize>() as f64 / 41.0
}

const LONGEST_LINE: usize = 60;

const BATCH: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_as_long_as_it_says() {
        let text = text_of(100_000);
        assert_eq!(text.last(), Some(&b'\n'));
        let lengths: Vec<_> = text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::len).collect();
        assert_eq!(lengths.iter().min(), Some(&20));
        assert_eq!(lengths.iter().max(), Some(&LONGEST_LINE));
        assert!((mean_line() - 40.0).abs() < 0.01);
    }
}
