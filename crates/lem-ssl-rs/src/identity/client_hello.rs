//! What a client says of itself before it is shown anything.

use std::fmt;

use crate::parameters::{CipherSuite, NamedGroup, SignatureScheme};

/// A client's first message, as far as the choice of an identity may depend on it; see
/// [`ContextBuilder::identity_resolver`](crate::ContextBuilder::identity_resolver).
///
/// Nothing of it is verified: a client can say what it likes.
pub struct ClientHello<'a> {
    hello: &'a rustls::server::ClientHello<'a>,
}

impl<'a> ClientHello<'a> {
    pub(super) fn new(hello: &'a rustls::server::ClientHello<'a>) -> Self {
        Self { hello }
    }

    /// The name that it asks for (SNI, RFC 6066).
    pub fn server_name(&self) -> Option<&str> {
        self.hello.server_name()
    }

    /// The protocols that it offers (ALPN, RFC 7301), the best first; none if it says nothing of them.
    pub fn alpn(&self) -> impl Iterator<Item = &[u8]> {
        self.hello.alpn().into_iter().flatten()
    }

    /// The cipher suites that it offers, the best first.
    pub fn cipher_suites(&self) -> impl Iterator<Item = CipherSuite> {
        self.hello.cipher_suites().iter().map(|&suite| CipherSuite::from_number(suite.into()))
    }

    /// The signatures that it can verify, the best first.
    pub fn signature_schemes(&self) -> impl Iterator<Item = SignatureScheme> {
        self.hello.signature_schemes().iter().map(|&scheme| SignatureScheme::from_number(scheme.into()))
    }

    /// The groups that it has, the best first; none if it says nothing of them. In TLS 1.2 they are those of
    /// certificates, too.
    pub fn named_groups(&self) -> impl Iterator<Item = NamedGroup> {
        let groups = self.hello.named_groups().unwrap_or_default();
        groups.iter().map(|&group| NamedGroup::from_number(group.into()))
    }

    /// The names of the authorities that it trusts, in DER (RFC 8446 section 4.2.4); few clients tell.
    pub fn certificate_authorities(&self) -> impl Iterator<Item = &[u8]> {
        self.hello.certificate_authorities().unwrap_or_default().iter().map(AsRef::as_ref)
    }
}

impl fmt::Debug for ClientHello<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientHello").field("server_name", &self.server_name()).finish_non_exhaustive()
    }
}
