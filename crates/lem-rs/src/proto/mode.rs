//! How much a read wants.

use std::error::Error as StdError;
use std::fmt;
use std::str::FromStr;

/// How much [`read`](crate::Stream::read) waits for and returns.
///
/// Exhaustive on purpose: these are the original's four. Other ways to read are verbs of their own, as
/// [`read_until`](crate::Stream::read_until) is.
///
/// The original's notations are understood too: `"*l"`, `"*a"` and numbers parse, and a `usize` converts.
///
/// ```
/// use lem_rs::ReadMode;
/// assert_eq!("*l".parse(), Ok(ReadMode::Line));
/// assert_eq!("*a".parse(), Ok(ReadMode::All));
/// assert_eq!("17".parse(), Ok(ReadMode::Exact(17)));
/// assert_eq!(ReadMode::from(17), ReadMode::Exact(17));
/// assert_eq!(ReadMode::default(), ReadMode::Available);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ReadMode {
    /// What is there, at least one byte; waits only when there is nothing.
    #[default]
    Available,
    /// Exactly so many bytes. `Exact(0)` returns nothing, at once and without I/O.
    Exact(usize),
    /// Up to and including the next `'\n'`.
    Line,
    /// Everything, until the peer ends the stream.
    All,
}

impl From<usize> for ReadMode {
    fn from(bytes: usize) -> Self {
        Self::Exact(bytes)
    }
}

impl FromStr for ReadMode {
    type Err = ParseReadModeError;

    fn from_str(text: &str) -> Result<Self, ParseReadModeError> {
        match text {
            "*l" => Ok(Self::Line),
            "*a" => Ok(Self::All),
            "" => Ok(Self::Available),
            // `usize` would take a leading plus sign; the notation has digits only.
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map(Self::Exact).map_err(|_| ParseReadModeError(text.into()))
            }
            _ => Err(ParseReadModeError(text.into())),
        }
    }
}

/// The text is none of the read modes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseReadModeError(Box<str>);

impl fmt::Display for ParseReadModeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid read mode \"{}\": expected \"*l\", \"*a\" or a number of bytes", self.0)
    }
}

impl StdError for ParseReadModeError {}
