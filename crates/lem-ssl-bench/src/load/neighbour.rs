//! An honest client, beside a peer that does what it can to keep the server busy.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use super::hostile;
use super::wire::Wire;
use crate::control::{tell, wait};
use crate::order::{Hostile, Order};
use crate::outcome::Outcome;
use crate::pki::Pki;

/// Between two echoes: so that they are spread over the whole time.
const PAUSE: Duration = Duration::from_micros(200);

/// What the hostile peer has to become busy.
const LEAD: Duration = Duration::from_millis(100);

pub(super) fn run(order: &Order) -> Outcome<()> {
    let config = Pki::open(&order.pki)?.client_config(false)?;
    let connect = || TcpStream::connect(("127.0.0.1", order.port));
    let mut honest = Wire::client(connect()?, Some(&config))?;
    echo(&mut honest, order.size)?;
    let hostile = hostile::prepare(order.hostile, order.port, &config)?;
    tell("warm");
    wait();
    let hostile = thread::spawn(hostile);
    thread::sleep(LEAD);
    let end = Instant::now() + Duration::from_millis(order.total);
    let mut times = Vec::new();
    while Instant::now() < end {
        times.push(echo(&mut honest, order.size)?);
        thread::sleep(PAUSE);
    }
    if hostile.is_finished() && order.hostile != Hostile::Quiet {
        return Err("the hostile peer has given up, or was given up".into());
    }
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_nanos();
    tell(&format!("done {} {} {}", at(50), at(99), at(100)));
    wait();
    Ok(())
}

fn echo(wire: &mut Wire, size: usize) -> Outcome<Duration> {
    let mut buffer = vec![b'x'; size];
    let begun = Instant::now();
    wire.write_all(&buffer)?;
    wire.read_exact(&mut buffer)?;
    Ok(begun.elapsed())
}
