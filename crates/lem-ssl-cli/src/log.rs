//! A log on standard error, off the loop: a pipe that nobody reads must not stop a server.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel};
use std::thread;
use std::time::Duration;

use lem_ssl_rs::Error;

use crate::say;

/// How many lines may wait for the reader of standard error; further ones are counted, and lost.
const MAX_WAITING: usize = 4096;

/// Writes lines on a thread of its own. Clones write to the same place.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    /// `None` for one that says nothing.
    lines: Option<Rc<Lines>>,
}

#[derive(Debug)]
struct Lines {
    sender: Option<SyncSender<String>>,
    lost: Arc<AtomicU64>,
    /// Ends when the thread has written everything.
    written: Receiver<()>,
}

impl Log {
    pub(crate) fn new(quiet: bool) -> Result<Self, Error> {
        if quiet {
            return Ok(Self { lines: None });
        }
        let (sender, lines) = sync_channel::<String>(MAX_WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let counted = lost.clone();
        let (writing, written) = channel();
        let write = move || {
            let _writing = writing;
            for line in lines {
                say::line(crate::text::printable(&line));
                match counted.swap(0, Ordering::Relaxed) {
                    0 => {}
                    lost => say::line(format_args!("{lost} lines were lost: standard error is too slow")),
                }
            }
        };
        let started = thread::Builder::new().name("lem-log".into()).spawn(write);
        started.map_err(|error| Error::io("start a thread", error))?;
        Ok(Self { lines: Some(Rc::new(Lines { sender: Some(sender), lost, written })) })
    }

    /// Some lines.
    pub(crate) fn lines(&self, lines: impl IntoIterator<Item = String>) {
        lines.into_iter().for_each(|line| self.line(line));
    }

    /// A line.
    pub(crate) fn line(&self, text: impl Into<String>) {
        let Some(lines) = &self.lines else { return };
        if let Some(sender) = &lines.sender
            && let Err(TrySendError::Full(_)) = sender.try_send(text.into())
        {
            lines.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Lines {
    /// Waits until what was said is written, but not for somebody who does not read.
    fn drop(&mut self) {
        self.sender = None;
        let _ = self.written.recv_timeout(Duration::from_secs(1));
    }
}
