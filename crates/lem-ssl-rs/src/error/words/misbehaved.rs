//! What a peer may not do.

use std::borrow::Cow;

use rustls::PeerMisbehaved;

use super::no_words;

/// What the peer did.
pub(super) fn misbehaved(how: &PeerMisbehaved) -> Cow<'static, str> {
    use PeerMisbehaved as Peer;
    let words = match how {
        Peer::AttemptedDowngradeToTls12WhenTls13IsSupported => {
            "somebody made the connection fall back to TLS 1.2, although both ends speak TLS 1.3"
        }
        Peer::BadCertChainExtensions => "the extensions with its certificates are not allowed",
        Peer::CipherSuiteDifferedOnRetry
        | Peer::HandshakeHashVariedAfterRetry
        | Peer::MissingPskExtensionInSecondClientHello => "its second hello does not go with the first",
        Peer::DisallowedEncryptedExtension => "it sent an extension in a place where it is not allowed",
        Peer::DuplicateClientHelloExtensions
        | Peer::DuplicateEncryptedExtensions
        | Peer::DuplicateHelloRetryRequestExtensions
        | Peer::DuplicateNewSessionTicketExtensions
        | Peer::DuplicateServerHelloExtensions => "it sent the same extension twice",
        Peer::DuplicateServerNameTypes => "it asks for two names of one kind",
        Peer::EarlyDataAttemptedInSecondClientHello => "it offers early data (0-RTT) where that is not allowed",
        Peer::EarlyDataExtensionWithoutResumption => "it takes early data (0-RTT) in a session that is not resumed",
        Peer::EarlyDataOfferedWithVariedCipherSuite => "it takes early data (0-RTT) with another cipher suite",
        Peer::EchAcceptanceVariedAfterRetry => "it took an encrypted hello (ECH) only once",
        Peer::IllegalHelloRetryRequestWithEmptyCookie => "its request for a second hello has an empty cookie",
        Peer::IllegalHelloRetryRequestWithNoChanges => "its request for a second hello asks for nothing",
        Peer::IllegalHelloRetryRequestWithOfferedGroup => "its request for a second hello asks for what the first had",
        Peer::IllegalHelloRetryRequestWithUnofferedCipherSuite
        | Peer::IllegalHelloRetryRequestWithUnofferedNamedGroup => {
            "its request for a second hello asks for what was not offered"
        }
        Peer::IllegalHelloRetryRequestWithUnsupportedVersion => {
            "its request for a second hello is for a version that was not offered"
        }
        Peer::IllegalHelloRetryRequestWithWrongSessionId => "its request for a second hello belongs to another session",
        Peer::IllegalHelloRetryRequestWithInvalidEch => "its request for a second hello is not well formed (ECH)",
        Peer::IllegalMiddleboxChangeCipherSpec => "it sent a change of ciphers where that is not allowed",
        Peer::IllegalTlsInnerPlaintext => "it sent a record that holds no content",
        Peer::IncorrectBinder => "it cannot show that it knows the session that it resumes",
        Peer::InvalidCertCompression => "its compressed certificates cannot be read",
        Peer::InvalidMaxEarlyDataSize => "it allows an amount of early data (0-RTT) that is not valid",
        Peer::InvalidKeyShare => "its part of the key exchange is not valid",
        Peer::KeyEpochWithPendingFragment => "it changed keys in the middle of a message",
        Peer::KeyUpdateReceivedInQuicConnection => "it changed keys, which QUIC does otherwise",
        Peer::MessageInterleavedWithHandshakeMessage => "it sent something else in the middle of a handshake message",
        Peer::MissingBinderInPskExtension => "it offers to resume a session without showing that it knows it",
        Peer::MissingKeyShare => "its part of the key exchange is missing",
        Peer::MissingPskModesExtension => "it offers to resume a session and does not say how",
        Peer::MissingQuicTransportParameters => "it sent no parameters for QUIC",
        Peer::OfferedDuplicateCertificateCompressions => "it offers the same compression twice",
        Peer::OfferedDuplicateKeyShares => "it offers the same key exchange twice",
        Peer::OfferedEarlyDataWithOldProtocolVersion => "it offers early data (0-RTT) in a version that has none",
        Peer::OfferedEmptyApplicationProtocol => "it offers an application protocol without a name (ALPN)",
        Peer::OfferedIncorrectCompressions => "it wants compression, which is not safe",
        Peer::PskExtensionMustBeLast => "it offers to resume a session in the wrong place",
        Peer::PskExtensionWithMismatchedIdsAndBinders => "its offer to resume a session is not well formed",
        Peer::RefusedToFollowHelloRetryRequest => "its second hello is not what it was asked for",
        Peer::RejectedEarlyDataInterleavedWithHandshakeMessage => {
            "it sent early data (0-RTT) in the middle of a handshake message"
        }
        Peer::ResumptionAttemptedWithVariedEms | Peer::ResumptionOfferedWithVariedEms => {
            "it resumes a session with another kind of secret (RFC 7627)"
        }
        Peer::ResumptionOfferedWithVariedCipherSuite => "it resumes a session with another cipher suite",
        Peer::ResumptionOfferedWithIncompatibleCipherSuite => {
            "it resumes a session with a cipher suite that does not go with it"
        }
        Peer::SelectedDifferentCipherSuiteAfterRetry => "it chose another cipher suite after the second hello",
        Peer::SelectedInvalidPsk | Peer::SelectedUnofferedPsk => "it resumes a session that was not offered",
        Peer::SelectedTls12UsingTls13VersionExtension => "it chose TLS 1.2 in a way that only TLS 1.3 has",
        Peer::SelectedUnofferedApplicationProtocol => "it chose an application protocol that was not offered (ALPN)",
        Peer::SelectedUnofferedCertCompression => "it chose a compression that was not offered",
        Peer::SelectedUnofferedCipherSuite => "it chose a cipher suite that was not offered",
        Peer::SelectedUnofferedCompression => "it chose compression, which was not offered",
        Peer::SelectedUnofferedKxGroup => "it chose a key exchange group that was not offered",
        Peer::SelectedUnusableCipherSuiteForVersion => {
            "it chose a cipher suite that is not for this version of the protocol"
        }
        Peer::ServerEchoedCompatibilitySessionId => "it claims to resume a session that does not exist",
        Peer::ServerHelloMustOfferUncompressedEcPoints => {
            "it does not take uncompressed points on curves, which every peer has to"
        }
        Peer::ServerNameDifferedOnRetry => "it asks for another name in its second hello",
        Peer::ServerNameMustContainOneHostName => "it asks for no single host name (SNI)",
        Peer::SignedKxWithWrongAlgorithm => {
            "it signed the key exchange with an algorithm that does not go with its certificate"
        }
        Peer::SignedHandshakeWithUnadvertisedSigScheme => "it signed the handshake in a way that was not offered",
        Peer::TooManyEmptyFragments => "it sent too many empty records",
        Peer::TooManyKeyUpdateRequests => "it changed keys too often",
        Peer::TooManyRenegotiationRequests => "it asked too often for another handshake",
        Peer::TooManyWarningAlertsReceived => "it sent too many warnings",
        Peer::TooMuchEarlyDataReceived => "it sent more early data (0-RTT) than it may",
        Peer::UnexpectedCleartextExtension => "it sent an extension in the clear that has to be encrypted",
        Peer::UnsolicitedCertExtension
        | Peer::UnsolicitedEncryptedExtension
        | Peer::UnsolicitedServerHelloExtension
        | Peer::UnsolicitedEchExtension => "it sent an extension that nobody asked for",
        Peer::UnsolicitedSctList => "it sent certificate timestamps that nobody asked for",
        Peer::WrongGroupForKeyShare => "its part of the key exchange is for another group",
        other => return no_words(other),
    };
    words.into()
}
