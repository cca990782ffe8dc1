//! What a protocol layer says.

use std::error::Error as StdError;
use std::fmt;
use std::io;

/// The error of a protocol layer above, and its kind in the terms of `std::io`.
#[derive(Debug)]
pub struct ProtocolError {
    kind: io::ErrorKind,
    error: Box<dyn StdError + Send + Sync>,
}

impl ProtocolError {
    pub(crate) fn new(kind: io::ErrorKind, error: impl StdError + Send + Sync + 'static) -> Self {
        Self { kind, error: Box::new(error) }
    }

    /// Its kind in the terms of `std::io`.
    pub fn kind(&self) -> io::ErrorKind {
        self.kind
    }

    /// The layer's own error, if it is an `E`.
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        self.error.downcast_ref()
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl StdError for ProtocolError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.error.source()
    }
}
