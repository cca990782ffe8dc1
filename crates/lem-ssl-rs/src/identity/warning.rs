//! What clients will hold against an identity that can be served all the same.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::crypto::WebPkiSupportedAlgorithms;

use super::{Identity, is_raw};
use crate::der;
use crate::provider::default_provider;
use crate::trust::is_signed_by_another;
use crate::x509::{Date, GeneralName, KeyUse, NameValue, Raw, Span, purpose_name, readable};

/// Something about an [`Identity`] that makes peers refuse it, now or soon. Times are since 1970-01-01 UTC.
///
/// Certificates are counted from 1: that is our own, the others are its issuers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdentityWarning {
    /// A part of a certificate cannot be read, so that it was not looked at any further.
    Unreadable {
        /// Which one of the chain.
        certificate: usize,
        /// Whom it was issued to.
        subject: Option<String>,
        /// What cannot be read: `its dates`.
        part: &'static str,
    },
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
    /// A certificate is that of the issuer of the one before it, but the two write its name in different ways (another string
    /// type, or capitals): clients that compare the bytes of names, as this library does, take it for another issuer's.
    IssuerRewritten {
        /// Which one of the chain.
        certificate: usize,
        /// Whom it was issued to.
        subject: Option<String>,
    },
    /// Our own certificate is an authority's (CA:TRUE), which many peers refuse.
    IsAuthority {
        /// Which one of the chain.
        certificate: usize,
        /// Whom it was issued to.
        subject: Option<String>,
    },
    /// A certificate stands above another, but is not an authority's (CA:TRUE is missing).
    NotAuthority {
        /// Which one of the chain.
        certificate: usize,
        /// Whom it was issued to.
        subject: Option<String>,
    },
    /// More authorities stand below a certificate than it allows.
    PathLength {
        /// Which one of the chain.
        certificate: usize,
        /// Whom it was issued to.
        subject: Option<String>,
        /// How many may.
        allowed: u64,
        /// How many do.
        found: u64,
    },
    /// A certificate is not signed with the key of the next one, though that has its issuer's name.
    BadSignature {
        /// Which one of the chain.
        certificate: usize,
        /// Whom it was issued to.
        subject: Option<String>,
    },
    /// A certificate has a critical extension that peers do not understand.
    UnsupportedExtension {
        /// Which one of the chain.
        certificate: usize,
        /// Whom it was issued to.
        subject: Option<String>,
        /// Its object identifier.
        oid: String,
    },
    /// A certificate's key usage does not allow what the key is needed for.
    KeyUsage {
        /// Which one of the chain.
        certificate: usize,
        /// Whom it was issued to.
        subject: Option<String>,
        /// What it is needed for.
        required: &'static str,
    },
    /// A server's certificate, or one above it, is for other purposes (extended key usage).
    NotForServers {
        /// Which one of the chain.
        certificate: usize,
        /// Whom it was issued to.
        subject: Option<String>,
        /// The purposes that it is for.
        purposes: Vec<String>,
    },
    /// A server's certificate has neither a DNS name nor an IP address among its alternative names.
    NoNames {
        /// Which one of the chain.
        certificate: usize,
        /// Whom it was issued to.
        subject: Option<String>,
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
        // A public key alone has nothing that could be held against it.
        if is_raw(self.chain()) {
            return warnings;
        }
        let algorithms = default_provider().ok().map(|provider| provider.signature_verification_algorithms);
        let mut below: Option<Raw<'_>> = None;
        for (index, der) in self.chain().iter().enumerate() {
            let certificate = index + 1;
            let read = match Raw::read(der) {
                Ok(read) => read,
                Err(part) => {
                    let subject = der::Certificate::read(der).and_then(|read| readable(read.subject));
                    warnings.push(IdentityWarning::Unreadable { certificate, subject, part });
                    // Whether the next one is its issuer's is not known.
                    below = None;
                    continue;
                }
            };
            let subject = readable(read.subject);
            match below.as_ref().map(|below| (below.issuer, Relation::of(below, &read, algorithms))) {
                None | Some((_, Relation::Issuer)) => {}
                Some((_, Relation::Rewritten)) => {
                    warnings.push(IdentityWarning::IssuerRewritten { certificate, subject: subject.clone() });
                }
                Some((issuer, Relation::Other)) => {
                    let (subject, issuer) = (subject.clone(), readable(issuer));
                    warnings.push(IdentityWarning::NotTheIssuer { certificate, subject, issuer });
                }
            }
            let (not_before, not_after) = (read.not_before.since_1970(), read.not_after.since_1970());
            let soon = MAX_NOTICE.min(not_after.saturating_sub(not_before) / 10);
            if checked > not_after {
                warnings.push(IdentityWarning::Expired { certificate, subject, checked, not_after });
            } else if checked < not_before {
                warnings.push(IdentityWarning::NotYetValid { certificate, subject, checked, not_before });
            } else if not_after - checked < soon {
                warnings.push(IdentityWarning::ExpiresSoon { certificate, subject, checked, not_after });
            }
            below = Some(read);
        }
        self.check_shape(algorithms, &mut warnings);
        warnings
    }

    /// As [`warnings`](Self::warnings), of an identity that a server shows: besides, what only a server's certificate needs.
    pub fn server_warnings(&self, now: SystemTime) -> Vec<IdentityWarning> {
        const SERVERS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
        const MAX_TOLD: usize = 5;
        let mut warnings = self.warnings(now);
        for (index, read) in self.readable_chain().into_iter().enumerate().filter_map(|(at, read)| Some((at, read?))) {
            let (certificate, subject) = (index + 1, readable(read.subject));
            let names_somebody =
                read.extensions.names().any(|name| matches!(name, GeneralName::Dns(_) | GeneralName::Ip(_)));
            if index == 0 && !names_somebody {
                warnings.push(IdentityWarning::NoNames { certificate, subject: subject.clone() });
            }
            if read.extensions.purposes().is_some_and(|mut purposes| !purposes.any(|purpose| purpose == SERVERS)) {
                let purposes = read.extensions.purposes().into_iter().flatten().take(MAX_TOLD);
                let purposes = purposes.map(purpose_name).collect();
                warnings.push(IdentityWarning::NotForServers { certificate, subject, purposes });
            }
        }
        warnings
    }

    fn readable_chain(&self) -> Vec<Option<Raw<'_>>> {
        self.chain().iter().map(|der| Raw::read(der).ok()).collect()
    }

    /// What no date mends: what each certificate is, and whether the one above has signed it.
    fn check_shape(&self, algorithms: Option<WebPkiSupportedAlgorithms>, warnings: &mut Vec<IdentityWarning>) {
        let chain = self.readable_chain();
        // Those that each have the issuer's name of the one before; what follows is in no use.
        let mut below: Option<&Raw<'_>> = None;
        for (index, read) in chain.iter().enumerate() {
            let Some(read) = read else { break };
            let (certificate, subject) = (index + 1, || readable(read.subject));
            if let Some(signed) = below {
                match (Relation::of(signed, read, algorithms), algorithms) {
                    (Relation::Other, _) => break,
                    (Relation::Issuer, Some(algorithms)) if is_signed_by_another(signed, read, algorithms) => {
                        let subject = readable(signed.subject);
                        warnings.push(IdentityWarning::BadSignature { certificate: index, subject });
                    }
                    (Relation::Issuer | Relation::Rewritten, _) => {}
                }
            }
            match (index, read.extensions.authority) {
                (0, Some(_)) => warnings.push(IdentityWarning::IsAuthority { certificate, subject: subject() }),
                (0, None) => {}
                // Before version 3, nothing could say so.
                (_, None) if read.version == 3 => {
                    warnings.push(IdentityWarning::NotAuthority { certificate, subject: subject() });
                }
                (_, authority) => {
                    let (allowed, found) = (authority.flatten(), index as u64 - 1);
                    if let Some(allowed) = allowed.filter(|allowed| found > *allowed) {
                        let subject = subject();
                        warnings.push(IdentityWarning::PathLength { certificate, subject, allowed, found });
                    }
                }
            }
            if let Some(oid) = read.extensions.unknown_critical_oid() {
                warnings.push(IdentityWarning::UnsupportedExtension { certificate, subject: subject(), oid });
            }
            let (key_use, required) = match index {
                0 => (KeyUse::Signatures, "signatures"),
                _ => (KeyUse::Certificates, "signing certificates"),
            };
            if !read.extensions.allows(key_use) {
                warnings.push(IdentityWarning::KeyUsage { certificate, subject: subject(), required });
            }
            below = Some(read);
        }
    }
}

