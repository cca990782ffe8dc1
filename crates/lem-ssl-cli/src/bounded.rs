//! Files that are read up to a limit, whatever a path leads to.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// What is in a file; `None` if that is more than `max` bytes.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn read(file: &Path, max: usize) -> io::Result<Option<Vec<u8>>> {
    let mut contents = Vec::new();
    File::open(file)?.take(max as u64 + 1).read_to_end(&mut contents)?;
    Ok((contents.len() <= max).then_some(contents))
}
