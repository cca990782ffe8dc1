//! The limit: what nobody can avoid. The same bytes over plain TCP, and the cryptography's raw cost, each measured
//! alone; a contender that spent nothing of its own would reach their sum.

mod aead;
mod handshake;

use std::io::{self, Read, Write};

use mio::net::TcpStream;

use super::events::{self, Maker, Wire, half_close};
use crate::load::{FLIGHTS, on_the_wire};
use crate::order::{Order, Work};
use crate::outcome::Outcome;

/// Runs a part of the limit.
pub(crate) fn run(order: &Order) -> Outcome<()> {
    match order.work {
        Work::Open | Work::Seal => aead::run(order),
        Work::ServerHandshake | Work::ClientHandshake | Work::Keep => handshake::run(order),
        _ => events::run(order, &Plain),
    }
}

struct Plain;

impl Maker for Plain {
    type Wire = TcpStream;

    fn client(&self, socket: TcpStream) -> Outcome<TcpStream> {
        Ok(socket)
    }

    fn server(&self, socket: TcpStream) -> Outcome<TcpStream> {
        Ok(socket)
    }

    fn written(&self, size: usize) -> usize {
        on_the_wire(size)
    }

    fn words(&self) -> &[usize] {
        &FLIGHTS
    }
}

impl Wire for TcpStream {
    fn socket(&mut self) -> &mut TcpStream {
        self
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Read::read(self, buffer)
    }

    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        Write::write(self, data)
    }

    fn finish(&mut self) {
        half_close(self);
    }

    const SHORT_IS_ALL: bool = true;
}
