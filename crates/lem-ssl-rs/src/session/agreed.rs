//! What a handshake has agreed on: rustls' connection knows it, and when that is given up, it is kept here.

use rustls::crypto::SupportedKxGroup;
use rustls::pki_types::CertificateDer;
use rustls::{CommonState, HandshakeKind, ProtocolVersion, SupportedCipherSuite, Tls13CipherSuite};

/// What was agreed so far.
#[derive(Default)]
pub(crate) struct Agreed<'a> {
    pub(crate) version: Option<ProtocolVersion>,
    pub(crate) suite: Option<SupportedCipherSuite>,
    pub(crate) group: Option<&'static dyn SupportedKxGroup>,
    pub(crate) alpn: Option<&'a [u8]>,
    /// The peer's, its own first.
    pub(crate) certificates: &'a [CertificateDer<'static>],
    pub(crate) kind: Option<HandshakeKind>,
}

impl<'a> Agreed<'a> {
    pub(super) fn of(common: &'a CommonState) -> Self {
        Self {
            version: common.protocol_version(),
            suite: common.negotiated_cipher_suite(),
            group: common.negotiated_key_exchange_group(),
            alpn: common.alpn_protocol(),
            certificates: common.peer_certificates().unwrap_or_default(),
            kind: common.handshake_kind(),
        }
    }
}

/// What was agreed in a handshake of TLS 1.3 that is finished, beside the suite, which the records know.
pub(super) struct Facts {
    group: Option<&'static dyn SupportedKxGroup>,
    alpn: Option<Box<[u8]>>,
    certificates: Box<[CertificateDer<'static>]>,
    kind: Option<HandshakeKind>,
}

impl Facts {
    pub(super) fn of(common: &CommonState) -> Self {
        Self {
            group: common.negotiated_key_exchange_group(),
            alpn: common.alpn_protocol().map(Box::from),
            certificates: common.peer_certificates().unwrap_or_default().into(),
            kind: common.handshake_kind(),
        }
    }

    /// Takes out what is not to be copied.
    pub(super) fn take(&mut self) -> Self {
        let Self { group, kind, .. } = *self;
        let (alpn, certificates) = (self.alpn.take(), std::mem::take(&mut self.certificates));
        Self { group, alpn, certificates, kind }
    }

    pub(super) fn agreed(&self, suite: &'static Tls13CipherSuite) -> Agreed<'_> {
        Agreed {
            version: Some(ProtocolVersion::TLSv1_3),
            suite: Some(SupportedCipherSuite::Tls13(suite)),
            group: self.group,
            alpn: self.alpn.as_deref(),
            certificates: &self.certificates,
            kind: self.kind,
        }
    }
}
