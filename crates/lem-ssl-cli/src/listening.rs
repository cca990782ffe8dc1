//! Where clients come in.

use lem_ssl_rs::{Address, Error, ListenOptions, Listener, ToAddress};

use crate::exit::Failure;
use crate::platform::{SocketFile, listen_at, listen_inherited};

/// Listens at `address`: one as people write them, `:443` for a port of every address, `stdin` for a socket that we were
/// started with. The file of a Unix-domain socket goes with the second value: drop it before the listener.
pub(crate) async fn listen(address: &str, options: ListenOptions) -> Result<(Listener, Option<SocketFile>), Failure> {
    if address == "stdin" {
        return Ok((listen_inherited()?, None));
    }
    let everywhere = address.strip_prefix(':').map(|port| format!("[::]:{port}"));
    match everywhere.as_deref().unwrap_or(address).to_address().map_err(Error::from)? {
        Address::Unix(path) => listen_at(path, options).await.map(|(listener, file)| (listener, Some(file))),
        other => Ok((Listener::bind_with(&other, options).await?, None)),
    }
}
