//! Identities that a program chooses itself, for each client.

use std::fmt;
use std::sync::Arc;

use rustls::server::{ClientHello as Hello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::by_name::ByName;
use super::client_hello::ClientHello;
use super::recorded::{Refusal, refuse};
use super::{Identity, KeyLoader};

/// What a server shows to one client; see
/// [`ContextBuilder::identity_resolver`](crate::ContextBuilder::identity_resolver).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum IdentityChoice {
    /// This one.
    Identity(Identity),
    /// One of those that the context was built with, by the name that the client asks for, as if nobody had been asked.
    ByName,
    /// None: the handshake is refused, with the alert `unrecognized_name`.
    Refuse,
}

impl From<Identity> for IdentityChoice {
    fn from(identity: Identity) -> Self {
        Self::Identity(identity)
    }
}

/// The identity, or else one by name.
impl From<Option<Identity>> for IdentityChoice {
    fn from(identity: Option<Identity>) -> Self {
        identity.map_or(Self::ByName, Self::Identity)
    }
}

/// Chooses, having seen what a client says of itself.
pub(crate) type Resolve = Arc<dyn Fn(&ClientHello<'_>) -> IdentityChoice + Send + Sync>;

/// Asks a function first.
pub(crate) struct Chosen {
    pub(crate) resolve: Resolve,
    pub(crate) keys: KeyLoader,
    pub(crate) by_name: ByName,
}

impl ResolvesServerCert for Chosen {
    fn resolve(&self, hello: Hello<'_>) -> Option<Arc<CertifiedKey>> {
        match (self.resolve)(&ClientHello::new(&hello)) {
            IdentityChoice::Identity(identity) => match identity.certified(self.keys) {
                Ok(key) => Some(key),
                Err(unusable) => refuse(Refusal::Unusable(unusable)),
            },
            IdentityChoice::ByName => self.by_name.resolve(hello),
            IdentityChoice::Refuse => refuse(Refusal::UnknownName),
        }
    }
}

impl fmt::Debug for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chosen").field("by_name", &self.by_name).finish_non_exhaustive()
    }
}
