//! A regular file: worked on by threads, since a disk cannot be waited for.

#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::fs::{File, TryLockError};
use std::future::{Future, poll_fn};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use lem_ssl_rs::{Error, Limits, unblock};

use super::duplex::Duplex;
use crate::ahead::{Ahead, Input};
use crate::slot::Slot;

/// An open file, and the bytes read ahead of the script.
pub(crate) struct FileStream {
    /// `None` once it is closed.
    file: RefCell<Option<Arc<File>>>,
    /// Whether it has a position, which reads and writes share. Sockets and terminals have none.
    has_position: bool,
    ahead: Ahead,
    /// How many bytes writes have handed over. The thread that works counts them, as they go.
    written: Arc<AtomicU64>,
    slot: Slot,
    reading: Work<Vec<u8>>,
    /// A write, or a new position: where it is after that.
    changing: Work<u64>,
}

/// Work that a thread does. Nothing can stop it: when the wait for it is given up it stays here, and what comes next
/// waits for it first.
struct Work<T>(RefCell<Option<UnderWay<T>>>);

type UnderWay<T> = Pin<Box<dyn Future<Output = Result<T, Error>>>>;

impl<T: Send + 'static> Work<T> {
    fn is_under_way(&self) -> bool {
        self.0.borrow().is_some()
    }

    fn start(&self, file: Arc<File>, work: impl FnOnce(&File) -> io::Result<T> + Send + 'static) {
        let done = on_thread(file, work);
        self.0.replace(Some(Box::pin(done)));
    }

    /// Waits for the work under way; `None` if there is none.
    async fn done(&self) -> Option<Result<T, Error>> {
        poll_fn(|cx| {
            let Some(mut work) = self.0.take() else { return Poll::Ready(None) };
            let done = work.as_mut().poll(cx);
            if done.is_pending() {
                self.0.replace(Some(work));
            }
            done.map(Some)
        })
        .await
    }
}

/// Begins at once.
fn on_thread<T: Send + 'static>(
    file: Arc<File>,
    work: impl FnOnce(&File) -> io::Result<T> + Send + 'static,
) -> impl Future<Output = Result<T, Error>> {
    let done = unblock(move || work(&file));
    async move { done.await?.map_err(|error| Error::io("work on a file", error)) }
}

/// What a read takes from the disk at once.
const BLOCK: usize = 64 * 1024;

impl FileStream {
    pub(crate) fn new(file: File) -> Self {
        let has_position = file.metadata().is_ok_and(|metadata| metadata.is_file());
        Self {
            file: RefCell::new(Some(Arc::new(file))),
            has_position,
            ahead: Ahead::default(),
            written: Arc::default(),
            slot: Slot::default(),
            reading: Work(RefCell::new(None)),
            changing: Work(RefCell::new(None)),
        }
    }

    fn file(&self) -> Result<Arc<File>, Error> {
        self.file.borrow().clone().ok_or(Error::Closed)
    }

    /// Writes, or sets the position. `work` is given how many bytes the script is behind the position, and leaves it where
    /// nothing is read ahead, also when it fails.
    async fn change(&self, work: impl FnOnce(&File, i64) -> io::Result<u64> + Send + 'static) -> Result<u64, Error> {
        let file = self.file()?;
        let change = async {
            // What an earlier wait was given up for comes first.
            drop(self.changing.done().await);
            let mut back = 0;
            if self.has_position {
                if let Some(Ok(block)) = self.reading.done().await {
                    self.ahead.push(block);
                }
                back = i64::try_from(self.ahead.len()).unwrap_or(0);
                self.ahead.clear();
            }
            self.changing.start(file, move |file| work(file, back));
            self.changing.done().await.unwrap_or(Err(Error::Closed))
        };
        self.slot.run(change).await
    }

