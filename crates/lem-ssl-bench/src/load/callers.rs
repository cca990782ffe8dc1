//! Clients and servers that do nothing but begin and end connections.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;

use rustls::{ClientConfig, ServerConfig};

use super::wire::Wire;
use crate::control::{tell, tell_port, wait};
use crate::order::Order;
use crate::outcome::Outcome;
use crate::pki::Pki;
use crate::scenarios::connect::WORD;

/// As many bytes as the two flights of a handshake have each way, for the limit.
pub(crate) const FLIGHTS: [usize; 2] = [700, 160];

/// Calls a server, from several threads.
pub(super) fn call(order: &Order) -> Outcome<()> {
    let mut configs = Vec::new();
    for _ in 0..order.active {
        // One each: they would take each other's tickets.
        let config =
            if order.is_encrypted() { Some(Pki::open(&order.pki)?.client_config(order.resume)?) } else { None };
        configs.push(config);
    }
    call_often(order, &configs, order.warm)?;
    tell("warm");
    wait();
    let resumed = call_often(order, &configs, order.total)?;
    if order.is_encrypted() && order.resume && resumed < order.total * 9 / 10 {
        return Err(format!("{resumed} handshakes of {} were resumed", order.total).into());
    }
    tell("done");
    wait();
    Ok(())
}

fn call_often(order: &Order, configs: &[Option<Arc<ClientConfig>>], count: u64) -> Outcome<u64> {
    let left = AtomicU64::new(count);
    let resumed = AtomicU64::new(0);
    let work = |config: &Option<Arc<ClientConfig>>| -> Outcome<()> {
        while left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
            resumed.fetch_add(u64::from(call_once(order.port, config.as_ref())?), Relaxed);
        }
        Ok(())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = configs.iter().map(|config| scope.spawn(|| work(config))).collect();
        for thread in threads {
            thread.join().map_err(|_| "a calling thread has panicked")??;
        }
        Ok(resumed.load(Relaxed))
    })
}

fn call_once(port: u16, config: Option<&Arc<ClientConfig>>) -> Outcome<bool> {
    let mut wire = Wire::client(TcpStream::connect(("127.0.0.1", port))?, config)?;
    let mut buffer = [0; 1024];
    match wire {
        Wire::Bare(_) => {
            for flight in FLIGHTS {
                wire.write_all(&buffer[..flight])?;
                wire.read_exact(&mut buffer[..flight])?;
            }
        }
        _ => {
            wire.write_all(WORD)?;
            wire.read_exact(&mut buffer[..WORD.len()])?;
        }
    }
    let resumed = wire.is_resumed();
    wire.finish();
    wire.drain();
    Ok(resumed)
}

/// Answers callers, from several threads.
pub(super) fn answer(order: &Order) -> Outcome<()> {
    let config = if order.is_encrypted() { Some(Pki::open(&order.pki)?.server_config(order.resume)?) } else { None };
    let listener = TcpListener::bind("127.0.0.1:0")?;
    tell_port(listener.local_addr()?.port());
    let connections = AtomicU64::new(0);
    let full = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..order.active {
            scope.spawn(|| {
                while let Ok((socket, _)) = listener.accept() {
                    // A client that was measured goes without saying goodbye.
                    let resumed = answer_once(socket, config.as_ref()).unwrap_or(true);
                    let full = full.fetch_add(u64::from(!resumed), Relaxed);
                    let connections = connections.fetch_add(1, Relaxed);
                    if order.is_encrypted() && order.resume && connections > 100 && full > connections / 10 {
                        eprintln!("only {} handshakes of {connections} were resumed", connections - full);
                        std::process::exit(1);
                    }
                }
            });
        }
        // Ends with the parent.
        wait();
        std::process::exit(0);
    })
}

fn answer_once(socket: TcpStream, config: Option<&Arc<ServerConfig>>) -> Outcome<bool> {
    let mut wire = Wire::server(socket, config)?;
    let mut buffer = [0; 1024];
    loop {
        match wire.read(&mut buffer)? {
            0 => break,
            count => wire.write_all(&buffer[..count])?,
        }
    }
    wire.finish();
    Ok(wire.is_resumed())
}
