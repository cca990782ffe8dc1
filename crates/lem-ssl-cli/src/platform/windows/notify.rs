//! Service managers that listen at a socket, which there are none of here.

use std::ffi::OsStr;
use std::io;

/// There is none.
#[derive(Debug)]
pub(crate) enum NotifySocket {}

impl NotifySocket {
    /// Says that there is none.
    pub(crate) fn open(_: &OsStr) -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no such sockets"))
    }

    pub(crate) fn send(&self, _: &str) -> io::Result<()> {
        match *self {}
    }
}
