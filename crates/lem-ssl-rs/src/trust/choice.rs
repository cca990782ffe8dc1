//! How servers are recognised, where that is not by their chain alone.

use super::known_hosts::KnownHosts;
use crate::x509::SpkiHash;

/// How a client recognises servers.
///
/// Give it to [`ContextBuilder::trust`](crate::ContextBuilder::trust). Pins hold for every server that a context connects to:
/// servers with different pins need contexts of their own, which are cheap.
///
/// ```
/// # use lem_ssl_rs::{Context, Error, Identity, Roots, SpkiHash, Trust};
/// // A device on the local network, with a certificate that nobody vouches for.
/// let device = Identity::self_signed(["device.local"])?;
/// let pin = SpkiHash::of(&device.chain()[0])?;
/// let context = Context::builder().trust(Trust::Pins(vec![pin])).build()?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Trust {
    /// By a chain that leads to one of the roots, and is for the name that was asked for.
    #[default]
    Chain,
    /// By such a chain, in which a key is pinned as well: the server's, or that of an authority on the way to the root, the
    /// root included. What a server presents beside that way does not count.
    ///
    /// It protects from authorities that vouch for the wrong one. Pin a second key that is kept elsewhere: without it, a
    /// server that has lost its key cannot be reached until every client has a new pin.
    ChainAndPins(Vec<SpkiHash>),
    /// By the server's own key alone: for self-signed certificates and devices.
    ///
    /// Neither chain nor name nor dates are looked at, and no revocation: the owner of the key is the server, until the
    /// pin is taken away. No roots may be chosen beside it.
    Pins(Vec<SpkiHash>),
    /// By the key that the server had when it was first seen, as SSH does: see [`KnownHosts`]. Neither chain nor dates are
    /// looked at. No roots may be chosen beside it.
    ///
    /// It does not protect the first connection: who is in between then, stays in between.
    FirstUse(KnownHosts),
    /// By a raw public key (RFC 7250) that the server shows in the place of a certificate, and that is pinned: for
    /// constrained devices, see [`Identity::raw_public_key`](crate::Identity::raw_public_key). TLS 1.3 only, and no roots may
    /// be chosen beside it.
    RawPublicKeys(Vec<SpkiHash>),
}
