//! Why a certificate was refused: which check failed, for which name, with which dates.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::cause::TlsCause;
use super::check::CertificateCheck;
use super::names::{List, Named};
use crate::x509::{Date, Span, SpkiHash};

/// What is wrong with a certificate. Times are since 1970-01-01 UTC.
#[derive(Clone, PartialEq)]
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
    /// It vouches for another one, but is not an authority's.
    NotAuthority,
    /// Its issuer is neither among the trusted roots nor was it presented.
    UnknownIssuer {
        /// The missing issuer's name.
        issuer: Option<String>,
        /// How many certificates the peer presented.
        presented: usize,
        /// The roots that were asked: `the roots in company.pem`. Empty if it is not known which.
        roots: String,
    },
    /// Its issuer is known, but its certificate writes that name in another way (another string type, for example), which
    /// makes it another name.
    IssuerRewritten {
        /// The issuer's name.
        issuer: Option<String>,
        /// The place in the presented chain of the issuer's certificate; `None` if that is a trusted root.
        position: Option<usize>,
    },
    /// A trusted root has issued it, but no way leads to it: the peer has left out what connects it to its own certificate.
    Unconnected {
        /// The root's name.
        root: Option<String>,
        /// Whose certificate is missing.
        missing: Option<String>,
    },
    /// Its signature does not verify with the key of the issuer that it names.
    BadSignature {
        /// The issuer's name.
        issuer: Option<String>,
    },
    /// What the peer signed in the handshake does not verify with its key.
    BadHandshakeSignature,
    /// Its signature is of a kind that is not supported, or no longer.
    UnsupportedAlgorithm {
        /// Which: `SHA-1 with RSA`.
        algorithm: String,
    },
    /// Its key has to verify a signature, and is of a kind that is not supported, or does not go with the signature.
    UnsupportedKey {
        /// Which: `ECDSA P-521`.
        key: String,
    },
    /// Its RSA key has to verify a signature, and is too short.
    WeakKey {
        /// How long it is, in bits.
        bits: usize,
    },
    /// Its format is of another version than 3.
    UnsupportedVersion {
        /// Which.
        version: u64,
    },
    /// It has a critical extension that is not understood, and so must be refused (RFC 5280 section 4.2).
    UnsupportedExtension {
        /// Its object identifier.
        oid: String,
    },
    /// More authorities stand below it than it allows.
    PathLength {
        /// How many may.
        allowed: u64,
        /// How many do.
        found: u64,
    },
    /// The chain has more intermediate certificates than are supported.
    TooLong {
        /// How many.
        intermediates: usize,
    },
    /// It comes with so many certificates that name each other that nobody can look at all ways to a root.
    TooComplex {
        /// How many certificates the peer presented.
        presented: usize,
    },
    /// It is for other purposes.
    WrongPurpose {
        /// The purpose that it was presented for: `servers`, `clients`.
        required: &'static str,
        /// The purposes that it is for.
        presented: Vec<String>,
    },
    /// An authority above it may not vouch for one of its names.
    NameConstraint {
        /// The authority.
        authority: Option<String>,
        /// The name.
        name: String,
    },
    /// Its issuer has revoked it.
    Revoked,
    /// Whether it was revoked cannot be determined: its issuer's list is missing, too old, or signed with another key.
    RevocationUnknown,
    /// Whether it was revoked cannot be determined: the list of its issuer's name that was given is not signed with its
    /// issuer's key.
    RevocationListBadSignature {
        /// The issuer's name.
        issuer: Option<String>,
    },
    /// Whether it was revoked cannot be determined: its serial number is on a list of its issuer's name that another key has
    /// signed, which may be an older or a newer one of its issuer, or that of another authority.
    RevocationListOfAnother {
        /// The issuer's name.
        issuer: Option<String>,
    },
    /// Whether it was revoked cannot be determined: its issuer has signed a list, and its key must not be used for that.
    RevocationListNotAllowed {
        /// The issuer's name.
        issuer: Option<String>,
    },
    /// Whether it was revoked cannot be determined: its issuer's list was given, and writes the issuer's name in another way
    /// than the certificate does, so it does not count (another string type, for example).
    RevocationListRewritten {
        /// The issuer's name.
        issuer: Option<String>,
    },
    /// It cannot be read.
    Malformed {
        /// The part that cannot be read, or what is wrong.
        part: &'static str,
    },
    /// Its key is not among those that are [pinned](crate::Trust).
    NotPinned {
        /// The hash of the key that it has.
        presented: SpkiHash,
        /// The hashes of the keys that would be right.
        pinned: Vec<SpkiHash>,
    },
    /// Its key is not the one that was [seen first](crate::KnownHosts).
    KeyChanged {
        /// The name of the server.
        host: String,
        /// The hash of the key that it has.
        presented: SpkiHash,
        /// The hash of the key that was seen first.
        known: SpkiHash,
        /// The file that says so.
        file: PathBuf,
    },
    /// The peer presented none, and has to.
    NotPresented,
    /// A check failed for which there is no own variant.
    Other(TlsCause),
}

