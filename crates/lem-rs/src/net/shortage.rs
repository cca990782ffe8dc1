//! What the system says when it has no descriptors or memory left.

use std::io;

/// Whether a call has failed for want of descriptors or memory, of the process or of the system: later it may not.
pub(super) fn is_shortage(error: &io::Error) -> bool {
    // The first three have one number on every system of Unix descent.
    const ENOMEM: i32 = 12;
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    const ENOBUFS: i32 = if cfg!(any(target_os = "linux", target_os = "android")) { 105 } else { 55 };
    const WSAEMFILE: i32 = 10024;
    const WSAENOBUFS: i32 = 10055;
    let number = error.raw_os_error();
    if cfg!(windows) {
        matches!(number, Some(WSAEMFILE | WSAENOBUFS))
    } else {
        matches!(number, Some(ENOMEM | ENFILE | EMFILE | ENOBUFS))
    }
}
