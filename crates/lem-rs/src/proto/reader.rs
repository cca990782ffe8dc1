//! The reader: what is in the buffer, what was asked for, and whether more can come, give a verdict.

use super::{InputBuffer, ReadMode};
use crate::error::{EndOfStream, Error};

/// What a peer may make a stream store before a read gives up.
///
/// ```
/// use lem_rs::Limits;
/// let limits = Limits::default().line(1024);
/// assert_eq!((limits.line, limits.all), (1024, 64 * 1024 * 1024));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest line, in bytes, its `'\n'` included. Default 64 KiB.
    pub line: usize,
    /// The most that [`ReadMode::All`] collects and that [`ReadMode::Exact`] may ask for, in bytes. Default 64 MiB.
    pub all: usize,
}

impl Limits {
    /// Sets [`line`](Self#structfield.line).
    #[must_use]
    pub const fn line(self, line: usize) -> Self {
        Self { line, ..self }
    }

    /// Sets [`all`](Self#structfield.all).
    #[must_use]
    pub const fn all(self, all: usize) -> Self {
        Self { all, ..self }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { line: 64 * 1024, all: 64 * 1024 * 1024 }
    }
}

/// What a read should do next.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Take so many bytes: they are the result.
    Value(usize),
    /// Receive, at best so many bytes more.
    More(usize),
    /// End with this error; nothing is consumed.
    Fail(Error),
}

/// The receiving side of a stream.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    pub(crate) buffer: InputBuffer,
    inbound: Inbound,
    /// A batch of [`Lines`](crate::Lines), or what a copy carries, is outstanding and may come back: other reads are
    /// busy.
    batch_outstanding: bool,
}

#[derive(Debug, Default)]
enum Inbound {
    #[default]
    Open,
    /// Over, and no read has returned it yet.
    Ended(EndOfStream),
    /// The end was returned once: from now on a read says "closed", as the original does.
    Reported(EndOfStream),
}

impl Reader {
    /// An open reader that has received `buffer` already.
    pub(crate) fn new(buffer: InputBuffer) -> Self {
        Self { buffer, inbound: Inbound::Open, batch_outstanding: false }
    }

    /// Judges `mode` against what is there. Only remembers that an end was returned; never takes a byte.
    pub(crate) fn judge(&mut self, mode: ReadMode, limits: &Limits) -> Verdict {
        let there = self.buffer.len();
        match mode {
            ReadMode::Available if there > 0 => Verdict::Value(there),
            ReadMode::Available => self.more_or_end(AS_MUCH_AS_POSSIBLE),
            ReadMode::Exact(count) if count <= there => Verdict::Value(count),
            ReadMode::Exact(count) if count > limits.all => {
                Verdict::Fail(Error::Limit { what: "exact", limit: limits.all })
            }
            ReadMode::Exact(count) => self.more_or_end(count - there),
            ReadMode::Line => match self.buffer.find_newline() {
                Some(at) if at < limits.line => Verdict::Value(at + 1),
                None if there < limits.line => self.more_or_end(LINE_READAHEAD),
                _ => Verdict::Fail(Error::Limit { what: "line", limit: limits.line }),
            },
            ReadMode::All if there > limits.all => Verdict::Fail(Error::Limit { what: "all", limit: limits.all }),
            ReadMode::All => match &self.inbound {
                Inbound::Open => Verdict::More(AS_MUCH_AS_POSSIBLE),
                // The end was an error and was returned: what is left is returned when asked again.
                Inbound::Reported(_) if there > 0 => Verdict::Value(there),
                Inbound::Ended(EndOfStream::Clean) => {
                    self.report_end();
                    Verdict::Value(there)
                }
                _ => Verdict::Fail(self.report_end()),
            },
        }
    }

    /// Takes everything that is there out, with its memory.
    pub(crate) fn take_buffer(&mut self) -> InputBuffer {
        std::mem::take(&mut self.buffer)
    }

    /// What was just taken out, a batch of lines or what a copy carries, may be [taken back](Self::take_back). Until
    /// then other reads are busy.
    pub(crate) fn set_batch_outstanding(&mut self) {
        self.batch_outstanding = true;
    }

    /// Whether a batch is outstanding: it may come back, and other reads are busy until it is gone.
    pub(crate) fn has_batch_outstanding(&self) -> bool {
        self.batch_outstanding
    }

    /// Takes back what is left of the batch.
    pub(crate) fn take_back(&mut self, rest: &[u8]) {
        self.buffer.put_back(rest);
        self.batch_outstanding = false;
    }

    /// The receiving side is over. The first end counts: what comes after it is its consequence.
    pub(crate) fn end(&mut self, end: EndOfStream) {
        if matches!(self.inbound, Inbound::Open) {
            self.inbound = Inbound::Ended(end);
        }
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&self) -> Option<&EndOfStream> {
        match &self.inbound {
            Inbound::Open => None,
            Inbound::Ended(end) | Inbound::Reported(end) => Some(end),
        }
    }

    /// Why the protocol failed, if it ended so.
    pub(crate) fn failure(&self) -> Option<Error> {
        match self.ended() {
            Some(EndOfStream::Failed(reason)) => Some(reason.clone()),
            _ => None,
        }
    }

    /// Whether no read can ever return a byte again.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.ended().is_some() && self.buffer.is_empty() && !self.batch_outstanding
    }

    fn more_or_end(&mut self, want: usize) -> Verdict {
        match self.inbound {
            Inbound::Open => Verdict::More(want),
            _ => Verdict::Fail(match (self.report_end(), self.buffer.len()) {
                (Error::Closed, left @ 1..) => Error::Incomplete { left },
                (error, _) => error,
            }),
        }
    }

    /// The error that says how it ended, the first time; "closed" after that.
    fn report_end(&mut self) -> Error {
        match std::mem::take(&mut self.inbound) {
            Inbound::Ended(end) => {
                self.inbound = Inbound::Reported(end.clone());
                end.into()
            }
            reported => {
                self.inbound = reported;
                Error::Closed
            }
        }
    }
}

/// The transport bounds this by its arena.
const AS_MUCH_AS_POSSIBLE: usize = usize::MAX;

/// Lines are short and come in bursts: one read fetches many. It bounds what an idle line reader may hold unread.
const LINE_READAHEAD: usize = 64 * 1024;
