//! Why a certificate was refused: which check failed, for which name, with which dates, and whose it is.

use std::fmt;
use std::time::Duration;

use rustls::CertificateError;
use rustls::pki_types::CertificateDer;

use super::date::{Date, Span};

/// The peer's certificate was refused.
#[derive(Debug, Clone)]
pub struct CertificateProblem {
    fault: CertificateFault,
    subject: Option<String>,
    chain: Vec<CertificateDer<'static>>,
}

/// Which check failed. Times are since 1970-01-01 UTC.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum CertificateFault {
    /// It is no longer valid.
    Expired {
        /// When it was checked.
        checked: Duration,
        /// The end of its validity.
        not_after: Duration,
    },
    /// It is not valid yet.
    NotYetValid {
        /// When it was checked.
        checked: Duration,
        /// The beginning of its validity.
        not_before: Duration,
    },
    /// Its validity ends before it begins.
    NeverValid,
    /// It belongs to other names.
    WrongName {
        /// The name that was asked for.
        expected: String,
        /// The names that it is valid for.
        presented: Vec<String>,
    },
    /// Nobody vouches for it but itself.
    SelfSigned,
    /// It is a certificate authority's own certificate, which must not be a server's or client's.
    IsAuthority,
    /// The issuer of the last certificate of the chain is not among the trusted roots.
    UnknownIssuer {
        /// The missing issuer's name.
        issuer: Option<String>,
        /// How many certificates the peer presented.
        presented: usize,
    },
    /// Its issuer has revoked it.
    Revoked,
    /// A check failed for which there is no own variant.
    Other(CertificateError),
}

impl CertificateProblem {
    pub(crate) fn new(fault: CertificateFault, subject: Option<String>, chain: Vec<CertificateDer<'static>>) -> Self {
        Self { fault, subject, chain }
    }

    /// Which check failed.
    pub fn fault(&self) -> &CertificateFault {
        &self.fault
    }

    /// Whom the certificate was issued to: its subject's name.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// The chain as the peer presented it, its own certificate first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }
}

impl fmt::Display for CertificateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the peer's certificate")?;
        if let Some(subject) = &self.subject {
            write!(f, " ({subject})")?;
        }
        self.fault.fmt(f)
    }
}

impl fmt::Display for CertificateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired { checked, not_after } => {
                write!(f, " expired on {}, {} ago", Date(*not_after), Span(checked.saturating_sub(*not_after)))
            }
            Self::NotYetValid { checked, not_before } => write!(
                f,
                " is valid only from {} on, which is in {}; is the clock right?",
                Date(*not_before),
                Span(not_before.saturating_sub(*checked))
            ),
            Self::NeverValid => f.write_str(" was never valid: its validity ends before it begins"),
            Self::WrongName { expected, presented } if presented.is_empty() => {
                write!(f, " is not valid for the name {expected}; it names nobody at all")
            }
            Self::WrongName { expected, presented } => {
                write!(f, " is not valid for the name {expected}; it is valid for ")?;
                for (index, name) in presented.iter().take(MOST_NAMES_SHOWN).enumerate() {
                    write!(f, "{}{name}", if index == 0 { "" } else { ", " })?;
                }
                match presented.len().saturating_sub(MOST_NAMES_SHOWN) {
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }
            }
            Self::SelfSigned => {
                f.write_str(" is self-signed and not among the trusted roots; to trust it, add it to them")
            }
            Self::IsAuthority => f.write_str(
                " is that of a certificate authority (CA:TRUE), which cannot be a peer's own: issue one from it",
            ),
            Self::UnknownIssuer { issuer, presented } => {
                f.write_str(" was issued by ")?;
                match issuer {
                    Some(issuer) => write!(f, "\"{issuer}\"")?,
                    None => f.write_str("somebody")?,
                }
                f.write_str(", which is not among the trusted roots")?;
                // The most frequent mistake of all: only the leaf was installed on the server.
                if *presented == 1 {
                    f.write_str("; the peer presented no intermediate certificate")?;
                }
                Ok(())
            }
            Self::Revoked => f.write_str(" was revoked by its issuer"),
            Self::Other(error) => write!(f, " was refused: {error}"),
        }
    }
}

/// A certificate may have hundreds of names.
const MOST_NAMES_SHOWN: usize = 5;
