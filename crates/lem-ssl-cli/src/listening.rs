//! Where clients come in.

use lem_ssl_rs::{Address, Error, ListenOptions, Listener, ToAddress};

use crate::exit::Failure;
use crate::platform::{SocketFile, listen_at};

/// Listens at `address`. The file of a Unix-domain socket goes with the second value: drop it before the listener.
pub(crate) async fn listen(address: &str, options: ListenOptions) -> Result<(Listener, Option<SocketFile>), Failure> {
    match address.to_address().map_err(Error::from)? {
        Address::Unix(path) => listen_at(path, options).await.map(|(listener, file)| (listener, Some(file))),
        other => Ok((Listener::bind_with(&other, options).await?, None)),
    }
}
