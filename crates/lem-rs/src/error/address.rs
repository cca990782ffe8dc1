//! What is wrong with an address.

use std::error::Error as StdError;
use std::fmt;

/// A text is not a valid address; says what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressError {
    text: Box<str>,
    problem: Box<str>,
}

impl AddressError {
    pub(crate) fn new(text: &str, problem: impl Into<Box<str>>) -> Self {
        Self { text: text.into(), problem: problem.into() }
    }

    /// What is wrong, as a clause.
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Debug quoting: the text may hold anything, and must not reach a terminal as it is.
        write!(f, "invalid address {:?}: {}", self.text, self.problem)
    }
}

impl StdError for AddressError {}