    /// Sets the position; what was read ahead is counted as not read.
    pub(crate) async fn seek(&self, from: SeekFrom) -> Result<u64, Error> {
        let seek = move |mut file: &File, back: i64| {
            let here = file.seek(SeekFrom::Current(-back))?;
            // A position is set from here, whatever was read ahead.
            if matches!(from, SeekFrom::Current(0)) { Ok(here) } else { file.seek(from) }
        };
        self.change(seek).await
    }

    pub(crate) async fn size(&self) -> Result<u64, Error> {
        on_thread(self.file()?, |file| Ok(file.metadata()?.len())).await
    }

    /// Reads at most `count` bytes at an offset. The position, and who else uses the file, do not matter.
    pub(crate) async fn read_at(&self, offset: u64, count: usize) -> Result<Vec<u8>, Error> {
        let read = move |file: &File| {
            let mut block = vec![0; count];
            let count = read_at(file, &mut block, offset)?;
            block.truncate(count);
            Ok(block)
        };
        on_thread(self.file()?, read).await
    }

    /// Locks the whole file, for readers or a writer, or unlocks it; never waits.
    pub(crate) fn lock(&self, kind: Lock) -> Result<(), Error> {
        let file = self.file()?;
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

#[cfg(unix)]
fn read_at(file: &File, block: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, block, offset)
}

#[cfg(windows)]
fn read_at(mut file: &File, block: &mut [u8], offset: u64) -> io::Result<usize> {
    // Here a read at an offset moves the position.
    let here = file.stream_position()?;
    let count = std::os::windows::fs::FileExt::seek_read(file, block, offset);
    file.seek(SeekFrom::Start(here))?;
    count
}

/// Counts what is written, also where that ends half way.
struct Counted<'a> {
    file: &'a File,
    written: &'a AtomicU64,
}

impl Write for Counted<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let count = self.file.write(data)?;
        self.written.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Input for FileStream {
    async fn more(&self) -> Result<Vec<u8>, Error> {
        let file = self.file()?;
        let block = async {
            if self.has_position {
                drop(self.changing.done().await);
            }
            if !self.reading.is_under_way() {
                self.reading.start(file, |mut file| {
                    let mut block = vec![0; BLOCK];
                    let count = file.read(&mut block)?;
                    block.truncate(count);
                    Ok(block)
                });
            }
            self.reading.done().await.unwrap_or(Err(Error::Closed))
        };
        let block = self.slot.run(block).await?;
        if block.is_empty() { Err(Error::Closed) } else { Ok(block) }
    }

    /// A file is as long as its owner has made it: no peer decides how much is read.
    fn limits(&self) -> Limits {
        Limits::default().line(usize::MAX / 4).all(usize::MAX / 4)
    }
}

impl Duplex for FileStream {
    const HAS_POSITION: bool = true;

    fn ahead(&self) -> &Ahead {
        &self.ahead
    }

    fn check_read(&self) -> Result<(), Error> {
        if self.is_closed() {
            return Err(Error::Closed);
        }
        if self.slot.is_busy() { Err(Error::Busy) } else { Ok(()) }
    }

    fn check_write(&self) -> Result<(), Error> {
        if self.slot.is_busy() { Err(Error::Busy) } else { Ok(()) }
    }

    fn shares_slot(&self) -> bool {
        true
    }

    async fn write(&self, data: &[u8]) -> Result<(), Error> {
        let (data, written) = (data.to_vec(), self.written.clone());
        // It goes where the script has read to, not where the reading ahead has come.
        let write = move |mut file: &File, back: i64| {
            if back > 0 {
                file.seek(SeekFrom::Current(-back))?;
            }
            Counted { file, written: &written }.write_all(&data).map(|()| 0)
        };
        self.change(write).await.map(drop)
    }

    async fn settle(&self) -> Result<(), Error> {
        let settled = async {
            drop(self.changing.done().await);
            Ok(())
        };
        self.slot.run(settled).await
    }

    fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    fn close(&self) -> Result<(), Error> {
        if self.slot.is_busy() {
            return Err(Error::Busy);
        }
        self.ahead.clear();
        drop(self.reading.0.take());
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
