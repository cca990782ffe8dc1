//! The story of a connection that could not be made: every address, and what each one said.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;

use super::Brief;
use crate::endpoint::Endpoint;

/// Every address of a host was tried (RFC 8305), and none accepted.
#[derive(Debug, Clone)]
pub struct ConnectError {
    target: String,
    attempts: Vec<Attempt>,
}

/// One address that was tried, and why it did not work.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Attempt {
    /// Where the attempt went.
    pub endpoint: Endpoint,
    /// What the operating system said.
    pub error: Arc<io::Error>,
}

/// By what a program can tell of the operating system's error: its kind and its number.
impl PartialEq for Attempt {
    fn eq(&self, other: &Self) -> bool {
        let of = |attempt: &Self| (attempt.error.kind(), attempt.error.raw_os_error());
        self.endpoint == other.endpoint && of(self) == of(other)
    }
}

impl Eq for Attempt {}

/// The address, and what was said of it.
pub(super) fn write_attempt(attempt: &Attempt, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{}: {}", attempt.endpoint, Brief(&attempt.error))
}

impl ConnectError {
    pub(crate) fn new(target: String, attempts: Vec<Attempt>) -> Self {
        Self { target, attempts }
    }

    /// The address as the caller wrote it.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Every attempt, in the order in which they failed.
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// The kind of the last attempt's error, which is the one that ended the matter.
    pub fn kind(&self) -> io::ErrorKind {
        self.attempts.last().map_or(io::ErrorKind::NotFound, |attempt| attempt.error.kind())
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot connect to {}: ", self.target)?;
        if self.attempts.is_empty() {
            return f.write_str("the name has no addresses");
        }
        for (index, attempt) in self.attempts.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            // "connect to 127.0.0.1:1: 127.0.0.1:1: refused" would say the same thing twice.
            if self.attempts.len() == 1 && attempt.endpoint.to_string() == self.target {
                Brief(&attempt.error).fmt(f)?;
            } else {
                write_attempt(attempt, f)?;
            }
        }
        Ok(())
    }
}

impl StdError for ConnectError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.attempts.last().map(|attempt| attempt.error.as_ref() as _)
    }
}
