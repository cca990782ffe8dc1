//! Sources and sinks of much data.
//!
//! A source writes as a peer does: it encrypts a write, sends it, and goes on to the next. A flood has encrypted
//! everything before it sends the first byte, so that it is never the slower side. A sink decrypts nothing, and never
//! sleeps: the sender would pay for waking it, which costs more than sending.

use std::hint::spin_loop;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};
use rustls::ServerConnection;

use super::wire::Wire;
use crate::control::tell_port;
use crate::order::{Order, Work};
use crate::outcome::Outcome;
use crate::pki::Pki;

/// How much a flood gives to the kernel at once: with less it could not keep up with a fast receiver.
const PIECE: usize = 256 * 1024;

/// How long a sink leaves the socket alone when there was nothing.
const LOOK_AWAY: Duration = Duration::from_micros(5);

pub(super) fn run(order: &Order) -> Outcome<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    tell_port(listener.local_addr()?.port());
    let (socket, _) = listener.accept()?;
    let config = if order.is_encrypted() { Some(Pki::open(&order.pki)?.server_config(false)?) } else { None };
    let mut wire = Wire::server(socket, config.as_ref())?;
    match order.work {
        Work::Sink => swallow(wire.socket()),
        Work::Both => {
            let socket = wire.socket().try_clone()?;
            thread::spawn(move || swallow(&socket));
            write(&mut wire, order.size, (order.warm + order.total) / 2)
        }
        Work::Source => write(&mut wire, order.size, order.warm + order.total),
        Work::Text => {
            let sealed = seal(&mut wire, order.size, (order.warm + order.total) * MAX_LINE as u64, true)?;
            pour(wire.socket(), &sealed)
        }
        _ => {
            let sealed = seal(&mut wire, order.size, order.warm + order.total, false)?;
            pour(wire.socket(), &sealed)
        }
    }
}

/// Writes `total` bytes, and waits for the peer to go.
fn write(wire: &mut Wire, size: usize, total: u64) -> Outcome<()> {
    let content = vec![b'x'; size];
    if let Wire::Server(stream) = wire {
        stream.conn.set_buffer_limit(None);
    }
    for _ in 0..total.div_ceil(size as u64) {
        // A receiver that has what it wanted goes away.
        if wire.write_all(&content).is_err() {
            return Ok(());
        }
    }
    drain(wire.socket())
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
                Wire::Bare(stream) => stream.seal(write, &mut sealed),
                Wire::Client(_) => return Err("a source is a server".into()),
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

/// Sends it, and waits for the peer to go.
fn pour(mut socket: &TcpStream, sealed: &[u8]) -> Outcome<()> {
    for piece in sealed.chunks(PIECE) {
        if socket.write_all(piece).is_err() {
            return Ok(());
        }
    }
    drain(socket)
}

/// Takes what comes until the peer goes, and never sleeps.
fn swallow(socket: &TcpStream) -> Outcome<()> {
    let mut buffer = vec![0; PIECE];
    loop {
        match recv(socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
            Ok(1..) => {}
            Err(Errno::EAGAIN) => {
                let now = Instant::now();
                while now.elapsed() < LOOK_AWAY {
                    spin_loop();
                }
            }
            _ => return Ok(()),
        }
    }
}

fn drain(mut socket: &TcpStream) -> Outcome<()> {
    let mut buffer = vec![0; 256 * 1024];
    while matches!(socket.read(&mut buffer), Ok(1..)) {}
    Ok(())
}

/// Lines of 20 to 60 bytes, the last one complete.
fn text_of(least: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(least + MAX_LINE);
    for length in line_lengths() {
        if text.len() >= least {
            break;
        }
        text.resize(text.len() + length - 1, b'x');
        text.push(b'\n');
    }
    text
}

/// Of all lengths from 20 to 60, with their `'\n'`, at random, and the same in each run. Lengths that repeat after a few
/// dozens are learnt by the processor, and lines of text are not like that.
fn line_lengths() -> impl Iterator<Item = usize> {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    std::iter::repeat_with(move || {
        // Marsaglia, "Xorshift RNGs" (2003).
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        20 + (state >> 32) as usize % 41
    })
}

const MAX_LINE: usize = 60;

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
        assert_eq!(lengths.iter().max(), Some(&MAX_LINE));
        let mean = lengths.iter().sum::<usize>() as f64 / lengths.len() as f64;
        assert!((39.0..41.0).contains(&mean), "{mean}");
    }
}
