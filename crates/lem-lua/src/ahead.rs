//! Bytes that were read ahead of what was asked for, and the read modes over them: once, for streams, pipes and files.

#![forbid(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::mem;
use std::ops::Range;

use lem_ssl_rs::{Error, Limits, ReadMode};
use memchr::memchr;

use self::head::HeadSearch;

/// What a script may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Available,
    Exact(usize),
    /// Up to a stop byte, which is given back with the line or not.
    Line {
        stop: u8,
        keep: bool,
    },
    All,
    /// The head of a message: nothing of it is taken before all of it is there.
    Head,
}

/// Where bytes come from. A read that is dropped has lost nothing: it may be tried, and begun again.
pub(crate) trait Input {
    /// What is there, at least a byte; [`Error::Closed`] at the end.
    async fn more(&self) -> Result<Vec<u8>, Error>;

    /// Reads in one of the machine's own modes, without a detour through what is kept here. `None`: cannot.
    async fn whole(&self, _mode: ReadMode) -> Option<Result<Vec<u8>, Error>> {
        None
    }

    fn limits(&self) -> Limits;
}

/// The bytes read ahead. They are the stream's: what an interrupted read had collected stays here.
#[derive(Default)]
pub(crate) struct Ahead {
    bytes: RefCell<Vec<u8>>,
    /// How many of them are spent.
    start: Cell<usize>,
}

/// Whole lines, one behind the other.
pub(crate) struct Lines {
    pub(crate) bytes: Vec<u8>,
    /// Where each ends, behind its newline.
    ends: Vec<usize>,
}

impl Lines {
    /// Where each line is, with its newline or without.
    pub(crate) fn ranges(&self, keep: bool) -> impl ExactSizeIterator<Item = Range<usize>> {
        let mut start = 0;
        self.ends.iter().map(move |&end| mem::replace(&mut start, end)..end - usize::from(!keep))
    }
}

impl Ahead {
    /// Reads in this mode.
    pub(crate) async fn read(&self, input: &impl Input, mode: Mode) -> Result<Vec<u8>, Error> {
        match mode {
            Mode::Available if self.is_empty() => input.more().await,
            Mode::Available => Ok(self.take_all()),
            Mode::Exact(0) => Ok(Vec::new()),
            Mode::Exact(count) => self.read_exact(input, count).await,
            Mode::Line { stop, keep } => {
                let end = self.fill_line(input, stop).await?;
                Ok(self.take_line(end, keep))
            }
            Mode::All => self.read_all(input).await,
            Mode::Head => {
                let mut search = HeadSearch::default();
                loop {
                    let end = search.end(&self.bytes.borrow()[self.start.get()..])?;
                    if let Some(end) = end {
                        return Ok(self.take(end));
                    }
                    self.push(input.more().await?);
                }
            }
        }
    }

    /// Reads until a line ends in here; where it ends, with its stop byte.
    pub(crate) async fn fill_line(&self, input: &impl Input, stop: u8) -> Result<usize, Error> {
        let limit = input.limits().line;
        let mut searched = 0;
        loop {
            if let Some(end) = self.line_end(stop, searched) {
                return if end > limit { Err(Error::Limit { what: "line", limit }) } else { Ok(end) };
            }
            searched = self.len();
            if searched > limit {
                return Err(Error::Limit { what: "line", limit });
            }
            self.push(input.more().await?);
        }
    }

    async fn read_exact(&self, input: &impl Input, count: usize) -> Result<Vec<u8>, Error> {
        let limit = input.limits().all;
        if count > limit {
            return Err(Error::Limit { what: "exact", limit });
        }
        if self.is_empty()
            && let Some(result) = input.whole(ReadMode::Exact(count)).await
        {
            return result;
        }
        while self.len() < count {
            self.push(input.more().await?);
        }
        Ok(self.take(count))
    }

    async fn read_all(&self, input: &impl Input) -> Result<Vec<u8>, Error> {
        let limit = input.limits().all;
        match input.whole(ReadMode::All).await {
            Some(Ok(rest)) => self.push(rest),
            Some(Err(Error::Closed)) if !self.is_empty() => {}
            Some(Err(error)) => return Err(error),
            None => loop {
                match input.more().await {
                    Ok(more) => self.push(more),
                    Err(Error::Closed) => break,
                    Err(error) => return Err(error),
                }
                if self.len() > limit {
                    return Err(Error::Limit { what: "all", limit });
                }
            },
        }
        Ok(self.take_all())
    }

    /// A copy of whole lines that are here already, at most `most`, each shorter than `limit`. They stay here until they
    /// are [consumed](Self::consume).
    pub(crate) fn lines(&self, most: usize, limit: usize) -> Lines {
        let bytes = self.bytes.borrow();
        let here = &bytes[self.start.get()..];
        let (mut ends, mut at) = (Vec::with_capacity(most), 0);
        while ends.len() < most
            && let Some(length) = memchr(b'\n', &here[at..])
            && length < limit
        {
            at += length + 1;
            ends.push(at);
        }
        Lines { bytes: here[..at].to_vec(), ends }
    }

    /// These were handed out.
    pub(crate) fn consume(&self, count: usize) {
        let spent = self.start.get() + count;
        let mut bytes = self.bytes.borrow_mut();
        if spent >= bytes.len() {
            // A quiet stream keeps no memory for what it has read.
            *bytes = Vec::new();
            self.start.set(0);
        } else {
            self.start.set(spent);
        }
    }

    pub(crate) fn clear(&self) {
        self.consume(usize::MAX / 2);
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.borrow().len() - self.start.get()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn push(&self, more: Vec<u8>) {
        let mut bytes = self.bytes.borrow_mut();
        let start = self.start.replace(0);
        if start == bytes.len() {
            *bytes = more;
        } else {
            bytes.drain(..start);
            bytes.extend_from_slice(&more);
        }
    }

    pub(crate) fn line_end(&self, stop: u8, searched: usize) -> Option<usize> {
        let bytes = self.bytes.borrow();
        let here = &bytes[self.start.get()..];
        memchr(stop, here.get(searched..)?).map(|at| searched + at + 1)
    }

    fn take_line(&self, end: usize, keep: bool) -> Vec<u8> {
        let mut line = self.take(end);
        if !keep {
            line.pop();
        }
        line
    }

    fn take(&self, count: usize) -> Vec<u8> {
        if count == self.len() {
            return self.take_all();
        }
        let start = self.start.get();
        let taken = self.bytes.borrow()[start..start + count].to_vec();
        self.consume(count);
        taken
    }

    pub(crate) fn take_all(&self) -> Vec<u8> {
        let mut bytes = mem::take(&mut *self.bytes.borrow_mut());
        bytes.drain(..self.start.replace(0));
        bytes
    }
}

mod head;
#[cfg(test)]
mod tests;
