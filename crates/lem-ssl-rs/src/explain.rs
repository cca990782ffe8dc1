//! What a failure of a session means: whose fault it is, in our words.

use rustls::{PeerIncompatible, PeerMisbehaved};

use crate::error::{ConfigError, ConfigPart, TlsCause, TlsError};
use crate::identity::take_refused;
use crate::parameters::AlertDescription;
use crate::session::is_without_common_scheme;
use crate::trust;

/// Says whose fault a failure is, in our words.
pub(crate) fn explain(error: rustls::Error, during_handshake: bool, unread: &[u8]) -> TlsError {
    match error {
        rustls::Error::InvalidCertificate(error) => TlsError::Certificate(Box::new(trust::explain(error))),
        rustls::Error::NoCertificatesPresented => TlsError::Certificate(Box::new(trust::not_presented())),
        // The lists are ours, and so is what is wrong with them.
        error @ rustls::Error::InvalidCertRevocationList(_) => {
            let problem = "no client can be checked with the revocation lists that were given";
            TlsError::Config(Box::new(ConfigError::new(ConfigPart::ClientAuth, problem).because(error)))
        }
        rustls::Error::AlertReceived(alert) => {
            let alert = AlertDescription::from_number(alert.into());
            TlsError::Alert { alert, during_handshake }
        }
        rustls::Error::NoApplicationProtocol => TlsError::NoCommonProtocol,
        error if is_without_common_scheme(&error) => {
            TlsError::Incompatible(TlsCause::new(PeerIncompatible::NoSignatureSchemesInCommon))
        }
        error @ rustls::Error::General(_) if during_handshake => {
            take_refused().map_or_else(|| TlsError::Internal(TlsCause::new(error)), TlsError::from)
        }
        rustls::Error::InvalidMessage(_) if during_handshake && !unread.is_empty() && !is_tls(unread) => {
            TlsError::NotTls { looks_like: looks_like(unread) }
        }
        rustls::Error::PeerIncompatible(incompatible) => TlsError::Incompatible(TlsCause::new(incompatible)),
        // Not the peer's fault: we offer Ed25519 for TLS 1.3, and in TLS 1.2 not every cryptography has it.
        rustls::Error::PeerMisbehaved(PeerMisbehaved::SignedKxWithWrongAlgorithm) => {
            TlsError::Incompatible(TlsCause::new(PeerIncompatible::NoSignatureSchemesInCommon))
        }
        error @ (rustls::Error::InappropriateMessage { .. }
        | rustls::Error::InappropriateHandshakeMessage { .. }
        | rustls::Error::InvalidMessage(_)
        | rustls::Error::DecryptError
        | rustls::Error::PeerMisbehaved(_)
        | rustls::Error::PeerSentOversizedRecord) => TlsError::Protocol(TlsCause::new(error)),
        other => TlsError::Internal(TlsCause::new(other)),
    }
}

/// Whether bytes begin like a record: a content type (20 to 23), and the major version 3 (RFC 8446 section 5.1).
fn is_tls(bytes: &[u8]) -> bool {
    matches!(bytes, [20..=23, 3, ..] | [20..=23])
}

fn looks_like(bytes: &[u8]) -> Option<&'static str> {
    const KNOWN: &[(&[u8], &str)] = &[
        (b"HTTP/", "an HTTP answer"),
        (b"GET ", "an HTTP request"),
        (b"POST ", "an HTTP request"),
        (b"HEAD ", "an HTTP request"),
        (b"CONNECT ", "an HTTP request"),
        (b"EHLO ", "a mail client that expects STARTTLS"),
        (b"HELO ", "a mail client that expects STARTTLS"),
        (b"SSH-", "an SSH peer"),
        (b"220 ", "a mail or FTP server that wants STARTTLS first"),
        (b"220-", "a mail or FTP server that wants STARTTLS first"),
        (b"* OK", "an IMAP server that wants STARTTLS first"),
        (b"+OK", "a POP3 server that wants STARTTLS first"),
    ];
    KNOWN.iter().find(|(begin, _)| bytes.starts_with(begin)).map(|(_, what)| *what)
}
