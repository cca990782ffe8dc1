//! Names to addresses.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::Arc;

use super::shortage::is_shortage;
use crate::error::Error;
use crate::runtime::{Core, current, look_up, no_machine, refused};

/// The addresses of `host`, each once, in the resolver's order, with this port; never an empty list. For a library
/// that keeps connections to all of them; [`connect_source`](super::connect_source) resolves for itself.
///
/// The machine's resolver is asked, on the threads that the machine keeps for names. `localhost` is the loopback
/// address where the resolver does not know it. There is no limit of time: a [`Deadline`](crate::Deadline) gives one.
///
/// # Errors
/// [`Error::Resolve`] if the name has no addresses or nobody can tell; [`Error::Task`] if there is no thread that could ask
/// the operating system; [`Error::Misuse`] outside of a machine.
///
/// **Cancel safety:** dropping it abandons the lookup. A thread that asks the operating system ends when that has
/// answered.
///
/// ```
/// # use lem_rs::{Error, Machine, transport::resolve};
/// # Machine::new()?.run(async {
/// for address in resolve("localhost", 443).await? {
///     assert!(address.ip().is_loopback() && address.port() == 443);
/// }
/// # Ok::<(), Error>(())
/// # })??;
/// # Ok::<(), Error>(())
/// ```
pub async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
    let Some(core) = current() else { return refused(no_machine()).await };
    resolve_on(&core, host, port).await
}

/// As [`resolve`], on this machine.
pub(super) async fn resolve_on(core: &Core, host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
    let failed = |source| Error::Resolve { host: host.into(), source: Arc::new(source) };
    let found: io::Result<Vec<SocketAddr>> = match core.resolver() {
        Some(resolver) => {
            let found = resolver.resolve(host).await;
            found.map(|ips| ips.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
        }
        None => {
            let name = host.to_owned();
            look_up(core, move || ask_system(&name, port)).await?
        }
    };
    let none = || io::Error::new(io::ErrorKind::NotFound, "the name has no addresses");
    let found = found.and_then(|addresses| if addresses.is_empty() { Err(none()) } else { Ok(addresses) });
    // A resolver of one's own may refuse a name, and is not overruled; nor is the system where it could not look.
    let is_unknown = |error: &io::Error| match core.resolver() {
        Some(_) => error.kind() == io::ErrorKind::NotFound,
        None => !is_shortage(error),
    };
    let loopback = |error| if is_unknown(&error) { loopback(host, port).ok_or(error) } else { Err(error) };
    let mut addresses = found.or_else(loopback).map_err(failed)?;
    let mut seen = Vec::new();
    addresses.retain(|address| {
        !seen.contains(address) && {
            seen.push(*address);
            true
        }
    });
    Ok(addresses)
}

/// Asks the system. glibc calls a name unknown, too, if it had no descriptor to read its files or to ask a server with;
/// then the error is that of the shortage.
fn ask_system(name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let unknown = match (name, port).to_socket_addrs() {
        Ok(found) => return Ok(found.collect()),
        Err(error) => error,
    };
    match UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)) {
        Err(shortage) if is_shortage(&shortage) => Err(shortage),
        _ => Err(unknown),
    }
}

/// What `localhost` is where the resolver does not know it, as in a container without `/etc/hosts` (RFC 6761 section
/// 6.3).
fn loopback(host: &str, port: u16) -> Option<Vec<SocketAddr>> {
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    (name == "localhost" || name.ends_with(".localhost")).then(|| {
        let both = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        both.map(|ip| SocketAddr::new(ip, port)).to_vec()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_is_known_where_the_system_knows_no_names() {
        for name in ["localhost", "LocalHost.", "one.localhost"] {
            let found = loopback(name, 7).expect(name);
            assert!(found.iter().all(|address| address.ip().is_loopback() && address.port() == 7), "{found:?}");
        }
        assert!(loopback("localhost.example", 7).is_none() && loopback("mylocalhost", 7).is_none());
    }
}