/// How a certificate stands to the one before it, which is below it.
enum Relation {
    /// It has the name of that one's issuer.
    Issuer,
    /// It is that one's issuer, and has its name written in another way.
    Rewritten,
    Other,
}

impl Relation {
    fn of(below: &Raw<'_>, above: &Raw<'_>, algorithms: Option<WebPkiSupportedAlgorithms>) -> Self {
        let has_signed = || !algorithms.is_some_and(|algorithms| is_signed_by_another(below, above, algorithms));
        match () {
            () if below.issuer == above.subject => Self::Issuer,
            // Two authorities may have names that say the same.
            () if NameValue::is_same(below.issuer, above.subject) && has_signed() => Self::Rewritten,
            () => Self::Other,
        }
    }
}

/// Enough to act. Who has certificates for few days renews them without being told.
const MAX_NOTICE: Duration = Duration::from_secs(14 * 24 * 60 * 60);

impl fmt::Display for IdentityWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Unreadable { certificate, subject, .. }
        | Self::Expired { certificate, subject, .. }
        | Self::ExpiresSoon { certificate, subject, .. }
        | Self::NotYetValid { certificate, subject, .. }
        | Self::NotTheIssuer { certificate, subject, .. }
        | Self::IssuerRewritten { certificate, subject }
        | Self::IsAuthority { certificate, subject }
        | Self::NotAuthority { certificate, subject }
        | Self::PathLength { certificate, subject, .. }
        | Self::BadSignature { certificate, subject }
        | Self::UnsupportedExtension { certificate, subject, .. }
        | Self::KeyUsage { certificate, subject, .. }
        | Self::NotForServers { certificate, subject, .. }
        | Self::NoNames { certificate, subject }) = self;
        match certificate {
            1 => f.write_str("the certificate")?,
            number => write!(f, "certificate number {number} of the chain")?,
        }
        if let Some(subject) = subject {
            write!(f, " ({subject})")?;
        }
        match self {
            Self::Unreadable { part, .. } => {
                write!(f, " cannot be read ({part}): nothing else of it was checked, and peers will refuse it")
            }
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
            Self::IssuerRewritten { .. } => f.write_str(
                " writes its name in another way than the one before it, which it has issued (another string type, or \
                 capitals): some clients will refuse the chain; the authority has to issue one of the two again",
            ),
            Self::IsAuthority { .. } => {
                f.write_str(" is that of a certificate authority (CA:TRUE): many peers refuse it; issue one from it")
            }
            Self::NotAuthority { .. } => f.write_str(
                " is not an authority's (CA:TRUE is missing), so it cannot vouch for the one before it: peers will refuse \
                 the chain",
            ),
            Self::PathLength { allowed, found, .. } => write!(
                f,
                " allows {allowed} intermediate authorities below it, and {found} stand there (path length constraint): \
                 peers will refuse the chain"
            ),
            Self::BadSignature { .. } => f.write_str(
                " is not signed with the key of the next one, though that has its issuer's name: peers will refuse the chain",
            ),
            Self::UnsupportedExtension { oid, .. } => {
                write!(f, " has a critical extension ({oid}) that peers do not understand: they must refuse it")
            }
            Self::KeyUsage { required, .. } => {
                write!(f, " has a key that is not for {required} (key usage): some peers will refuse it")
            }
            Self::NotForServers { purposes, .. } if purposes.is_empty() => {
                f.write_str(" is for no purpose at all, so not for servers (extended key usage): clients will refuse it")
            }
            Self::NotForServers { purposes, .. } => write!(
                f,
                " is not for servers, but for {} (extended key usage): clients will refuse it",
                purposes.join(", ")
            ),
            Self::NoNames { .. } => f.write_str(
                " has neither a DNS name nor an IP address (subject alternative names): clients will refuse it, because \
                 its subject does not count",
            ),
        }
    }
}
