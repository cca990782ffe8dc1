//! What can go wrong, sorted by whose fault it is, in words that a person can act on.
//!
//! The strings of the original library are kept exactly where it had them: `busy`, `not busy`, `interrupted`,
//! `closed`, `already closed`.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

mod address;
mod connect;
mod end;
mod protocol;
mod task;
mod timeout;

pub use address::AddressError;
pub use connect::{Attempt, ConnectError};
pub use end::{Cut, EndOfStream};
pub use protocol::ProtocolError;
pub use task::JoinError;
pub use timeout::{Phase, Timeout};

/// The error of every verb of this crate, and of the libraries that are built on it.
///
/// It is cheap to clone, so that a stream can remember why it ended. Protocol layers above (TLS, for example) put
/// their own error into [`Error::Protocol`]; find it again with [`Error::protocol_ref`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Error {
    /// Another task waits for I/O on this stream or server. Nothing was consumed; try again later, or split the stream.
    Busy,
    /// [`interrupt`](crate::Stream::interrupt) was called, but no task was waiting.
    NotBusy,
    /// Another task called `interrupt` or `close` while this one waited. Nothing was consumed by a read; what a write
    /// had handed over stays queued.
    Interrupted,
    /// The stream or server is closed: by us, or cleanly by the peer. A write says so of a connection that was reset, too,
    /// as the original does; a read that finds nothing left and [`close_cause`](crate::Stream::close_cause) after it
    /// tell them apart.
    Closed,
    /// The peer has ended the stream cleanly, or a read has returned its end before, with less than the read asked for:
    /// in the middle of a line, or short of the number of bytes. Its text begins with "closed", which is all that the
    /// original says; nothing was consumed, and what is left is read with
    /// [`ReadMode::Available`](crate::ReadMode::Available) or [`ReadMode::All`](crate::ReadMode::All).
    Incomplete {
        /// How many bytes are left to be read, at least one.
        left: usize,
    },
    /// `close` was called a second time.
    AlreadyClosed,
    /// The connection ended without the peer having said that it was done (for TLS: without `close_notify`, RFC 8446
    /// section 6.1). What arrived before is still readable.
    Truncated(Cut),
    /// A limit on what a peer may make us store was reached. The data is still readable in another mode.
    Limit {
        /// What was read: `line`, `all`, `exact` or `until`.
        what: &'static str,
        /// The limit, in bytes.
        limit: usize,
    },
    /// A deadline passed; says which phase, for what, and how long it was waited.
    Timeout(Box<Timeout>),
    /// A text is no address.
    Address(Box<AddressError>),
    /// A name could not be resolved to an address.
    Resolve {
        /// The name that was asked for.
        host: String,
        /// What the resolver said.
        source: Arc<io::Error>,
    },
    /// Every address of a host was tried and none accepted.
    Connect(Box<ConnectError>),
    /// An operating-system call failed.
    Io {
        /// What was being done, as the beginning of a sentence: `listen on [::]:443`. Empty where nobody has said: of an
        /// error of the standard library that a `?` has turned into this one.
        doing: String,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// A task that was awaited panicked or was cancelled.
    Task(JoinError),
    /// Tasks wait, and nothing exists any more that could ever wake one of them.
    Stalled {
        /// How many tasks wait, the main one included.
        tasks: usize,
        /// Where they were started, the main one by [`Machine::run`](crate::Machine::run): each place once, and eight at
        /// most. Of tasks that the library starts it is a place in the library.
        started_at: Arc<[&'static Location<'static>]>,
    },
    /// The caller used the library in a way that cannot work; says which way.
    Misuse(String),
    /// The peer sent a line that is not UTF-8, to a read that was to give text.
    NotText {
        /// How many bytes at the front of the line are.
        valid: usize,
    },
    /// A layer above failed; its own error is in it.
    Protocol(Arc<ProtocolError>),
}

