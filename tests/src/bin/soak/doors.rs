//! The ways to the server: straight ones, and through proxies that do harm or none.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use lem_rs::sim::Rng;
use lem_ssl_tests::proxy::{Fault, Faults, Proxy};

use crate::life::{Carrier, Life, Road};

/// The proxies, and every way to the server.
#[derive(Debug)]
pub(crate) struct Doors {
    /// In the order of [`way`].
    pub(crate) ways: [SocketAddr; 5],
    /// They run until this is dropped.
    _proxies: [Proxy; 3],
}

/// Which of the ways a connection takes.
pub(crate) fn way(life: &Life) -> usize {
    match (life.carrier, life.road) {
        (Carrier::Plain, Road::Direct) => 1,
        (Carrier::Plain, _) => 3,
        (_, Road::Direct) => 0,
        (_, Road::Bumpy) => 2,
        (_, Road::Broken) => 4,
    }
}

impl Doors {
    /// Proxies in front of a server of TLS and a plain one.
    pub(crate) fn open(seed: u64, encrypted: SocketAddr, plain: SocketAddr) -> io::Result<Self> {
        let rng = Rng::new(seed);
        let bumpy = |target, number| {
            let rng = rng.fork(number);
            Proxy::start(target, move |number| both(&mut rng.fork(number as u64), bump))
        };
        let (to_encrypted, to_plain) = (bumpy(encrypted, 1)?, bumpy(plain, 2)?);
        let rng = rng.fork(3);
        let broken = Proxy::start(encrypted, move |number| both(&mut rng.fork(number as u64), harm))?;
        let ways = [encrypted, plain, to_encrypted.address(), to_plain.address(), broken.address()];
        Ok(Self { ways, _proxies: [to_encrypted, to_plain, broken] })
    }
}

/// A fault in one direction, or in both.
fn both(rng: &mut Rng, fault: fn(&mut Rng) -> Fault) -> Faults {
    match rng.between(0..=2) {
        0 => Faults { to_server: fault(rng), to_client: Fault::None },
        1 => Faults { to_server: Fault::None, to_client: fault(rng) },
        _ => Faults { to_server: fault(rng), to_client: fault(rng) },
    }
}

fn offset(rng: &mut Rng) -> u64 {
    rng.magnitude(1..=128 * 1024) as u64
}

/// What only takes time.
fn bump(rng: &mut Rng) -> Fault {
    match rng.between(0..=2) {
        // In pieces so small that a large content would be nothing but system calls it takes too long.
        0 => Fault::Split(rng.magnitude(256..=16 * 1024)),
        _ => Fault::Delay { at: offset(rng), by: rng.within(Duration::from_millis(500)) },
    }
}

/// What does harm.
fn harm(rng: &mut Rng) -> Fault {
    let at = offset(rng);
    match rng.between(0..=3) {
        0 => Fault::Stall { at },
        1 => Fault::Truncate { at },
        2 => Fault::Flip { at, bit: rng.between(0..=7) as u8 },
        _ => Fault::Reset { at },
    }
}
