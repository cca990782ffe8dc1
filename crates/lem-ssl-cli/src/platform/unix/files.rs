//! What the system knows of a file.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;

/// What tells a file from another one at the same path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileIdentity {
    device: u64,
    inode: u64,
}

impl FileIdentity {
    pub(crate) fn of(file: &Metadata) -> Self {
        Self { device: file.dev(), inode: file.ino() }
    }
}

/// A number that another file in the same folder does not have.
pub(crate) fn file_number(file: &Metadata) -> u64 {
    file.ino()
}

/// When it was last written: seconds since 1970, and nanoseconds.
pub(crate) fn modified(file: &Metadata) -> (i64, i64) {
    (file.mtime(), file.mtime_nsec())
}

/// When anything about it was last changed, which no program sets back: seconds since 1970, and nanoseconds.
pub(crate) fn changed(file: &Metadata) -> (i64, i64) {
    (file.ctime(), file.ctime_nsec())
}

/// Whose it is.
pub(crate) fn owner(file: &Metadata) -> u32 {
    file.uid()
}

/// What tells this run of the system from the one before; `None` where it does not tell.
pub(crate) fn boot() -> Option<String> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_owned())
}

pub(crate) fn read_exact_at(file: &File, memory: &mut [u8], from: u64) -> io::Result<()> {
    file.read_exact_at(memory, from)
}

/// How long a file's name is, in what the system counts: bytes.
pub(crate) fn name_length(name: &OsStr) -> usize {
    name.len()
}

/// The beginning of a name, at most so long, and not up to the middle of a letter.
pub(crate) fn name_start(name: &OsStr, max: usize) -> OsString {
    let name = name.as_bytes();
    let mut length = max.min(name.len());
    while length > 1 && name.get(length).is_some_and(|byte| byte & 0xc0 == 0x80) {
        length -= 1;
    }
    OsString::from_vec(name[..length].to_vec())
}

/// Lets a file that is made be read and written by its owner only.
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.mode(0o600)
}

/// Makes a folder, and those above it that are missing, for their owner only.
pub(crate) fn make_private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Gives a file the owner, the group and the rights of another one, as far as we may.
pub(crate) fn take_over_rights(file: &File, model: &Metadata) -> io::Result<()> {
    let own = file.metadata()?;
    let mut mode = model.mode() & 0o777;
    if own.uid() != model.uid() {
        // Nobody but root gives files away.
        let _ = fchown(file, Some(model.uid()), None);
    }
    if own.gid() != model.gid() && fchown(file, None, Some(model.gid())).is_err() {
        // The group that it has instead may do no more than everybody.
        mode = mode & 0o707 | (mode & 0o007) << 3;
    }
    // Some file systems know no modes, and there all are alike.
    if own.mode() & 0o7777 != mode { file.set_permissions(Permissions::from_mode(mode)) } else { Ok(()) }
}

/// How many names it has.
pub(crate) fn links(file: &Metadata) -> u64 {
    file.nlink()
}

/// Waits until the name of this file is on the disk, too. Not every file system can be asked for that.
pub(crate) fn sync_folder(path: &Path) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}

/// Whether a path was not found because its links lead in a circle.
pub(crate) fn is_circle_of_links(error: &io::Error) -> bool {
    // ELOOP, for which the standard library has no stable name.
    const CIRCLE: i32 = if cfg!(any(target_os = "linux", target_os = "android")) { 40 } else { 62 };
    error.raw_os_error() == Some(CIRCLE)
}