impl Error {
    /// Wraps the error of a protocol layer that the peer is to blame for.
    pub fn protocol(error: impl StdError + Send + Sync + 'static) -> Self {
        Self::protocol_of_kind(io::ErrorKind::InvalidData, error)
    }

    /// Wraps the error of a protocol layer; `kind` is what a caller of `std::io` traits gets.
    pub fn protocol_of_kind(kind: io::ErrorKind, error: impl StdError + Send + Sync + 'static) -> Self {
        Self::Protocol(Arc::new(ProtocolError::new(kind, error)))
    }

    /// The protocol layer's error, if it is an `E`.
    pub fn protocol_ref<E: StdError + 'static>(&self) -> Option<&E> {
        match self {
            Self::Protocol(error) => error.downcast_ref(),
            _ => None,
        }
    }

    /// The same, with what was being done, as the beginning of the message: `cannot connect to example.org:443: ...`.
    /// For the author of a protocol layer; an error of another kind, which says so itself, stays as it is.
    ///
    /// ```
    /// use lem_rs::Error;
    ///
    /// let refused = Error::protocol(std::fmt::Error).doing("connect to example.org:443");
    /// assert!(refused.to_string().starts_with("cannot connect to example.org:443: "));
    /// assert!(refused.protocol_ref::<std::fmt::Error>().is_some());
    /// assert_eq!(Error::Busy.doing("connect to example.org:443").to_string(), "busy");
    /// ```
    #[must_use]
    pub fn doing(self, doing: impl Into<String>) -> Self {
        match self {
            Self::Protocol(error) => Self::Protocol(Arc::new(error.doing(doing))),
            other => other,
        }
    }

    /// An operating-system error, with what was being done: `doing` begins the message.
    pub fn io(doing: impl Into<String>, source: io::Error) -> Self {
        Self::Io { doing: doing.into(), source: Arc::new(source) }
    }

    /// The phase whose deadline passed, if that is what happened.
    pub fn timed_out(&self) -> Option<Phase> {
        match self {
            Self::Timeout(timeout) => Some(timeout.phase()),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("busy"),
            Self::NotBusy => f.write_str("not busy"),
            Self::Interrupted => f.write_str("interrupted"),
            Self::Closed => f.write_str("closed"),
            Self::Incomplete { left: 1 } => f.write_str("closed: 1 byte of an unfinished message is left"),
            Self::Incomplete { left } => write!(f, "closed: {left} bytes of an unfinished message are left"),
            Self::AlreadyClosed => f.write_str("already closed"),
            Self::Truncated(Cut::Fin) => {
                f.write_str("truncated: the peer ended the connection without saying that its data is complete")
            }
            Self::Truncated(Cut::Reset) => f.write_str("truncated: the connection was reset"),
            Self::Limit { what, limit } => {
                write!(f, "limit: the \"{what}\" read is longer than its limit of {limit} bytes")
            }
            Self::Timeout(timeout) => timeout.fmt(f),
            Self::Address(error) => error.fmt(f),
            Self::Resolve { host, source } => {
                write!(f, "cannot resolve the name \"{host}\": {}", Brief(source))
            }
            Self::Connect(error) => error.fmt(f),
            Self::Io { doing, source } if doing.is_empty() => Brief(source).fmt(f),
            Self::Io { doing, source } => write!(f, "cannot {doing}: {}", Brief(source)),
            Self::Task(error) => error.fmt(f),
            Self::Stalled { tasks, started_at } => {
                write!(
                    f,
                    "stalled: {tasks} task(s) wait, and no timer, socket, worker or other thread is left to wake them"
                )?;
                let places: Vec<_> = started_at.iter().map(ToString::to_string).collect();
                if places.is_empty() { Ok(()) } else { write!(f, "; started at {}", places.join(", ")) }
            }
            Self::Misuse(what) => f.write_str(what),
            Self::NotText { valid } => {
                write!(f, "the peer sent a line that is not UTF-8 text: byte {} is none of it", valid + 1)
            }
            Self::Protocol(error) => error.fmt(f),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Resolve { source, .. } | Self::Io { source, .. } => Some(source.as_ref()),
            Self::Connect(error) => error.source(),
            // The message of a protocol error is shown as our own: what stands behind it is the next link.
            Self::Protocol(error) => error.source(),
            _ => None,
        }
    }
}

