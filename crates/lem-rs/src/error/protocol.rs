//! What a protocol layer says.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;

/// The error of a protocol layer above, and its kind in the terms of `std::io`.
#[derive(Debug, Clone)]
pub struct ProtocolError {
    kind: io::ErrorKind,
    /// What was being done, as the beginning of a sentence: `connect to example.org:443`.
    doing: Option<Box<str>>,
    error: Arc<dyn StdError + Send + Sync>,
}

impl ProtocolError {
    pub(crate) fn new(kind: io::ErrorKind, error: impl StdError + Send + Sync + 'static) -> Self {
        Self { kind, doing: None, error: Arc::new(error) }
    }

    /// The same, with what was being done, unless somebody has said that before.
    pub(crate) fn doing(&self, doing: impl Into<String>) -> Self {
        let doing = self.doing.clone().unwrap_or_else(|| doing.into().into());
        Self { doing: Some(doing), ..self.clone() }
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
        match &self.doing {
            Some(doing) => write!(f, "cannot {doing}: {}", self.error),
            None => self.error.fmt(f),
        }
    }
}

impl StdError for ProtocolError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.error.source()
    }
}
