//! Unix-domain sockets, which this command does not have here.

use std::path::{Path, PathBuf};

use lem_ssl_rs::{ListenOptions, Listener};

use crate::exit::{Exit, Failure};

/// Nothing is ever listened at that would have a file.
#[derive(Debug)]
pub(crate) enum SocketFile {}

impl SocketFile {
    /// There is none that could have a path.
    pub(crate) fn path(&self) -> &Path {
        match *self {}
    }

    /// There is none that could be looked for elsewhere.
    pub(crate) fn move_to(&mut self, _: PathBuf) {
        match *self {}
    }
}

/// Says that it cannot be.
pub(crate) async fn listen_at(path: PathBuf, _: ListenOptions) -> Result<(Listener, SocketFile), Failure> {
    Err(refusal(&path))
}

/// Says that it cannot be.
pub(crate) fn check_socket_file(path: &Path) -> Result<(), Failure> {
    Err(refusal(path))
}

fn refusal(path: &Path) -> Failure {
    let said = format!("cannot listen on unix:{}: on Windows, give an address and a port", path.display());
    Failure::new(Exit::Usage, said)
}
