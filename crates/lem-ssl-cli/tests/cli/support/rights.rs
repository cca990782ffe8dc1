//! Who we are, and whom the command has to be.

use std::os::unix::fs::MetadataExt;

/// What makes the command root: nothing if we are, and otherwise a namespace in which it is.
pub(crate) fn as_root() -> &'static [&'static str] {
    if is_root() { &[] } else { &["unshare", "-r"] }
}

pub(crate) fn is_root() -> bool {
    std::fs::metadata("/proc/self").expect("there is /proc").uid() == 0
}
