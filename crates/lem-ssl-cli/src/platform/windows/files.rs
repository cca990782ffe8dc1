//! What the system knows of a file.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::windows::ffi::{OsStrExt, OsStringExt};
use std::os::windows::fs::{FileExt, MetadataExt};
use std::path::Path;

/// What tells a file from another one at the same path: when it was made, in tenths of microseconds. Its number is not to be
/// had without unsafe code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileIdentity {
    made: u64,
}

impl FileIdentity {
    pub(crate) fn of(file: &Metadata) -> Self {
        Self { made: file.creation_time() }
    }
}

/// A number that another file in the same folder hardly has.
pub(crate) fn file_number(file: &Metadata) -> u64 {
    file.creation_time()
}

/// When it was last written: seconds since 1970, and nanoseconds.
pub(crate) fn modified(file: &Metadata) -> (i64, i64) {
    // Tenths of microseconds since 1601.
    const SECOND: i64 = 10_000_000;
    const FROM_1601_TO_1970: i64 = 11_644_473_600;
    let time = i64::try_from(file.last_write_time()).unwrap_or(i64::MAX);
    (time / SECOND - FROM_1601_TO_1970, time % SECOND * 100)
}

/// As [`modified`]: when anything else was changed is not to be had without unsafe code.
pub(crate) fn changed(file: &Metadata) -> (i64, i64) {
    modified(file)
}

/// Whose it is: what Windows tells of that is not to be had without unsafe code.
pub(crate) fn owner(_: &Metadata) -> u32 {
    0
}

/// What tells this run of the system from the one before: nothing that is to be had without unsafe code.
pub(crate) fn boot() -> Option<String> {
    None
}

pub(crate) fn read_exact_at(file: &File, mut memory: &mut [u8], mut from: u64) -> io::Result<()> {
    while !memory.is_empty() {
        match file.seek_read(memory, from) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                from += count as u64;
                memory = &mut memory[count..];
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// How long a file's name is, in what the system counts: units of UTF-16.
pub(crate) fn name_length(name: &OsStr) -> usize {
    name.encode_wide().count()
}

/// The beginning of a name, at most so long, and not up to the middle of a letter.
pub(crate) fn name_start(name: &OsStr, max: usize) -> OsString {
    let name: Vec<u16> = name.encode_wide().collect();
    let mut length = max.min(name.len());
    while length > 1 && name.get(length).is_some_and(|unit| (0xdc00..0xe000).contains(unit)) {
        length -= 1;
    }
    OsString::from_wide(&name[..length])
}

/// A file that is made belongs to whom its folder belongs: that is what Windows has in the place of modes.
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Makes a folder, and those above it that are missing; as [`private`].
pub(crate) fn make_private_folder(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)
}

/// A file that is made has the rights that its folder gives; those of another file are not to be had without unsafe code.
pub(crate) fn take_over_rights(_: &File, _: &Metadata) -> io::Result<()> {
    Ok(())
}

/// How many names it has: one, as far as can be told without unsafe code.
pub(crate) fn links(_: &Metadata) -> u64 {
    1
}

/// Windows opens no folder as a file, to wait for it.
pub(crate) fn sync_folder(_: &Path) {}

/// Whether a path was not found because its links lead in a circle.
pub(crate) fn is_circle_of_links(error: &io::Error) -> bool {
    // ERROR_CANT_RESOLVE_FILENAME.
    error.raw_os_error() == Some(1921)
}
