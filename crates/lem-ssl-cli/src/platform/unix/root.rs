//! The root folder, and the user of the same name.

use std::io;
use std::os::unix::fs::{OpenOptionsExt, chroot};
use std::path::Path;

use nix::unistd::geteuid;

/// Whether we may become others and change the root folder.
pub(crate) fn is_root() -> bool {
    geteuid().is_root()
}

/// Makes this the root folder, for all threads. The current one stays outside of it.
pub(crate) fn change_root(folder: &Path) -> io::Result<()> {
    chroot(folder)
}

/// Whether a file could be read now, or why not. Does not wait for whom a named pipe waits for.
pub(crate) fn try_to_open(file: &Path) -> io::Result<()> {
    std::fs::OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(file).map(drop)
}
