//! Listening sockets that we were started with, which there are none of here.

use lem_ssl_rs::Listener;

use crate::exit::{Exit, Failure};

/// Says that there is none.
pub(crate) fn listen_inherited() -> Result<Listener, Failure> {
    Err(Failure::new(Exit::Usage, "cannot listen on standard input: on Windows, give an address and a port"))
}

/// Says that there is none.
pub(crate) fn listen_passed(_: &str) -> Result<Listener, Failure> {
    Err(Failure::new(Exit::Usage, "there is no systemd here that could pass sockets"))
}
