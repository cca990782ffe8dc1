//! A part of a file, sent piece by piece.

use std::fs::File;
use std::sync::Arc;

use lem_ssl_rs::{Error, unblock};

use crate::platform::read_exact_at;

/// A part of a file that is sent piece by piece.
#[derive(Debug)]
pub(super) struct Part {
    file: Arc<File>,
    from: u64,
    left: u64,
}

/// So much is read at once: large enough that the hop to a worker thread does not count.
const CHUNK: u64 = 256 * 1024;

impl Part {
    /// `length` bytes of `file` from `from` on.
    pub(super) fn new(file: File, from: u64, length: u64) -> Self {
        Self { file: Arc::new(file), from, left: length }
    }

    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// The next piece; `None` at the end.
    pub(super) async fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        let (file, from) = (self.file.clone(), self.from);
        let length = self.left.min(CHUNK);
        let read = move || {
            let mut chunk = vec![0; usize::try_from(length).unwrap_or(0)];
            read_exact_at(&file, &mut chunk, from).map(|()| chunk)
        };
        // A file that became shorter meanwhile: what was announced cannot be kept.
        let chunk = unblock(read).await?.map_err(|error| Error::io("read the file", error))?;
        self.from += length;
        self.left -= length;
        Ok(Some(chunk))
    }
}
