//! What a peer does that ends the connection, and the alert that tells it so (RFC 8446 section 6.2).

use rustls::{AlertDescription, ContentType, Error, HandshakeType, InvalidMessage, PeerMisbehaved};

/// Why the connection ends.
#[derive(Debug)]
pub(in crate::session) struct Violation {
    pub(in crate::session) error: Error,
    /// `None` if the peer has ended the connection itself: its own alert gets no answer.
    pub(in crate::session) alert: Option<AlertDescription>,
}

impl Violation {
    #[cold]
    pub(super) fn new(error: impl Into<Error>, alert: AlertDescription) -> Self {
        Self { error: error.into(), alert: Some(alert) }
    }

    /// A record that nobody sends after a handshake.
    #[cold]
    pub(super) fn unexpected(got_type: ContentType) -> Self {
        let expect_types = vec![ContentType::ApplicationData, ContentType::Handshake];
        Self::new(Error::InappropriateMessage { expect_types, got_type }, AlertDescription::UnexpectedMessage)
    }

    /// A handshake message that nobody sends to this end after a handshake.
    #[cold]
    pub(super) fn unexpected_message(got_type: HandshakeType, expect_types: &[HandshakeType]) -> Self {
        let expect_types = expect_types.to_vec();
        Self::new(Error::InappropriateHandshakeMessage { expect_types, got_type }, AlertDescription::UnexpectedMessage)
    }

    /// Something allowed, too often.
    #[cold]
    pub(super) fn too_many(what: PeerMisbehaved) -> Self {
        Self::new(what, AlertDescription::UnexpectedMessage)
    }

    /// What the provider found when it opened a record.
    #[cold]
    pub(super) fn opening(error: Error) -> Self {
        let alert = match &error {
            Error::PeerSentOversizedRecord => AlertDescription::RecordOverflow,
            // No type in it, or that of a change of ciphers (sections 5.4 and 5).
            Error::PeerMisbehaved(_) => AlertDescription::UnexpectedMessage,
            Error::InvalidMessage(_) => AlertDescription::DecodeError,
            _ => AlertDescription::BadRecordMac,
        };
        Self::new(error, alert)
    }

    /// What rustls found in a ticket, or in computing new keys.
    #[cold]
    pub(super) fn in_rustls(error: Error) -> Self {
        let alert = match &error {
            Error::InvalidMessage(_) => AlertDescription::DecodeError,
            Error::PeerMisbehaved(_) => AlertDescription::IllegalParameter,
            _ => AlertDescription::InternalError,
        };
        Self::new(error, alert)
    }

    /// A message that cannot be read.
    #[cold]
    pub(super) fn unreadable(what: InvalidMessage) -> Self {
        Self::new(what, AlertDescription::DecodeError)
    }

    /// A goodbye of a level that does not exist.
    #[cold]
    pub(super) fn unknown_level(description: AlertDescription) -> Self {
        Self::new(Error::AlertReceived(description), AlertDescription::IllegalParameter)
    }

    /// The peer's own alert.
    #[cold]
    pub(super) fn told(description: AlertDescription) -> Self {
        Self { error: Error::AlertReceived(description), alert: None }
    }
}
