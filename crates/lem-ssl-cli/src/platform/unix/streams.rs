//! What standard output was when we were started.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

/// Whether standard output was closed when we were started, as by `>&-`.
///
/// The standard library has put /dev/null there by now, open for reading too. Shells open it for writing alone when
/// something is meant to be thrown away, but some languages do not.
pub(crate) fn is_stdout_closed() -> bool {
    const ACCESS: u32 = 0o3;
    const READ_AND_WRITE: u32 = 0o2;
    let device = |file: &Metadata| file.file_type().is_char_device().then(|| file.rdev());
    let is_null = match (stdout().and_then(|file| file.metadata()), fs::metadata("/dev/null")) {
        (Ok(ours), Ok(null)) => device(&ours).is_some() && device(&ours) == device(&null),
        _ => false,
    };
    // Only Linux tells how it was opened.
    let told = fs::read_to_string("/proc/self/fdinfo/1").unwrap_or_default();
    let flags = told.lines().find_map(|line| u32::from_str_radix(line.strip_prefix("flags:")?.trim(), 8).ok());
    is_null && flags.is_some_and(|flags| flags & ACCESS == READ_AND_WRITE)
}

fn stdout() -> io::Result<File> {
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}
