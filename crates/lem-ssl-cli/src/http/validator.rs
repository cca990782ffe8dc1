//! Validators: what tells whether a resource is still the same (RFC 9110 section 8.8).

use serde::{Deserialize, Serialize};

/// What tells whether a resource is still the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Validator {
    /// A strong entity tag, with its quotation marks.
    ETag(String),
    /// A date, as the server wrote it.
    LastModified(String),
}

impl Validator {
    /// As `If-Range` has it.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::ETag(text) | Self::LastModified(text) => text,
        }
    }
}
