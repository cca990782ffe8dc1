//! What is asked of a stream, and what it shows.

use std::time::Duration;

use lem_rs::{CloseCause, CopySide, Direction, ReadMode};

/// One end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Who connected.
    Client,
    /// Who accepted.
    Server,
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Client, Self::Server];

    /// The peer's.
    pub fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// A verb that may wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// `read` and its variants.
    Read(ReadMode),
    /// `read_until` this.
    Until(&'static [u8]),
    /// `peek` at so many bytes or more.
    Peek(usize),
    /// `next` of the stream's lines, and its variant: of those that were taken out by this holder.
    NextLine(u64),
    /// `copy` of what comes to where it came from; on a split stream.
    Copy,
    /// `write`, of these bytes.
    Write(Vec<u8>),
    /// `shutdown` of a writing half.
    EndWriting,
    /// `shutdown` of a stream.
    Shutdown,
}

impl Verb {
    /// Which way it goes; `None` for `shutdown`, and for a copy, which goes both.
    pub(super) fn direction(&self) -> Option<Direction> {
        match self {
            Self::Read(_) | Self::Until(_) | Self::Peek(_) | Self::NextLine(_) => Some(Direction::Read),
            Self::Write(_) | Self::EndWriting => Some(Direction::Write),
            Self::Copy | Self::Shutdown => None,
        }
    }
}

/// What a verb gave that had no error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A read's bytes.
    Bytes(Vec<u8>),
    /// Nothing: it is done, or there are no more lines.
    Done,
}

/// What a stream, or its halves, show without any verb. `None` is what the present shape cannot show.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// `bytes_read`.
    pub read: Option<u64>,
    /// `bytes_written`.
    pub written: Option<u64>,
    /// `buffered`.
    pub buffered: Option<usize>,
    /// `is_busy` of the stream, or of its reading half.
    pub reads: Option<bool>,
    /// `is_busy` of the writing half.
    pub writes: Option<bool>,
    /// `is_closed` of the stream, or of its reading half.
    pub closed: Option<bool>,
    /// `is_closed` of the writing half.
    pub write_closed: Option<bool>,
    /// What the last copy has told.
    pub copied: Option<Copied>,
    /// `close_cause`, where it can be asked for.
    pub cause: Option<Option<CloseCause>>,
}

/// How far a copy came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// How many bytes it says.
    pub count: u64,
    /// What failed, if something has.
    pub failed: Option<CopySide>,
}

/// What the world may do to a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weather {
    /// It may be reset, or ended by somebody on the way.
    pub breaks: bool,
    /// What is under way may be changed.
    pub corrupts: bool,
}

/// How a stream was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// An encrypted stream knows a proper end from a cut.
    pub encrypted: bool,
    /// The longest line.
    pub line: usize,
    /// The most that is collected.
    pub all: usize,
    /// What closing has.
    pub close_deadline: Duration,
}
