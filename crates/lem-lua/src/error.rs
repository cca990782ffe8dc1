//! What ends a script.

#![forbid(unsafe_code)]

use std::fmt;

/// Why a script ended before it was done.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Error {
    /// A coroutine raised an error that nothing caught: the message, and where it was raised, as Lua tells it.
    Raised(String),
    /// A script asked for the end of the program: `utils.exit(status)`.
    Exit(i32),
    /// Lua or the machine could not do its part.
    Internal(String),
}

impl Error {
    /// What Lua says of `error`, without the kind in front of it that mlua adds.
    pub(crate) fn raised(error: &mlua::Error) -> Self {
        Self::Raised(text_of(error))
    }
}

/// The text of an error: with its traceback if it came out of a coroutine.
fn text_of(error: &mlua::Error) -> String {
    match error {
        mlua::Error::RuntimeError(text) | mlua::Error::SyntaxError { message: text, .. } => text.clone(),
        mlua::Error::MemoryError(text) => format!("not enough memory: {text}"),
        mlua::Error::CallbackError { traceback, cause } => format!("{}\n{traceback}", text_of(cause)),
        other => other.to_string(),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raised(text) | Self::Internal(text) => f.write_str(text),
            Self::Exit(status) => write!(f, "the script asked for the end of the program, with status {status}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<mlua::Error> for Error {
    fn from(error: mlua::Error) -> Self {
        Self::raised(&error)
    }
}

impl From<lem_ssl_rs::Error> for Error {
    fn from(error: lem_ssl_rs::Error) -> Self {
        Self::Internal(error.to_string())
    }
}
