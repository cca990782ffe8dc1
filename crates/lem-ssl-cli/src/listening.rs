//! Where clients come in.

use lem_ssl_rs::{Address, Error, ListenOptions, Listener, ToAddress};

use crate::exit::Failure;
use crate::platform::{SocketFile, listen_at, listen_inherited, listen_passed};

/// Listens at `address`: one as people write them, `stdin` for a socket that we were started with, `systemd` or
/// `systemd:NAME` for one that was passed to us (`LISTEN_FDS`). The file of a Unix-domain socket goes with the second value: drop it before the listener.
pub(crate) async fn listen(address: &str, options: ListenOptions) -> Result<(Listener, Option<SocketFile>), Failure> {
    let passed = address
        .strip_prefix("systemd")
        .and_then(|rest| if rest.is_empty() { Some("") } else { rest.strip_prefix(':') });
    if let Some(name) = passed {
        return Ok((listen_passed(name)?, None));
    }
    if address == "stdin" {
        return Ok((listen_inherited()?, None));
    }
    match address.to_address().map_err(Error::from)? {
        Address::Unix(path) => listen_at(path, options).await.map(|(listener, file)| (listener, Some(file))),
        other => Ok((Listener::bind_with(&other, options).await?, None)),
    }
}
