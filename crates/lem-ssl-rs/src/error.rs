//! What can go wrong with TLS, in words that a person can act on.
//!
//! Everything in this library fails with [`lem_rs::Error`]; what concerns TLS is inside of it as a [`TlsError`].

use std::error::Error as StdError;
use std::fmt;
use std::io;

pub use lem_rs::Error;

use crate::parameters::AlertDescription;

mod alert;
mod cause;
mod certificate;
mod check;
mod config;
mod explanation;
mod fault;
mod names;
mod words;

pub use cause::TlsCause;
pub use certificate::CertificateProblem;
pub use check::CertificateCheck;
pub use config::{ConfigError, ConfigPart};
pub use explanation::{CertificateFinding, Explanation};
pub use fault::CertificateFault;
pub(crate) use fault::UNTRUSTED;
pub(crate) use words::webpki as webpki_words;

/// A TLS failure, by whose fault it is. Find it in an [`Error`] with [`TlsError::of`].
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// We refused the peer's certificate. The peer was told so by an alert.
    Certificate(Box<CertificateProblem>),
    /// The peer refused us, or gave up, and said so with an alert (RFC 8446 section 6.2).
    Alert {
        /// What it said.
        alert: AlertDescription,
        /// Whether that was during the handshake.
        during_handshake: bool,
    },
    /// What the peer sends is not TLS.
    NotTls {
        /// What it looks like, for example `an HTTP answer`.
        looks_like: Option<&'static str>,
    },
    /// The peer ended the connection in the middle of the handshake, without an alert.
    HandshakeCut {
        /// Whether by a reset.
        reset: bool,
    },
    /// Peer and we have nothing in common: no protocol version, suite, group.
    Incompatible(TlsCause),
    /// A client offers application protocols (ALPN), and none that this server speaks.
    NoCommonProtocol,
    /// A client asks for a name that no identity of this server is for, and the server refuses such clients
    /// ([`UnknownName::Refuse`](crate::UnknownName::Refuse)).
    UnknownName,
    /// The client was an authority that has seen our answer to its challenge (TLS-ALPN-01 of ACME, RFC 8737), which is all that
    /// it wants: there is no stream, and nothing is wrong.
    Validated {
        /// The name that it validates.
        name: Box<str>,
    },
    /// The peer broke the protocol, or somebody on the way changed what it sent.
    Protocol(TlsCause),
    /// Something failed on our side, and neither the peer nor the configuration is to blame: there are no random numbers,
    /// or the cryptography failed.
    Internal(TlsCause),
    /// What we were configured with cannot work.
    Config(Box<ConfigError>),
}

impl TlsError {
    /// The TLS failure in `error`, if it is one.
    ///
    /// ```
    /// # use lem_ssl_rs::{Context, TlsError, ConfigPart};
    /// let error = Context::builder().alpn(["h2", ""]).build().unwrap_err();
    /// assert!(matches!(TlsError::of(&error), Some(TlsError::Config(c)) if c.part() == ConfigPart::Alpn));
    /// ```
    pub fn of(error: &Error) -> Option<&Self> {
        error.protocol_ref()
    }

    /// The certificate problem, if that is what `error` is.
    ///
    /// ```
    /// use lem_ssl_rs::{CertificateCheck, Error, TlsError};
    ///
    /// /// Whether trying again next month may help.
    /// fn is_about_dates(error: &Error) -> bool {
    ///     TlsError::certificate(error).is_some_and(|problem| problem.fault().check() == CertificateCheck::Dates)
    /// }
    ///
    /// assert!(!is_about_dates(&Error::Closed));
    /// ```
    pub fn certificate(error: &Error) -> Option<&CertificateProblem> {
        match Self::of(error) {
            Some(Self::Certificate(problem)) => Some(problem),
            _ => None,
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(problem) => problem.fmt(f),
            Self::Alert { alert, during_handshake } => {
                f.write_str(if *during_handshake {
                    "the peer refused the handshake: "
                } else {
                    "the peer ended the connection with an alert: "
                })?;
                alert::explain(*alert, *during_handshake, f)
            }
            Self::NotTls { looks_like } => {
                f.write_str("the peer does not speak TLS on this port")?;
                match looks_like {
                    Some(what) => write!(f, ": what it sends looks like {what}"),
                    None => Ok(()),
                }
            }
            Self::HandshakeCut { reset } => write!(
                f,
                "the peer {} the connection during the handshake and did not say why",
                if *reset { "reset" } else { "closed" }
            ),
            Self::Incompatible(incompatible) => {
                write!(f, "nothing in common with the peer: {incompatible}")
            }
            Self::NoCommonProtocol => {
                f.write_str("nothing in common with the peer: no application protocol (ALPN) that both speak")
            }
            Self::UnknownName => f.write_str("the client asks for a name that no identity of this server is for"),
            Self::Validated { name } => write!(f, "an authority has seen the answer to its challenge for {name}"),
            Self::Protocol(error) => write!(f, "the peer broke the protocol: {error}"),
            Self::Internal(error) => {
                write!(f, "TLS failed on this side, and not because of the peer: {error}")
            }
            Self::Config(error) => error.fmt(f),
        }
    }
}

impl StdError for TlsError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Incompatible(cause) | Self::Protocol(cause) | Self::Internal(cause) => cause.source(),
            // What a verifier of the program's own said.
            Self::Certificate(problem) => match problem.fault() {
                CertificateFault::Other(cause) => cause.source(),
                _ => None,
            },
            Self::Config(error) => error.source(),
            _ => None,
        }
    }
}

impl From<TlsError> for Error {
    fn from(error: TlsError) -> Self {
        let kind = match &error {
            TlsError::Config(_) => io::ErrorKind::InvalidInput,
            TlsError::HandshakeCut { reset: true } => io::ErrorKind::ConnectionReset,
            TlsError::HandshakeCut { reset: false } => io::ErrorKind::UnexpectedEof,
            TlsError::Alert { .. } => io::ErrorKind::ConnectionAborted,
            TlsError::Internal(_) => io::ErrorKind::Other,
            _ => io::ErrorKind::InvalidData,
        };
        Self::protocol_of_kind(kind, error)
    }
}
