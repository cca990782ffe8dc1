//! What was measured, and on what.

use std::fs;
use std::io;
use std::net::UdpSocket;
use std::time::Duration;

use crate::meter;

/// The machine, what a system call costs on it, and the versions that take part, in three lines.
pub(crate) fn about() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let cpu = cpu_name(&read("/proc/cpuinfo")).unwrap_or("an unknown CPU").to_owned();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    // The kernel's own numbers; what a distribution or a host adds says nothing about speed.
    let kernel = kernel.trim().split('-').next().unwrap_or_default();
    let versions: Vec<_> = SHOWN.iter().filter_map(|name| Some(format!("{name} {}", version(LOCK, name)?))).collect();
    let call =
        system_call().map_or_else(|error| format!("unknown ({error})"), |cost| format!("{} ns", cost.as_nanos()));
    format!(
        "{cpu}, {cores} cores, Linux {kernel}\nCPU time of reading an empty socket: {call}\n{}\n",
        versions.join(", ")
    )
}

/// CPU time of a system call that finds nothing to do: a read of an empty socket. It differs between processors, and
/// between virtual machines of one processor, by more than most rows of the tables do: where it is dear, fewer calls
/// decide, and where it is cheap, copies. The least of several tries, since whatever disturbs a try makes it longer.
fn system_call() -> io::Result<Duration> {
    const TRIES: u32 = 20;
    const CALLS: u32 = 2_000;
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_nonblocking(true)?;
    let mut least = Duration::MAX;
    for _ in 0..TRIES {
        let began = meter::thread_time();
        for _ in 0..CALLS {
            match socket.recv(&mut [0; 64]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
                Ok(_) => return Err(io::Error::other("somebody sends to this socket")),
            }
        }
        least = least.min((meter::thread_time() - began) / CALLS);
    }
    Ok(least)
}

fn cpu_name(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim())
}

fn version<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let (_, package) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    Some(package.split_once('"')?.0)
}

const LOCK: &str = include_str!("../../Cargo.lock");

const SHOWN: [&str; 7] =
    ["lem-ssl-rs", "rustls", "rustls-graviola", "tokio", "tokio-rustls", "async-io", "futures-rustls"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_is_known() {
        assert!(SHOWN.iter().all(|name| version(LOCK, name).is_some_and(|version| !version.is_empty())));
    }

    #[test]
    fn a_system_call_takes_some_time_but_not_long() {
        let cost = system_call().expect("a socket on the loopback interface");
        assert!(cost > Duration::ZERO && cost < Duration::from_millis(1), "{cost:?}");
    }

    #[test]
    fn the_cpu_has_a_name() {
        assert_eq!(cpu_name("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n"), Some("Some CPU @ 2 GHz"));
        assert_eq!(cpu_name("processor\t: 0\n"), None);
    }
}
