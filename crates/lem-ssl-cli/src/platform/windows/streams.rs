//! What standard output was when we were started.

use std::io;
use std::os::windows::io::AsRawHandle;

/// Whether there was no standard output when we were started.
pub(crate) fn is_stdout_closed() -> bool {
    io::stdout().as_raw_handle().is_null()
}
