//! How many files and sockets the process may have open, and what the system says when something of its own has run out.

use std::io;

use nix::errno::Errno;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, rlim_t, setrlimit};

/// macOS allows no more than this many, whatever its hard limit says (`OPEN_MAX`).
const OPEN_MAX: rlim_t = 10_240;

/// Raises the limit of open files and sockets as far as the process may. The limit that holds then; `None` if there is none,
/// or nobody can tell it.
pub(crate) fn raise_descriptor_limit() -> Option<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    if soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_err() && soft < OPEN_MAX {
        // What is refused leaves the limit as it is.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, OPEN_MAX, hard);
    }
    let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    (soft != RLIM_INFINITY).then(|| number(soft))
}

/// Systems have different types for it.
fn number(limit: impl TryInto<u64>) -> u64 {
    limit.try_into().unwrap_or(u64::MAX)
}

/// Whether a call has failed because descriptors or memory have run out, of the process or of the system.
pub(crate) fn is_shortage(error: &io::Error) -> bool {
    let number = error.raw_os_error().map(Errno::from_raw);
    matches!(number, Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM))
}
