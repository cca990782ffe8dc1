//! The root folder, and the user of that name: neither is here.

use std::io;
use std::path::Path;

/// Whether we may change the root folder. Asked for, it says itself that it cannot be.
pub(crate) fn is_root() -> bool {
    true
}

/// Says that it cannot be done.
pub(crate) fn change_root(_: &Path) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no root folder that could be changed"))
}

/// Whether a file could be read now, or why not.
pub(crate) fn try_to_open(file: &Path) -> io::Result<()> {
    std::fs::File::open(file).map(drop)
}