impl CertificateFault {
    /// How much it weighs beside others; the weightiest, with the lowest number, is named first. What no renewal and no other
    /// name would mend comes before dates, and those before names.
    pub(crate) fn weight(&self) -> u8 {
        match self.check() {
            CertificateCheck::Format | CertificateCheck::Authority => UNTRUSTED - 2,
            CertificateCheck::Chain => UNTRUSTED - 1,
            CertificateCheck::Dates => UNTRUSTED + 1,
            CertificateCheck::Name => UNTRUSTED + 2,
            _ => UNTRUSTED,
        }
    }

    /// The check that failed.
    pub fn check(&self) -> CertificateCheck {
        match self {
            Self::Expired { .. } | Self::NotYetValid { .. } | Self::NeverValid => CertificateCheck::Dates,
            Self::WrongName { .. } => CertificateCheck::Name,
            Self::SelfSigned
            | Self::UnknownIssuer { .. }
            | Self::IssuerRewritten { .. }
            | Self::Unconnected { .. }
            | Self::NotPresented
            | Self::TooLong { .. }
            | Self::TooComplex { .. } => CertificateCheck::Chain,
            Self::IsAuthority | Self::NotAuthority => CertificateCheck::Authority,
            Self::BadSignature { .. } | Self::BadHandshakeSignature => CertificateCheck::Signature,
            Self::UnsupportedAlgorithm { .. } | Self::UnsupportedKey { .. } | Self::WeakKey { .. } => {
                CertificateCheck::Algorithm
            }
            Self::UnsupportedVersion { .. } => CertificateCheck::Version,
            Self::UnsupportedExtension { .. } => CertificateCheck::Extensions,
            Self::PathLength { .. } => CertificateCheck::PathLength,
            Self::WrongPurpose { .. } => CertificateCheck::Purpose,
            Self::NameConstraint { .. } => CertificateCheck::NameConstraints,
            Self::Revoked
            | Self::RevocationUnknown
            | Self::RevocationListBadSignature { .. }
            | Self::RevocationListOfAnother { .. }
            | Self::RevocationListNotAllowed { .. }
            | Self::RevocationListRewritten { .. } => CertificateCheck::Revocation,
            Self::Malformed { .. } => CertificateCheck::Format,
            Self::NotPinned { .. } | Self::KeyChanged { .. } => CertificateCheck::Pin,
            Self::Other(_) => CertificateCheck::Other,
        }
    }
}

/// What a fault weighs that leaves a chain untrusted; the lightest of those.
pub(crate) const UNTRUSTED: u8 = 2;

