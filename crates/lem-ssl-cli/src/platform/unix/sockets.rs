//! Unix-domain sockets to listen at: while we listen their file is ours, and nobody else's is ever removed.

use std::fs::{self, File, Metadata, TryLockError};
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use lem_ssl_rs::{Error, ListenOptions, Listener, unblock};

use super::files::FileIdentity;
use crate::exit::{Exit, Failure};

/// The file of a socket that we listen at. It goes with this value, unless it is somebody else's by then. Drop it before
/// the listener: as long as that lives no other file can have the same number.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    identity: FileIdentity,
}

/// What is behind a socket's file.
#[derive(Debug, PartialEq, Eq)]
enum Life {
    /// Somebody listens, or may.
    Live,
    /// Nobody does: it was left by a process that was killed.
    Stale,
}

/// So long somebody who holds the folder is waited for: another start of ours does for a moment.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// Between two tries to lock it.
const LOCK_RETRY: Duration = Duration::from_millis(10);

/// A connection to a socket in the same machine is made at once, or waits in a queue that is full.
const PROBE_TIME: Duration = Duration::from_secs(1);

/// A socket that was bound a moment ago may not listen yet: it is asked again after so long.
const SECOND_PROBE: Duration = Duration::from_millis(100);

/// Listens at this socket. One that was left behind is replaced, one that somebody listens at is not.
pub(crate) async fn listen_at(path: PathBuf, _: ListenOptions) -> Result<(Listener, SocketFile), Failure> {
    let (listener, file) = unblock(move || bind(path)).await.map_err(Error::from)??;
    Ok((Listener::adopt(listener)?, file))
}

/// Blocks.
fn bind(path: PathBuf) -> Result<(UnixListener, SocketFile), Failure> {
    let failed = |error| failed(&path, error);
    // Two starts at once would both find the old socket, and the later one would remove the new one of the earlier.
    let _lock = lock_folder(&path);
    let bound = match UnixListener::bind(&path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            remove_stale(&path)?;
            UnixListener::bind(&path)
        }
        other => other,
    };
    let listener = bound.map_err(failed)?;
    let identity = FileIdentity::of(&fs::symlink_metadata(&path).map_err(failed)?);
    Ok((listener, SocketFile { path, identity }))
}

/// Fails if nobody could listen at this socket: the path is too long, its folder is missing, or something is there that stays.
pub(crate) fn check_socket_file(path: &Path) -> Result<(), Failure> {
    SocketAddr::from_pathname(path).map_err(|error| failed(path, error))?;
    let folder = folder_of(path);
    match fs::metadata(folder) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return Err(refused(path, &format!("{} is not a folder", folder.display()))),
        Err(error) => return Err(refused(path, &format!("folder {}: {error}", folder.display()))),
    }
    existing(path).map(|_| ())
}

/// Holds the folder of `path` against other starts; `None` if it cannot be held, as on some network file systems.
fn lock_folder(path: &Path) -> Option<File> {
    let folder = File::open(folder_of(path)).ok()?;
    let end = Instant::now() + LOCK_PATIENCE;
    loop {
        match folder.try_lock() {
            Ok(()) => return Some(folder),
            Err(TryLockError::WouldBlock) if Instant::now() < end => thread::sleep(LOCK_RETRY),
            Err(_) => return None,
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn failed(path: &Path, error: io::Error) -> Failure {
    let error = match error.kind() {
        io::ErrorKind::InvalidInput => io::Error::other("the path is longer than that of a socket may be"),
        _ => error,
    };
    Error::io(format!("listen on unix:{}", path.display()), error).into()
}

fn refused(path: &Path, why: &str) -> Failure {
    Failure::new(Exit::Failed, format!("cannot listen on unix:{}: {why}", path.display()))
}

/// The socket at `path`, if there is one; what else there may be is an error.
fn existing(path: &Path) -> Result<Option<Metadata>, Failure> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => {
            Err(refused(path, "a link is in the way; name what it leads to, or remove it"))
        }
        Ok(found) if !found.file_type().is_socket() => Err(refused(path, "a file is in the way that is not a socket")),
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(refused(path, &error.to_string())),
    }
}

/// Removes what a process that was killed has left at `path`, and nothing else.
fn remove_stale(path: &Path) -> Result<(), Failure> {
    // If there is nothing any more, it has gone by itself.
    let Some(found) = existing(path)? else { return Ok(()) };
    let live = Life::of(path) == Life::Live || {
        thread::sleep(SECOND_PROBE);
        Life::of(path) == Life::Live
    };
    if live {
        return Err(refused(path, "address already in use: another process listens there"));
    }
    let identity = FileIdentity::of(&found);
    let removed = SocketFile { path: path.to_owned(), identity }.remove();
    removed.map_err(|error| refused(path, &error.to_string()))
}

impl Life {
    /// Whether somebody listens at this socket. Only a refusal says that nobody does.
    fn of(path: &Path) -> Self {
        let (answered, answer) = channel();
        let path = path.to_owned();
        // It waits for ever in a queue that is full.
        let asked = thread::Builder::new().spawn(move || answered.send(UnixStream::connect(path).map(drop)));
        match (asked, answer.recv_timeout(PROBE_TIME)) {
            (Ok(_), Ok(Err(error))) if error.kind() == io::ErrorKind::ConnectionRefused => Self::Stale,
            _ => Self::Live,
        }
    }
}

impl SocketFile {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// From now on it is looked for at this path, since the root folder is another one.
    pub(crate) fn move_to(&mut self, path: PathBuf) {
        self.path = path;
    }

    /// Removes the file if it still is this one.
    fn remove(&self) -> io::Result<()> {
        match fs::symlink_metadata(&self.path) {
            Ok(found) if found.file_type().is_socket() && FileIdentity::of(&found) == self.identity => {
                fs::remove_file(&self.path)
            }
            _ => Ok(()),
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // If it cannot be removed, the next start recognises it.
        let _ = self.remove();
    }
}
