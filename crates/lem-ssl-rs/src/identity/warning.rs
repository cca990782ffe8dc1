//! What clients will hold against an identity that can be served all the same.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Identity;
use crate::x509::{Date, Raw, Span, readable};

/// Something about an [`Identity`] that makes peers refuse it, now or soon. Times are since 1970-01-01 UTC.
///
/// Certificates are counted from 1: that is our own, the others are its issuers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdentityWarning {
    /// A certificate is no longer valid.
    Expired {
        /// Which one of the chain.
        certificate: usize,
        /// Whom it was issued to.
        subject: Option<String>,
        /// When it was looked at.
        checked: Duration,
        /// The end of its validity.
        not_after: Duration,
    },
    /// A certificate will soon be no longer valid: less than a tenth of its time is left, and less than 14 days.
    ExpiresSoon {
        /// Which one of the chain.
        certificate: usize,
        /// Whom it was issued to.
        subject: Option<String>,
        /// When it was looked at.
        checked: Duration,
        /// The end of its validity.
        not_after: Duration,
    },
    /// A certificate is not valid yet.
    NotYetValid {
        /// Which one of the chain.
        certificate: usize,
        /// Whom it was issued to.
        subject: Option<String>,
        /// When it was looked at.
        checked: Duration,
        /// The beginning of its validity.
        not_before: Duration,
    },
    /// A certificate is not that of the issuer of the one before it: the order is wrong, or one is missing.
    NotTheIssuer {
        /// Which one of the chain.
        certificate: usize,
        /// Whom it was issued to.
        subject: Option<String>,
        /// Who has issued the one before it.
        issuer: Option<String>,
    },
}

impl Identity {
    /// What peers will hold against this identity at the time `now`. Empty if nothing is known.
    ///
    /// A context is built with such an identity all the same, because a wrong clock must not keep a server from starting.
    /// A program that loads identities, or reloads them, can put the warnings into its log.
    ///
    /// ```
    /// # use lem_ssl_rs::{Error, Identity};
    /// # use std::time::{Duration, SystemTime};
    /// let identity = Identity::self_signed(["localhost"])?;
    /// assert!(identity.warnings(SystemTime::now()).is_empty());
    ///
    /// let next_year = SystemTime::now() + Duration::from_secs(365 * 24 * 60 * 60);
    /// for warning in identity.warnings(next_year) {
    ///     assert!(warning.to_string().starts_with("the certificate (CN=localhost) expired on "));
    /// }
    /// # Ok::<(), Error>(())
    /// ```
    pub fn warnings(&self, now: SystemTime) -> Vec<IdentityWarning> {
        let checked = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut warnings = Vec::new();
        let mut issuer = None;
        for (index, der) in self.chain().iter().enumerate() {
            let Ok(read) = Raw::read(der) else { continue };
            let (certificate, subject) = (index + 1, readable(read.subject));
            if issuer.is_some_and(|issuer| issuer != read.subject) {
                let issuer = issuer.and_then(readable);
                warnings.push(IdentityWarning::NotTheIssuer { certificate, subject: subject.clone(), issuer });
            }
            issuer = Some(read.issuer);
            let (not_before, not_after) = (read.not_before.since_1970(), read.not_after.since_1970());
            let soon = MAX_NOTICE.min(not_after.saturating_sub(not_before) / 10);
            if checked > not_after {
                warnings.push(IdentityWarning::Expired { certificate, subject, checked, not_after });
            } else if checked < not_before {
                warnings.push(IdentityWarning::NotYetValid { certificate, subject, checked, not_before });
            } else if not_after - checked < soon {
                warnings.push(IdentityWarning::ExpiresSoon { certificate, subject, checked, not_after });
            }
        }
        warnings
    }
}

/// Enough to act. Who has certificates for few days renews them without being told.
const MAX_NOTICE: Duration = Duration::from_secs(14 * 24 * 60 * 60);

impl fmt::Display for IdentityWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Expired { certificate, subject, .. }
        | Self::ExpiresSoon { certificate, subject, .. }
        | Self::NotYetValid { certificate, subject, .. }
        | Self::NotTheIssuer { certificate, subject, .. }) = self;
        match certificate {
            1 => f.write_str("the certificate")?,
            number => write!(f, "certificate number {number} of the chain")?,
        }
        if let Some(subject) = subject {
            write!(f, " ({subject})")?;
        }
        match self {
            Self::Expired { checked, not_after, .. } => {
                write!(
                    f,
                    " expired on {}, {} ago",
                    Date::after_1970(*not_after),
                    Span(checked.saturating_sub(*not_after))
                )
            }
            Self::ExpiresSoon { checked, not_after, .. } => {
                write!(
                    f,
                    " expires on {}, in {}",
                    Date::after_1970(*not_after),
                    Span(not_after.saturating_sub(*checked))
                )
            }
            Self::NotYetValid { checked, not_before, .. } => {
                write!(
                    f,
                    " is not valid before {}, in {}",
                    Date::after_1970(*not_before),
                    Span(not_before.saturating_sub(*checked))
                )
            }
            Self::NotTheIssuer { issuer, .. } => {
                f.write_str(" is not that of the issuer of the one before it")?;
                if let Some(issuer) = issuer {
                    write!(f, " ({issuer})")?;
                }
                f.write_str(": some clients will refuse the chain")
            }
        }
    }
}
