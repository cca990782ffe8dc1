//! Unix-domain sockets, which this command does not have here.

use std::path::PathBuf;

use lem_ssl_rs::{ListenOptions, Listener};

use crate::exit::{Exit, Failure};

/// Nothing is ever listened at that would have a file.
#[derive(Debug)]
pub(crate) enum SocketFile {}

/// Says that it cannot be.
pub(crate) async fn listen_at(path: PathBuf, _: ListenOptions) -> Result<(Listener, SocketFile), Failure> {
    let said = format!("cannot listen on unix:{}: on Windows, give an address and a port", path.display());
    Err(Failure::new(Exit::Usage, said))
}
