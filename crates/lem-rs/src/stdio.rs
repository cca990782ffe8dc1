//! Standard input and output, off the loop: a terminal or a pipe may keep its reader or writer waiting for ever, and
//! cannot be made not to block without doing so to other programs that use it.
//!
//! Input has one chunk under way, on a worker thread. The next one is read when the last one was used, so that a slow
//! peer slows down what feeds us; nothing piles up. Output has a thread of its own, which writes what was begun, in
//! order; a task that waits for each of its writes is slowed down by a slow reader.
//!
//! ```no_run
//! use lem_rs::{Error, Machine, ReadMode};
//! use lem_rs::stdio::{Stdin, Stdout};
//!
//! Machine::new()?.run(async {
//!     let (input, output) = (Stdin::open()?, Stdout::open()?);
//!     loop {
//!         match input.read(ReadMode::Line).await {
//!             Ok(line) => output.write(&line).await?,
//!             Err(Error::Closed) => return Ok::<(), Error>(()),
//!             Err(error) => return Err(error),
//!         }
//!     }
//! })??;
//! # Ok::<(), Error>(())
//! ```

mod order;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::fs::File;
use std::future::poll_fn;
use std::io::{self, IsTerminal, Read, Write};
#[cfg(unix)]
use std::os::fd::AsFd;
#[cfg(windows)]
use std::os::windows::io::AsHandle;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use self::order::OrderedFile;
use crate::error::{EndOfStream, Error, JoinError};
use crate::proto::{InputBuffer, Limits, ReadMode, Reader, Verdict};
use crate::runtime::{Unblock, current, no_machine, unblock};

/// Large enough that the hop to the worker thread does not count, small enough to be nothing.
const CHUNK: usize = 128 * 1024;

/// Another program may have made our terminal or pipe non-blocking: then it is asked again so often.
const AGAIN: Duration = Duration::from_millis(5);

/// Standard input, with the read modes of a stream. One task reads at a time.
///
/// What was read belongs to this and not to a future. Open it once: what one `Stdin` has read ahead another one does
/// not see, nor does [`std::io::stdin`].
pub struct Stdin {
    file: Arc<File>,
    limits: Limits,
    reader: RefCell<Reader>,
    /// The chunk under way. It stays when the read that began it is dropped.
    fetching: RefCell<Option<Unblock<io::Result<Vec<u8>>>>>,
    /// A task reads.
    busy: Cell<bool>,
}

impl Stdin {
    /// Standard input, from where it stands.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be used.
    pub fn open() -> Result<Self, Error> {
        let input = io::stdin();
        #[cfg(unix)]
        let own = input.as_fd().try_clone_to_owned();
        #[cfg(windows)]
        let own = input.as_handle().try_clone_to_owned();
        let own = own.map_err(|error| Error::io("use standard input", error))?;
        Ok(Self::of(File::from(own)))
    }

    /// Reads a file in the same way, off the loop: another terminal, a FIFO, a regular file.
    pub fn of(file: File) -> Self {
        Self {
            file: Arc::new(file),
            limits: Limits::default(),
            reader: RefCell::new(Reader::new(InputBuffer::default())),
            fetching: RefCell::default(),
            busy: Cell::new(false),
        }
    }

    /// The longest line, and the most that [`ReadMode::All`] reads. Default as for streams: 64 KiB and 64 MiB.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Whether it is a terminal.
    pub fn is_terminal(&self) -> bool {
        self.file.is_terminal()
    }

    /// Reads what `mode` asks for: a [`ReadMode`], or a number of bytes.
    ///
    /// # Errors
    /// [`Error::Closed`] at the end; [`Error::Incomplete`] at an end with less than was asked for, which stays
    /// readable; [`Error::Limit`]; [`Error::Busy`] if another task reads; [`Error::Io`]; [`Error::Misuse`] outside of a
    /// machine.
    ///
    /// **Cancel safety:** dropping it consumes nothing. The thread that reads goes on until something comes, and that
    /// is the next read's.
    pub async fn read(&self, mode: impl Into<ReadMode>) -> Result<Vec<u8>, Error> {
        let mode = mode.into();
        if self.busy.replace(true) {
            return Err(Error::Busy);
        }
        let _reading = Reading(&self.busy);
        let core = current().ok_or_else(no_machine)?;
        loop {
            let verdict = self.reader.borrow_mut().judge(mode, &self.limits);
            match verdict {
                Verdict::Value(count) => {
                    core.charge(count);
                    return Ok(self.reader.borrow_mut().buffer.take(count));
                }
                Verdict::Fail(error) => return Err(error),
                Verdict::More(_) => {}
            }
            let fetched = poll_fn(|cx| self.poll_fetch(cx)).await?;
            let mut reader = self.reader.borrow_mut();
            match fetched {
                Ok(chunk) if chunk.is_empty() => reader.end(EndOfStream::Clean),
                Ok(chunk) => reader.buffer.extend(&chunk),
                Err(error) => reader.end(EndOfStream::Failed(Error::io("read standard input", error))),
            }
        }
    }

