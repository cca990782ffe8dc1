//! What standard output has to be; it is read and written with the library's `stdio`.

use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use lem_ssl_rs::Error;

/// An error if standard output was closed when we were started, as by `>&-`: what was asked for would come to nothing.
///
/// The standard library has put /dev/null there by now, open for reading too. Shells open it for writing alone when
/// something is meant to be thrown away, but some languages do not; so this is only for what is nothing but its output.
pub(crate) fn ensure_open() -> Result<(), Error> {
    if !is_null_for_reading_too() {
        return Ok(());
    }
    let said = "standard output is closed; to throw away what comes, give >/dev/null";
    Err(Error::io("write what comes", io::Error::other(said)))
}

fn is_null_for_reading_too() -> bool {
    const ACCESS: u32 = 0o3;
    const READ_AND_WRITE: u32 = 0o2;
    let device = |file: &Metadata| file.file_type().is_char_device().then(|| file.rdev());
    let ours = duplicate(io::stdout().as_fd()).and_then(|file| file.metadata());
    let is_null = match (ours, fs::metadata("/dev/null")) {
        (Ok(ours), Ok(null)) => device(&ours).is_some() && device(&ours) == device(&null),
        _ => false,
    };
    // Only Linux tells how it was opened.
    let told = fs::read_to_string("/proc/self/fdinfo/1").unwrap_or_default();
    let flags = told.lines().find_map(|line| u32::from_str_radix(line.strip_prefix("flags:")?.trim(), 8).ok());
    is_null && flags.is_some_and(|flags| flags & ACCESS == READ_AND_WRITE)
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

/// A file of our own, so that neither the lock nor the buffer of the standard library's is in the way.
fn duplicate(descriptor: std::os::fd::BorrowedFd<'_>) -> io::Result<File> {
    Ok(File::from(descriptor.try_clone_to_owned()?))
}
