//! What was agreed in a handshake.

use std::fmt;

use rustls::pki_types::CertificateDer;
use rustls::{CipherSuite, HandshakeKind, NamedGroup, ProtocolVersion};

use crate::session::Session;

/// What two ends agreed on, and who the peer is.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Info {
    /// The protocol version.
    pub version: Option<ProtocolVersion>,
    /// The cipher suite.
    pub cipher_suite: Option<CipherSuite>,
    /// The key exchange group; `None` for a resumed TLS 1.2 session, which exchanges no keys.
    pub key_exchange_group: Option<NamedGroup>,
    /// The application protocol (ALPN).
    pub alpn: Option<Vec<u8>>,
    /// The peer's certificates, its own first. Verified, unless a `danger` was asked for.
    pub peer_certificates: Vec<CertificateDer<'static>>,
    /// Whether a session was resumed, so that no certificate was shown this time.
    pub resumed: bool,
    /// The name that the client asked for (SNI); on a server.
    pub requested_name: Option<String>,
}

impl Info {
    pub(crate) fn of(session: &Session) -> Self {
        let common = session.common();
        Self {
            version: common.protocol_version(),
            cipher_suite: common.negotiated_cipher_suite().map(|suite| suite.suite()),
            key_exchange_group: common.negotiated_key_exchange_group().map(rustls::crypto::SupportedKxGroup::name),
            alpn: common.alpn_protocol().map(<[u8]>::to_vec),
            peer_certificates: common.peer_certificates().unwrap_or_default().to_vec(),
            resumed: common.handshake_kind() == Some(HandshakeKind::Resumed),
            requested_name: session.requested_name().map(str::to_owned),
        }
    }
}

/// One line, in the names of the specifications: `TLS 1.3, TLS_AES_128_GCM_SHA256, X25519MLKEM768`.
impl fmt::Display for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            Some(ProtocolVersion::TLSv1_2) => f.write_str("TLS 1.2")?,
            Some(ProtocolVersion::TLSv1_3) => f.write_str("TLS 1.3")?,
            _ => f.write_str("no version yet")?,
        }
        if let Some(suite) = self.cipher_suite {
            // rustls marks the suites of TLS 1.3 in their names; RFC 8446 appendix B.4 does not.
            write!(f, ", {}", format!("{suite:?}").replacen("TLS13_", "TLS_", 1))?;
        }
        if let Some(group) = self.key_exchange_group {
            write!(f, ", {group:?}")?;
        }
        if let Some(alpn) = &self.alpn {
            write!(f, ", ALPN {}", String::from_utf8_lossy(alpn).escape_debug())?;
        }
        if self.resumed { f.write_str(", resumed") } else { Ok(()) }
    }
}
