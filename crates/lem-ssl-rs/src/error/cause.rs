//! What rustls says of a failure, behind a type of ours.

use std::error::Error as StdError;
use std::fmt;

use super::words;

/// What exactly went wrong, in words. [`source`](StdError::source) is what rustls says, as its own error type: to be
/// printed or downcast, and not covered by this crate's promise.
#[derive(Debug, Clone, PartialEq)]
pub struct TlsCause(rustls::Error);

impl TlsCause {
    pub(crate) fn new(error: impl Into<rustls::Error>) -> Self {
        Self(error.into())
    }
}

/// What follows a colon: no capital, no full stop.
impl fmt::Display for TlsCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&words::tls(&self.0))
    }
}

impl StdError for TlsCause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.0)
    }
}
