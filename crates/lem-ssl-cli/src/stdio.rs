//! Standard input and output, off the loop: to read or write a terminal or a pipe may block for ever.
//!
//! One chunk is under way in each direction. The next is read when the last one was used, so that a slow peer slows down
//! the program that feeds us, and a slow reader of ours the peer; nothing piles up.

use std::fs::{self, File, Metadata};
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use lem_ssl_rs::{Error, unblock};

/// Large enough that the hop to the worker thread does not count, small enough to be nothing.
const CHUNK: usize = 128 * 1024;

/// Somebody else may have made our terminal or pipe non-blocking: then it is asked again so often.
const AGAIN: Duration = Duration::from_millis(5);

/// Standard input.
#[derive(Debug)]
pub(crate) struct Input {
    file: Arc<File>,
}

/// Standard output, without a buffer.
#[derive(Debug)]
pub(crate) struct Output {
    file: Arc<File>,
}

/// How a write to standard output went.
#[derive(Debug)]
pub(crate) enum Written {
    /// Well; the memory may be used again.
    All(Vec<u8>),
    /// Its reader has closed it, as `head` does. That is no error.
    Gone,
}

impl Input {
    pub(crate) fn open() -> Result<Self, Error> {
        let file = duplicate(io::stdin().as_fd()).map_err(|error| Error::io("use standard input", error))?;
        Ok(Self { file: Arc::new(file) })
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.file.is_terminal()
    }

    /// The next chunk, in `memory`; empty at the end.
    ///
    /// **Cancel safety:** none: a chunk that is read by then is lost.
    pub(crate) async fn read(&self, mut memory: Vec<u8>) -> Result<Vec<u8>, Error> {
        let file = self.file.clone();
        let read = move || {
            memory.resize(CHUNK, 0);
            let count = patiently(|| (&*file).read(&mut memory))?;
            memory.truncate(count);
            Ok(memory)
        };
        unblock(read).await?.map_err(|error| Error::io("read standard input", error))
    }
}

impl Output {
    pub(crate) fn open() -> Result<Self, Error> {
        let file = duplicate(io::stdout().as_fd()).map_err(|error| Error::io("use standard output", error))?;
        Ok(Self { file: Arc::new(file) })
    }

    /// Writes all of `data`.
    pub(crate) async fn write(&self, data: Vec<u8>) -> Result<Written, Error> {
        let file = self.file.clone();
        let write = move || {
            let mut rest = data.as_slice();
            while !rest.is_empty() {
                let count = patiently(|| (&*file).write(rest))?;
                rest = &rest[count..];
            }
            Ok(data)
        };
        outcome(unblock(write).await?)
    }

    /// Waits until what was written is on a disk, if it goes to a file.
    pub(crate) async fn settle(&self) -> Result<(), Error> {
        let file = self.file.clone();
        let settled = unblock(move || settle(&file)).await?;
        settled.map_err(|error| Error::io("write standard output", error))
    }
}

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
    let written = out.write_all(text).and_then(|()| out.flush());
    outcome(written.map(|()| Vec::new())).map(|written| matches!(written, Written::All(_)))
}

fn outcome(written: io::Result<Vec<u8>>) -> Result<Written, Error> {
    match written {
        Ok(memory) => Ok(Written::All(memory)),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Written::Gone),
        Err(error) => Err(Error::io("write standard output", error)),
    }
}

/// A file of our own, so that neither the lock nor the buffer of the standard library's is in the way.
fn duplicate(descriptor: std::os::fd::BorrowedFd<'_>) -> io::Result<File> {
    Ok(File::from(descriptor.try_clone_to_owned()?))
}

fn patiently(mut attempt: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(AGAIN),
            other => return other,
        }
    }
}
