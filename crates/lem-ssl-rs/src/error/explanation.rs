//! What a walk along a presented chain has found.

use std::fmt;

use super::check::CertificateCheck;
use super::fault::CertificateFault;

/// The way from a peer's certificate to a trusted root, and what is wrong on it.
///
/// It explains; it decides nothing. For a chain that the handshake has accepted it tells the way that was taken.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Explanation {
    /// The places in the presented chain of the certificates on the way, the peer's own (0) first. What the peer presented
    /// besides is in no use, and nothing about it matters.
    pub path: Vec<usize>,
    /// The name of the trusted root that the way leads to; `None` if it leads to none.
    pub root: Option<String>,
    /// What is wrong, the weightiest first.
    pub findings: Vec<CertificateFinding>,
    /// Whether the presented chain offers so many ways that not all of them were looked at.
    pub incomplete: bool,
}

/// One thing that is wrong, and with which certificate.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CertificateFinding {
    /// What is wrong.
    pub fault: CertificateFault,
    /// The place of the certificate in the presented chain, counted from 0, which is the peer's own. `None` if it is about
    /// the trusted root, or which one it is cannot be determined.
    pub position: Option<usize>,
    /// Whom the certificate was issued to. `None` if it does not say, or which one it is cannot be determined.
    pub subject: Option<String>,
}

impl CertificateFinding {
    /// The check that failed.
    pub fn check(&self) -> CertificateCheck {
        self.fault.check()
    }
}

/// `certificate 2 of the peer's chain (CN=Middle) expired on ...`.
impl fmt::Display for CertificateFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if matches!(self.fault, CertificateFault::NotPresented) {
            return self.fault.fmt(f);
        }
        match self.position {
            None if self.subject.is_some() => f.write_str("the trusted root")?,
            None => f.write_str("a certificate of the peer's chain")?,
            Some(0) => f.write_str("the peer's certificate")?,
            // People count from one, and so does every tool that lists chains.
            Some(position) => write!(f, "certificate {} of the peer's chain", position + 1)?,
        }
        if let Some(subject) = &self.subject {
            write!(f, " ({subject})")?;
        }
        self.fault.fmt(f)
    }
}
