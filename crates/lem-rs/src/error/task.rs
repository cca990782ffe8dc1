//! Why a task gave no result.

use std::any::Any;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// A task, or a job on a worker thread, that was awaited gave no result.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinError {
    /// It panicked; this is the panic's message.
    Panicked(Arc<str>),
    /// It was cancelled, or its machine ended before it did.
    Cancelled,
    /// No worker thread could be started for it; this is what the operating system said.
    NoThread(Arc<str>),
}

impl JoinError {
    /// Reads the message out of a caught panic.
    pub(crate) fn from_panic(payload: &(dyn Any + Send)) -> Self {
        let message = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("a panic without a message");
        Self::Panicked(message.into())
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked(message) => write!(f, "the task panicked: {message}"),
            Self::Cancelled => f.write_str("the task was cancelled"),
            Self::NoThread(why) => write!(f, "no worker thread could be started: {why}"),
        }
    }
}

impl StdError for JoinError {}
