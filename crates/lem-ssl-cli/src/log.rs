//! A log on standard error, off the loop: a pipe that nobody reads must not stop a server.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel};
use std::thread;
use std::time::{Duration, SystemTime};

use clap::ValueEnum;
use lem_ssl_rs::Error;
use serde::Serialize;

use crate::say;
use crate::text::{printable, timestamp};

/// How many lines may wait for the reader of standard error; further ones are counted, and lost.
const MAX_WAITING: usize = 4096;

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// Time, level and words
    #[default]
    Plain,
    /// One object a line
    Json,
}

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    Info,
    /// Somebody should look at it.
    Warn,
}

/// A line of the log as an object.
#[derive(Serialize)]
struct Line<'a, T> {
    time: String,
    level: Level,
    message: &'a str,
    #[serde(flatten)]
    fields: T,
}

/// A line that has nothing but its message.
#[derive(Serialize)]
struct NoFields {}

/// Writes lines on a thread of its own. Clones write to the same place.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    /// `None` for one that says nothing.
    lines: Option<Rc<Lines>>,
    format: Format,
}

#[derive(Debug)]
struct Lines {
    sender: Option<SyncSender<String>>,
    lost: Arc<AtomicU64>,
    /// Ends when the thread has written everything.
    written: Receiver<()>,
}

impl Log {
    pub(crate) fn new(quiet: bool, format: Format) -> Result<Self, Error> {
        if quiet {
            return Ok(Self { lines: None, format });
        }
        let (sender, lines) = sync_channel::<String>(MAX_WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let counted = lost.clone();
        let (writing, written) = channel();
        let write = move || {
            let _writing = writing;
            for line in lines {
                say::line(line);
                match counted.swap(0, Ordering::Relaxed) {
                    0 => {}
                    lost => {
                        let message = format!("{lost} lines were lost: standard error is too slow");
                        say::line(format.line(Level::Warn, &message, NoFields {}));
                    }
                }
            }
        };
        let started = thread::Builder::new().name("lem-log".into()).spawn(write);
        started.map_err(|error| Error::io("start a thread", error))?;
        Ok(Self { lines: Some(Rc::new(Lines { sender: Some(sender), lost, written })), format })
    }

    /// Something that happened as it should.
    pub(crate) fn line(&self, text: impl AsRef<str>) {
        self.record(Level::Info, text.as_ref(), NoFields {});
    }

    /// Something that somebody should look at.
    pub(crate) fn warn(&self, text: impl AsRef<str>) {
        self.record(Level::Warn, text.as_ref(), NoFields {});
    }

    /// Several warnings.
    pub(crate) fn warnings(&self, lines: impl IntoIterator<Item = String>) {
        lines.into_iter().for_each(|line| self.warn(line));
    }

    /// A line whose parts programs read too: where the format has room for them, they are beside the message.
    pub(crate) fn record(&self, level: Level, message: &str, fields: impl Serialize) {
        let Some(lines) = &self.lines else { return };
        if let Some(sender) = &lines.sender
            && let Err(TrySendError::Full(_)) = sender.try_send(self.format.line(level, message, fields))
        {
            lines.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Format {
    fn line(self, level: Level, message: &str, fields: impl Serialize) -> String {
        let time = timestamp(SystemTime::now());
        match self {
            Self::Plain => {
                let level = if level == Level::Info { "info" } else { "warn" };
                format!("{time} {level} {}", printable(message))
            }
            // Text and numbers become JSON always.
            Self::Json => serde_json::to_string(&Line { time, level, message, fields }).unwrap_or_default(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_in_either_format() {
        let plain = Format::Plain.line(Level::Warn, "a\nb\u{1b}[31m", NoFields {});
        assert!(plain.ends_with("Z warn a\\nb\\u{1b}[31m"), "{plain}");
        let json = Format::Json.line(Level::Info, "a\n\"b\"", serde_json::json!({ "bytes_up": 7 }));
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((read["message"].as_str(), read["level"].as_str()), (Some("a\n\"b\""), Some("info")));
        assert_eq!(read["bytes_up"], 7);
        assert_eq!(json.lines().count(), 1);
    }
}
