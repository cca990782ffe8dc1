//! A deadline that passed: which one, for what, and how long it was.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use super::Human;
use super::connect::{Attempt, write_attempt};
use crate::endpoint::Endpoint;

/// The part of a connection's life in which a deadline passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Turning a name into addresses.
    Resolve,
    /// Waiting for an address to accept a TCP connection.
    Connect,
    /// The TLS handshake.
    Handshake,
    /// Waiting for a connection to accept.
    Accept,
    /// Reading from a stream.
    Read,
    /// Writing to a stream.
    Write,
    /// Flushing what was written, saying goodbye, and waiting for the peer's.
    Close,
    /// An operation under a caller's own [`timeout`](crate::timeout), or one of which [`within`](crate::within) knows no
    /// more.
    Operation,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Handshake => "handshake",
            Self::Accept => "accept",
            Self::Read => "read",
            Self::Write => "write",
            Self::Close => "close",
            Self::Operation => "operation",
        })
    }
}

/// A deadline passed before the work was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeout {
    phase: Phase,
    waited: Duration,
    target: Option<String>,
    attempts: Vec<Attempt>,
    unanswered: Vec<Endpoint>,
}

impl Timeout {
    /// A deadline of `phase` passed after `waited`.
    pub fn new(phase: Phase, waited: Duration) -> Self {
        Self { phase, waited, target: None, attempts: Vec::new(), unanswered: Vec::new() }
    }

    /// Says for what it was waited: an address, a name.
    #[must_use]
    pub fn target(mut self, target: impl Into<String>) -> Self {
        self.target = Some(target.into());
        self
    }

    /// Says what has become of each address until then.
    #[must_use]
    pub(crate) fn tried(mut self, attempts: Vec<Attempt>, unanswered: Vec<Endpoint>) -> Self {
        (self.attempts, self.unanswered) = (attempts, unanswered);
        self
    }

    /// In the phase of connecting: every attempt that had failed before, in the order in which they did. Empty if the
    /// deadline was not the connect's own, but one around it.
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// In the phase of connecting: every address that had not answered, those included whose turn had not come. Empty as
    /// [`attempts`](Self::attempts) is.
    pub fn unanswered(&self) -> &[Endpoint] {
        &self.unanswered
    }

    /// The phase that took too long.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// How long it was waited, from the beginning of the whole operation.
    pub fn waited(&self) -> Duration {
        self.waited
    }
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, to) = match self.phase {
            Phase::Resolve => ("resolving the name", " of "),
            Phase::Connect => ("connect", " to "),
            Phase::Handshake => ("handshake", " with "),
            Phase::Accept => ("accept", " at "),
            Phase::Read => ("read", " from "),
            Phase::Write => ("write", " to "),
            Phase::Close => ("close", " of "),
            Phase::Operation => ("operation", " on "),
        };
        f.write_str(what)?;
        if let Some(target) = &self.target {
            write!(f, "{to}{target}")?;
        }
        write!(f, " timed out after {}", Human(self.waited))?;
        // One address that is the target, and has said nothing, tells no more.
        if let (None, [only]) = (self.attempts.first(), &self.unanswered[..])
            && self.target.as_ref().is_some_and(|target| *target == only.to_string())
        {
            return Ok(());
        }
        let mut between = ": ";
        for attempt in &self.attempts {
            f.write_str(between)?;
            write_attempt(attempt, f)?;
            between = "; ";
        }
        for endpoint in &self.unanswered {
            write!(f, "{between}{endpoint}: no answer")?;
            between = "; ";
        }
        Ok(())
    }
}

impl StdError for Timeout {}
