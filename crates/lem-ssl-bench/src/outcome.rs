//! Errors of a measurement: text for the person who runs it, and no more.

/// What can fail says why.
pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