/// What follows "the certificate".
impl fmt::Display for CertificateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired { checked, not_after } => write!(
                f,
                " expired on {}, {} ago; it has to be renewed",
                Date::after_1970(*not_after),
                Span(checked.saturating_sub(*not_after))
            ),
            Self::NotYetValid { checked, not_before } => write!(
                f,
                " is valid only from {} on, which is in {}; is the clock right?",
                Date::after_1970(*not_before),
                Span(not_before.saturating_sub(*checked))
            ),
            Self::NeverValid => f.write_str(" was never valid: its validity ends before it begins"),
            Self::WrongName { expected, presented } if presented.is_empty() => {
                write!(f, " is not valid for the name {expected}; it names nobody at all (subject alternative names)")
            }
            Self::WrongName { expected, presented } => {
                write!(f, " is not valid for the name {expected}; it is valid for {}", List(presented))
            }
            Self::SelfSigned => {
                f.write_str(" is self-signed and not among the trusted roots; to trust it, add it to them")
            }
            Self::IsAuthority => f.write_str(
                " is that of a certificate authority (CA:TRUE), which cannot be a peer's own: issue one from it",
            ),
            Self::NotAuthority => f.write_str(
                " is not an authority's (CA:TRUE is missing), so it cannot vouch for the one that it has issued",
            ),
            Self::UnknownIssuer { issuer, presented, roots } => {
                write!(f, " was issued by {}, which is not among the trusted roots", Named(issuer))?;
                if !roots.is_empty() {
                    write!(f, " ({roots})")?;
                }
                f.write_str("; to trust it, add it to them")?;
                // The most frequent mistake of all is that only the leaf was installed on the server; the next one,
                // that a company's authority is missing here. Nobody can tell them apart.
                if *presented == 1 {
                    f.write_str(
                        ". If it is no root, the peer is to blame: it has to send the certificates up to a \
                         root, and the peer presented no intermediate certificate",
                    )?;
                }
                Ok(())
            }
            Self::IssuerRewritten { issuer, position } => {
                write!(f, " was issued by {}, and ", Named(issuer))?;
                match position {
                    Some(position) => write!(f, "certificate {} of the peer's chain", position + 1)?,
                    None => f.write_str("the trusted root")?,
                }
                f.write_str(
                    ", which has signed it, writes that name in another way (another string type, or capitals), so it is \
                     another name: the authority has to issue one of the two certificates again",
                )
            }
            Self::Unconnected { root, missing } => write!(
                f,
                " was issued by the trusted root {}, but does not lead to the peer's own certificate: the peer has left \
                 out the certificate of {}, or more of them, and has to send all up to a root",
                Named(root),
                Named(missing)
            ),
            Self::BadSignature { issuer } => write!(
                f,
                " names {} as its issuer, but is not signed by the key that is known under that name: it was changed, or \
                 there are two authorities of one name",
                Named(issuer)
            ),
            Self::BadHandshakeSignature => {
                f.write_str(" does not go with the key that signed the handshake: the peer may not own it")
            }
            Self::UnsupportedAlgorithm { algorithm } => {
                write!(f, " is signed with {algorithm}, which is not supported: it has to be issued again")
            }
            Self::UnsupportedKey { key } => {
                write!(f, " has a key ({key}) that is not supported, or not for the kind of signature that it made")
            }
            Self::WeakKey { bits } => {
                write!(f, " has an RSA key of {bits} bits, which is too short: 2048 are needed")
            }
            Self::UnsupportedVersion { version } => {
                write!(f, " is of version {version} of the format, and only version 3 is supported: issue it again")
            }
            Self::UnsupportedExtension { oid } => {
                write!(f, " has a critical extension ({oid}) that is not understood, so it must be refused")
            }
            Self::PathLength { allowed, found } => write!(
                f,
                " allows {allowed} intermediate authorities below it, and {found} stand there (path length constraint)"
            ),
            Self::TooLong { intermediates } => {
                write!(f, " comes with {intermediates} intermediate certificates up to a root, more than are supported")
            }
            Self::TooComplex { presented } => write!(
                f,
                " comes with {presented} certificates that name each other, in more ways than are looked at; it has to send \
                 only those up to a root"
            ),
            Self::WrongPurpose { required, presented } if presented.is_empty() => {
                write!(f, " is not for {required}; it says that it is for no purpose at all (extended key usage)")
            }
            Self::WrongPurpose { required, presented } => {
                write!(f, " is not for {required}, but for {} (extended key usage)", List(presented))
            }
            Self::NameConstraint { authority, name } => {
                write!(f, " is for {name}, for which {} may not vouch (name constraints)", Named(authority))
            }
            Self::Revoked => f.write_str(" was revoked by its issuer; it has to be replaced"),
            Self::RevocationUnknown => f.write_str(
                " may have been revoked: its issuer's revocation list is missing, too old, or signed with another key",
            ),
            Self::RevocationListBadSignature { issuer } => write!(
                f,
                " may have been revoked: our revocation list of {} is not signed with that issuer's key, so it is damaged, \
                 or of another authority of that name; replace the list",
                Named(issuer)
            ),
            Self::RevocationListOfAnother { issuer } => write!(
                f,
                " may have been revoked: its serial number is on our revocation list of {}, which another key than its \
                 issuer's has signed; if that is another authority's, one of the two needs another name",
                Named(issuer)
            ),
            Self::RevocationListNotAllowed { issuer } => write!(
                f,
                " may have been revoked: we have a revocation list of {}, whose certificate does not allow it to sign any \
                 (key usage)",
                Named(issuer)
            ),
            Self::RevocationListRewritten { issuer } => write!(
                f,
                " may have been revoked: our revocation list of {} writes that name in another way than the certificate \
                 (another string type, or capitals), so it does not count; its issuer has to issue it again",
                Named(issuer)
            ),
            Self::Malformed { part } => write!(f, " cannot be read: {part}"),
            Self::NotPinned { presented, pinned } => {
                let pinned: Vec<String> = pinned.iter().map(SpkiHash::to_string).collect();
                write!(f, " has the key {presented}, which is not pinned; pinned is {}", List(&pinned))
            }
            Self::KeyChanged { host, presented, known, file } => write!(
                f,
                " has the key {presented}, but {host} had the key {known} when it was first seen, as {} says: either the \
                 server has a new key, or somebody is in between; if you know that the new key is right, take the line of \
                 {host} out of that file",
                file.display()
            ),
            Self::NotPresented => f.write_str("the peer presented no certificate, and has to present one"),
            Self::Other(cause) => write!(f, " was refused: {cause}"),
        }
    }
}

/// The check, and the words for people: a second text for each fault would be in every program, and say no more.
impl fmt::Debug for CertificateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateFault({:?}:{self})", self.check())
    }
}
