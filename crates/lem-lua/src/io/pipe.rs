//! Pipes, terminals and other devices: whatever the kernel can tell the readiness of.

#![forbid(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, Read, Write};
use std::rc::Rc;

use lem_ssl_rs::{Error, Limits, Watcher};

use super::duplex::{Duplex, Half};
use crate::ahead::{Ahead, Input};
use crate::slot::Slot;

/// One descriptor to read from, one to write to, or both.
pub(crate) struct Pipe {
    reader: Side,
    writer: Side,
    ahead: Ahead,
    written: Cell<u64>,
}

struct Side {
    /// `None` once it is closed, or if there never was any.
    watcher: RefCell<Option<Rc<Watcher<File>>>>,
    slot: Slot,
}

/// What a read takes at once: what a pipe of Linux holds.
const BLOCK: usize = 64 * 1024;

impl Pipe {
    pub(crate) fn new(reader: Option<File>, writer: Option<File>) -> Result<Self, Error> {
        Ok(Self {
            reader: Side::new(reader)?,
            writer: Side::new(writer)?,
            ahead: Ahead::default(),
            written: Cell::new(0),
        })
    }
}

impl Side {
    fn new(file: Option<File>) -> Result<Self, Error> {
        let watcher = file.map(Watcher::new).transpose()?.map(Rc::new);
        Ok(Self { watcher: RefCell::new(watcher), slot: Slot::default() })
    }

    fn watcher(&self) -> Result<Rc<Watcher<File>>, Error> {
        self.watcher.borrow().clone().ok_or(Error::Closed)
    }

    /// Whether there was something to close.
    fn close(&self) -> bool {
        let was_open = self.watcher.take().is_some();
        let _ = self.slot.interrupt();
        was_open
    }

    fn is_closed(&self) -> bool {
        self.watcher.borrow().is_none()
    }
}

impl Input for Pipe {
    async fn more(&self) -> Result<Vec<u8>, Error> {
        let watcher = self.reader.watcher()?;
        let block = watcher.read_with(|mut file| {
            let mut block = vec![0; BLOCK];
            let count = file.read(&mut block)?;
            block.truncate(count);
            Ok(block)
        });
        match self.reader.slot.run(block).await {
            Ok(block) if block.is_empty() => Err(Error::Closed),
            // A terminal whose other end is gone.
            Err(Error::Io { source, .. }) if source.raw_os_error() == Some(5) => Err(Error::Closed),
            other => other,
        }
    }

    fn limits(&self) -> Limits {
        Limits::default()
    }
}

impl Duplex for Pipe {
    fn ahead(&self) -> &Ahead {
        &self.ahead
    }

    fn check_read(&self) -> Result<(), Error> {
        if self.reader.is_closed() {
            return Err(Error::Closed);
        }
        if self.reader.slot.is_busy() { Err(Error::Busy) } else { Ok(()) }
    }

    fn check_write(&self) -> Result<(), Error> {
        if self.writer.slot.is_busy() { Err(Error::Busy) } else { Ok(()) }
    }

    async fn write(&self, data: &[u8]) -> Result<(), Error> {
        let watcher = self.writer.watcher()?;
        let mut rest = data;
        let all = async {
            while !rest.is_empty() {
                let written = watcher.write_with(|mut file| file.write(rest)).await?;
                self.written.set(self.written.get() + written as u64);
                rest = &rest[written..];
            }
            Ok(())
        };
        match self.writer.slot.run(all).await {
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::BrokenPipe => Err(Error::Closed),
            other => other,
        }
    }

    fn written(&self) -> u64 {
        self.written.get()
    }

    fn close(&self) -> Result<(), Error> {
        self.ahead.clear();
        let closed = (self.reader.close(), self.writer.close());
        if closed == (false, false) { Err(Error::AlreadyClosed) } else { Ok(()) }
    }

    fn interrupt(&self) -> Result<(), Error> {
        let (read, write) = (self.reader.slot.interrupt(), self.writer.slot.interrupt());
        if write.is_ok() { write } else { read }
    }

    fn is_busy(&self) -> bool {
        self.reader.slot.is_busy() || self.writer.slot.is_busy()
    }

    fn is_closed(&self) -> bool {
        self.reader.is_closed() && self.writer.is_closed()
    }

    fn half(&self, half: Half) -> Result<(), Error> {
        match half {
            Half::Split => Ok(()),
            Half::CloseWrite => {
                if self.writer.close() {
                    Ok(())
                } else {
                    Err(Error::AlreadyClosed)
                }
            }
            Half::InterruptRead => self.reader.slot.interrupt(),
            Half::InterruptWrite => self.writer.slot.interrupt(),
        }
    }
}