    /// Reads a line without its `"\n"` or `"\r\n"`, as text; `None` at the end. What stands behind the last newline is
    /// a line as well: a file need not end with one, as a protocol's message must
    /// ([`Lines`](crate::Lines) of a stream end with an error there).
    ///
    /// ```no_run
    /// # use lem_rs::{Error, Machine, stdio::Stdin};
    /// # Machine::new()?.run(async {
    /// let input = Stdin::open()?;
    /// while let Some(line) = input.next_line().await? {
    ///     println!("you said {line}");
    /// }
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`read`](Self::read); [`Error::NotText`] if the line is not UTF-8, and is passed over then.
    ///
    /// **Cancel safety:** as [`read`](Self::read).
    pub async fn next_line(&self) -> Result<Option<String>, Error> {
        let line = match self.read(ReadMode::Line).await {
            Err(Error::Incomplete { left }) => self.read(left).await,
            line => line,
        };
        match line {
            Ok(mut line) => {
                if line.pop_if(|byte| *byte == b'\n').is_some() {
                    line.pop_if(|byte| *byte == b'\r');
                }
                let text = String::from_utf8(line);
                text.map(Some).map_err(|error| Error::NotText { valid: error.utf8_error().valid_up_to() })
            }
            Err(Error::Closed) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn poll_fetch(&self, cx: &mut Context<'_>) -> Poll<Result<io::Result<Vec<u8>>, Error>> {
        // Out of the cell while it is polled: a foreign waker's code may come here.
        let before = self.fetching.take();
        let is_inherited = before.is_some();
        let mut fetching = before.unwrap_or_else(|| fetch(self.file.clone()));
        let mut fetched = Pin::new(&mut fetching).poll(cx);
        if is_inherited && matches!(fetched, Poll::Ready(Err(JoinError::Cancelled))) {
            // The machine of the read that began it has ended before a thread did.
            fetching = fetch(self.file.clone());
            fetched = Pin::new(&mut fetching).poll(cx);
        }
        if fetched.is_pending() {
            self.fetching.replace(Some(fetching));
        }
        fetched.map_err(Error::from)
    }
}

fn fetch(file: Arc<File>) -> Unblock<io::Result<Vec<u8>>> {
    unblock(move || {
        let mut chunk = vec![0; CHUNK];
        let count = patiently(|| (&*file).read(&mut chunk))?;
        chunk.truncate(count);
        chunk.shrink_to_fit();
        Ok(chunk)
    })
}

/// A task reads until this is dropped.
struct Reading<'a>(&'a Cell<bool>);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// Standard output, without a buffer. Several tasks may write: each write goes out whole, in the order in which they were
/// begun.
///
/// A thread of its own does that, so that a reader who stands still holds up no [`unblock`]. It goes on when the machine
/// has ended, as long as the program runs.
pub struct Stdout {
    file: Arc<OrderedFile>,
}

impl Stdout {
    /// Standard output. What [`std::io::stdout`] has in its buffer is not sent by this.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be used.
    pub fn open() -> Result<Self, Error> {
        let output = io::stdout();
        #[cfg(unix)]
        let own = output.as_fd().try_clone_to_owned();
        #[cfg(windows)]
        let own = output.as_handle().try_clone_to_owned();
        let own = own.map_err(|error| Error::io("use standard output", error))?;
        Ok(Self::of(File::from(own)))
    }

    /// Writes a file in the same way, off the loop.
    pub fn of(file: File) -> Self {
        Self { file: Arc::new(OrderedFile::new(file)) }
    }

    /// Whether it is a terminal.
    pub fn is_terminal(&self) -> bool {
        self.file.is_terminal()
    }

    /// Writes all of `data`, behind what was begun before.
    ///
    /// ```
    /// # use lem_rs::{Error, Machine, stdio::Stdout};
    /// # Machine::new()?.run(async {
    /// let output = Stdout::open()?;
    /// output.write("hello\n").await?;
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Closed`] if nobody reads it any more, as after `| head`; [`Error::Io`]; [`Error::Task`] if there is no
    /// thread for it, and nothing is written then; [`Error::Misuse`] outside of a machine.
    ///
    /// **Cancel safety:** what was begun, which it is when first polled, is written whole, and in its turn. So a write
    /// that was given up after a timeout is not to be repeated; until it is written, its memory is kept.
    pub async fn write(&self, data: &(impl AsRef<[u8]> + ?Sized)) -> Result<(), Error> {
        self.write_owned(data.as_ref().to_vec()).await.map(drop)
    }

    /// As [`write`](Self::write), without a copy; gives the memory back, to be used again.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    ///
    /// **Cancel safety:** as [`write`](Self::write).
    pub async fn write_owned(&self, data: Vec<u8>) -> Result<Vec<u8>, Error> {
        let core = current().ok_or_else(no_machine)?;
        let write = self.file.request(&core, move |mut file| {
            let mut rest = data.as_slice();
            while !rest.is_empty() {
                match patiently(|| file.write(rest))? {
                    0 => return Err(io::ErrorKind::WriteZero.into()),
                    count => rest = &rest[count..],
                }
            }
            Ok(data)
        });
        let written = write.await?;
        written.map_err(|error: io::Error| match error.kind() {
            io::ErrorKind::BrokenPipe => Error::Closed,
            _ => Error::io("write standard output", error),
        })
    }

    /// Waits until what was written is on a disk, if it goes to a file: only then does a full or a broken one say so.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Task`] if there is no thread for it; [`Error::Misuse`] outside of a machine.
    ///
    /// **Cancel safety:** dropping it only ends the wait.
    pub async fn sync(&self) -> Result<(), Error> {
        let core = current().ok_or_else(no_machine)?;
        let synced = self.file.request(&core, |file| match file.sync_all() {
            // A pipe or a device has nothing to wait for.
            Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
            other => other,
        });
        synced.await?.map_err(|error| Error::io("write standard output", error))
    }
}

fn patiently(mut attempt: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(AGAIN),
            other => return other,
        }
    }
}

impl fmt::Debug for Stdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stdin").field("busy", &self.busy.get()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Stdout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stdout").finish_non_exhaustive()
    }
}
