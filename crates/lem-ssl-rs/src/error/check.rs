//! The checks of a certificate chain, by name.

/// The checks that a chain goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum CertificateCheck {
    /// The certificates can be read.
    Format,
    /// They lead to a trusted root.
    Chain,
    /// Each is signed by the next one's key, and the handshake by the first one's.
    Signature,
    /// Each signature and key is of a kind that is supported.
    Algorithm,
    /// Each is of version 3.
    Version,
    /// No critical extension is unknown.
    Extensions,
    /// Those above the first are authorities', and the first is not.
    Authority,
    /// No more authorities stand below one than it allows.
    PathLength,
    /// Each allows this use, of a server or of a client.
    Purpose,
    /// The names are within what the authorities above may vouch for.
    NameConstraints,
    /// None was revoked, as far as the lists tell.
    Revocation,
    /// Each is valid today.
    Dates,
    /// The first is for the name that was asked for.
    Name,
    /// The key is the one by which the peer is recognised.
    Pin,
    /// A check that has no name here.
    Other,
}
