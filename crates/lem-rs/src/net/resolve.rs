//! Names to addresses.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use crate::error::Error;
use crate::runtime::{Core, look_up};

/// The addresses of `host`, each once, in the resolver's order. Never an empty list.
pub(crate) async fn resolve(core: &Core, host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
    let failed = |source| Error::Resolve { host: host.into(), source: Arc::new(source) };
    let found: io::Result<Vec<SocketAddr>> = match core.resolver() {
        Some(resolver) => {
            let found = resolver.resolve(host).await;
            found.map(|ips| ips.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
        }
        None => {
            let name = host.to_owned();
            look_up(core, move || Ok((name, port).to_socket_addrs()?.collect())).await?
        }
    };
    let mut addresses = found.map_err(failed)?;
    let mut seen = Vec::new();
    addresses.retain(|address| {
        !seen.contains(address) && {
            seen.push(*address);
            true
        }
    });
    if addresses.is_empty() {
        return Err(failed(io::Error::new(io::ErrorKind::NotFound, "the name has no addresses")));
    }
    Ok(addresses)
}