impl From<Timeout> for Error {
    fn from(timeout: Timeout) -> Self {
        Self::Timeout(Box::new(timeout))
    }
}

impl From<AddressError> for Error {
    fn from(error: AddressError) -> Self {
        Self::Address(Box::new(error))
    }
}

impl From<JoinError> for Error {
    fn from(error: JoinError) -> Self {
        Self::Task(error)
    }
}

impl From<io::Error> for Error {
    /// For a `?` behind a call of the standard library: kind and source stay as they are, and the message is the operating
    /// system's. [`Error::io`] says what was being done, too: a file's name is not in it otherwise. An error of ours that
    /// was turned into an [`io::Error`] comes back as it was.
    ///
    /// ```
    /// use lem_rs::Error;
    ///
    /// fn greeting() -> Result<String, Error> {
    ///     Ok(std::fs::read_to_string("/no/such/greeting")?)
    /// }
    /// assert_eq!(greeting().unwrap_err().to_string(), "no such file or directory");
    ///
    /// let back = Error::from(std::io::Error::from(Error::Closed));
    /// assert!(matches!(back, Error::Closed));
    /// ```
    fn from(error: io::Error) -> Self {
        error.downcast().unwrap_or_else(|source| Self::io("", source))
    }
}

impl From<Error> for io::Error {
    /// The mapping that a caller of `std::io` traits sees; every row has a test.
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Busy | Error::NotBusy => io::ErrorKind::ResourceBusy,
            Error::Interrupted => io::ErrorKind::Interrupted,
            Error::Closed | Error::AlreadyClosed => io::ErrorKind::NotConnected,
            Error::Truncated(Cut::Fin) | Error::Incomplete { .. } => io::ErrorKind::UnexpectedEof,
            Error::Truncated(Cut::Reset) => io::ErrorKind::ConnectionReset,
            Error::Limit { .. } | Error::NotText { .. } => io::ErrorKind::InvalidData,
            Error::Protocol(error) => error.kind(),
            Error::Timeout(_) => io::ErrorKind::TimedOut,
            Error::Resolve { .. } => io::ErrorKind::NotFound,
            Error::Connect(error) => error.kind(),
            Error::Io { source, .. } => source.kind(),
            Error::Misuse(_) | Error::Address(_) => io::ErrorKind::InvalidInput,
            Error::Task(_) | Error::Stalled { .. } => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

/// An I/O error without the number that only programmers read: `connection refused`.
pub(crate) struct Brief<'a>(pub(crate) &'a io::Error);

impl fmt::Display for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        let text = text.split(" (os error").next().unwrap_or(&text);
        // The C library's getaddrinfo messages arrive behind this prefix.
        let text = text.strip_prefix("failed to lookup address information: ").unwrap_or(text);
        let mut letters = text.chars();
        match letters.next() {
            Some(first) => write!(f, "{}{}", first.to_lowercase(), letters.as_str()),
            None => f.write_str("unknown error"),
        }
    }
}

/// A duration as people write it: `10 s`, `250 ms`, `1.5 s`.
pub(crate) struct Human(pub(crate) Duration);

impl fmt::Display for Human {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, millis) = (self.0.as_secs(), self.0.subsec_millis());
        match (seconds, millis) {
            (0, 0) => write!(f, "{} µs", self.0.subsec_micros()),
            (0, _) => write!(f, "{millis} ms"),
            (_, 0) => write!(f, "{seconds} s"),
            _ => {
                // Without floating point, whose formatting is a large part of a small program.
                let tenths = seconds.saturating_mul(10).saturating_add(u64::from(millis + 50) / 100);
                write!(f, "{}.{} s", tenths / 10, tenths % 10)
            }
        }
    }
}
