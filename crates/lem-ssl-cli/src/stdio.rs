//! What standard output has to be; it is read and written with the library's `stdio`.

use std::fs::File;
use std::io::{self, Write};

use lem_ssl_rs::Error;

use crate::platform::is_stdout_closed;

/// An error if standard output was closed when we were started, as by `>&-`: what was asked for would come to nothing.
/// This is only for what is nothing but its output.
pub(crate) fn ensure_open() -> Result<(), Error> {
    if !is_stdout_closed() {
        return Ok(());
    }
    let said = "standard output is closed; to throw away what comes, give >/dev/null";
    Err(Error::io("write what comes", io::Error::other(said)))
}

/// Waits until what was written to a file is on its disk: only then does a full or a broken one say so. A pipe or a device
/// has nothing to wait for.
pub(crate) fn settle(file: &File) -> io::Result<()> {
    match file.sync_all() {
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        other => other,
    }
}

/// Writes a text to standard output, before or after the machine runs. `false`: nobody reads it.
pub(crate) fn print(text: &[u8]) -> Result<bool, Error> {
    let mut out = io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Error::io("write standard output", error)),
    }
}
