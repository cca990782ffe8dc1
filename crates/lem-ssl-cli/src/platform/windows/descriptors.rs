//! Windows has no limit of open sockets that a process could ask for.

use std::io;

/// Windows has no such limit.
pub(crate) fn raise_descriptor_limit() -> Option<u64> {
    None
}

/// Whether a call has failed because descriptors or memory have run out, of the process or of the system.
pub(crate) fn is_shortage(error: &io::Error) -> bool {
    const WSAEMFILE: i32 = 10024;
    const WSAENOBUFS: i32 = 10055;
    matches!(error.raw_os_error(), Some(WSAEMFILE | WSAENOBUFS))
}
