//! A regular file: worked on by threads, since a disk cannot be waited for.

#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use lem_ssl_rs::{Error, Limits, unblock};

use super::duplex::Duplex;
use crate::ahead::{Ahead, Input};
use crate::slot::Slot;

/// An open file, and the bytes read ahead of the script.
pub(crate) struct FileStream {
    /// `None` once it is closed.
    file: RefCell<Option<Arc<File>>>,
    ahead: Ahead,
    slot: Slot,
}

/// What a read takes from the disk at once.
const BLOCK: usize = 64 * 1024;

impl FileStream {
    pub(crate) fn new(file: File) -> Self {
        Self { file: RefCell::new(Some(Arc::new(file))), ahead: Ahead::default(), slot: Slot::default() }
    }

    /// Does `work` on a thread; one piece of work at a time.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&File) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let file = self.file.borrow().clone().ok_or(Error::Closed)?;
        let done = async { unblock(move || work(&file)).await?.map_err(|error| Error::io("work on a file", error)) };
        self.slot.run(done).await
    }

    /// Sets the position; what was read ahead is counted as not read.
    pub(crate) async fn seek(&self, from: SeekFrom) -> Result<u64, Error> {
        let from = match from {
            SeekFrom::Current(offset) => SeekFrom::Current(offset - i64::try_from(self.ahead.len()).unwrap_or(0)),
            other => other,
        };
        let position = self.work(move |mut file| file.seek(from)).await?;
        self.ahead.clear();
        Ok(position)
    }

    pub(crate) async fn size(&self) -> Result<u64, Error> {
        self.work(|file| Ok(file.metadata()?.len())).await
    }

    /// Locks the whole file, for readers or a writer, or unlocks it; never waits.
    pub(crate) fn lock(&self, kind: Lock) -> Result<(), Error> {
        let file = self.file.borrow().clone().ok_or(Error::Closed)?;
        let failed = |error| Error::io("lock a file", error);
        let result = match kind {
            Lock::Read => file.try_lock_shared(),
            Lock::Write => file.try_lock(),
            Lock::None => return file.unlock().map_err(failed),
        };
        result.map_err(|error| match error {
            TryLockError::Error(error) => failed(error),
            TryLockError::WouldBlock => failed(io::ErrorKind::WouldBlock.into()),
        })
    }
}

/// A lock on a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lock {
    Read,
    Write,
    None,
}

impl Input for FileStream {
    /// The thread that reads does not hear of it.
    const LOSES_NOTHING: bool = false;

    async fn more(&self) -> Result<Vec<u8>, Error> {
        let block = self.work(|mut file| {
            let mut block = vec![0; BLOCK];
            let count = file.read(&mut block)?;
            block.truncate(count);
            Ok(block)
        });
        let block = block.await?;
        if block.is_empty() { Err(Error::Closed) } else { Ok(block) }
    }

    /// A file is as long as its owner has made it: no peer decides how much is read.
    fn limits(&self) -> Limits {
        Limits::default().line(usize::MAX / 4).all(usize::MAX / 4)
    }
}

impl Duplex for FileStream {
    fn ahead(&self) -> &Ahead {
        &self.ahead
    }

    fn check_read(&self) -> Result<(), Error> {
        if self.is_closed() {
            return Err(Error::Closed);
        }
        if self.slot.is_busy() { Err(Error::Busy) } else { Ok(()) }
    }

    async fn write(&self, data: &[u8]) -> Result<(), Error> {
        // It goes where the script has read to, not where the reading ahead has come.
        let back = i64::try_from(self.ahead.len()).unwrap_or(0);
        let data = data.to_vec();
        self.work(move |mut file| {
            if back > 0 {
                file.seek(SeekFrom::Current(-back))?;
            }
            file.write_all(&data)
        })
        .await?;
        self.ahead.clear();
        Ok(())
    }

    fn close(&self) -> Result<(), Error> {
        if self.slot.is_busy() {
            return Err(Error::Busy);
        }
        self.ahead.clear();
        self.file.take().map(drop).ok_or(Error::Closed)
    }

    fn interrupt(&self) -> Result<(), Error> {
        Err(Error::NotBusy)
    }

    fn is_busy(&self) -> bool {
        self.slot.is_busy()
    }

    fn is_closed(&self) -> bool {
        self.file.borrow().is_none()
    }
}
