//! What a context was configured with, and why it cannot work.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;

use super::words;

/// A part of the configuration cannot work.
#[derive(Debug, Clone)]
pub struct ConfigError {
    part: ConfigPart,
    problem: String,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// Which part of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConfigPart {
    /// Our own certificate chain and key.
    Identity,
    /// The trusted roots.
    Roots,
    /// How servers are recognised, if not by their chain alone.
    Trust,
    /// How clients are checked.
    ClientAuth,
    /// The ALPN protocols.
    Alpn,
    /// The protocol versions.
    Versions,
    /// The cryptography.
    Provider,
    /// The name of the server that a certificate is checked against.
    ServerName,
    /// The session tickets.
    Tickets,
    /// What is received before the handshake is finished (0-RTT).
    EarlyData,
}

impl ConfigError {
    pub(crate) fn new(part: ConfigPart, problem: impl Into<String>) -> Self {
        Self { part, problem: problem.into(), source: None }
    }

    pub(crate) fn because(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// What the operating system said, if that is the cause: then it may pass although nothing of the configuration changes.
    pub fn io_error(&self) -> Option<&io::Error> {
        self.source.as_ref()?.downcast_ref()
    }

    /// Which part it is.
    pub fn part(&self) -> ConfigPart {
        self.part
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)?;
        match &self.source {
            Some(source) => write!(f, ": {}", words::cause(source.as_ref())),
            None => Ok(()),
        }
    }
}

impl StdError for ConfigError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().and_then(|source| source.source())
    }
}

impl From<ConfigError> for super::Error {
    fn from(error: ConfigError) -> Self {
        super::TlsError::Config(Box::new(error)).into()
    }
}
