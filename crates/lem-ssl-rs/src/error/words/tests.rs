use rustls::{
    AlertDescription, CertificateError, ContentType, Error, HandshakeType, InvalidMessage, OtherError,
    PeerIncompatible, PeerMisbehaved,
};

use super::*;

/// Nothing that looks like a program's own data.
#[track_caller]
fn is_plain(words: &str) {
    assert!(!words.is_empty());
    for foreign in ["::", "Other(", "{ ", "(\"", "[0", "[1", "[4", "[]", "no words for", "\n"] {
        assert!(!words.contains(foreign), "{foreign:?} in {words:?}");
    }
    assert!(!words.starts_with(|letter: char| letter.is_ascii_uppercase() && letter != 'Q'), "{words:?}");
}

#[test]
fn every_way_to_misbehave_has_words() {
    let all = [
        PeerMisbehaved::AttemptedDowngradeToTls12WhenTls13IsSupported,
        PeerMisbehaved::BadCertChainExtensions,
        PeerMisbehaved::CipherSuiteDifferedOnRetry,
        PeerMisbehaved::DisallowedEncryptedExtension,
        PeerMisbehaved::DuplicateClientHelloExtensions,
        PeerMisbehaved::DuplicateEncryptedExtensions,
        PeerMisbehaved::DuplicateHelloRetryRequestExtensions,
        PeerMisbehaved::DuplicateNewSessionTicketExtensions,
        PeerMisbehaved::DuplicateServerHelloExtensions,
        PeerMisbehaved::DuplicateServerNameTypes,
        PeerMisbehaved::EarlyDataAttemptedInSecondClientHello,
        PeerMisbehaved::EarlyDataExtensionWithoutResumption,
        PeerMisbehaved::EarlyDataOfferedWithVariedCipherSuite,
        PeerMisbehaved::EchAcceptanceVariedAfterRetry,
        PeerMisbehaved::HandshakeHashVariedAfterRetry,
        PeerMisbehaved::IllegalHelloRetryRequestWithEmptyCookie,
        PeerMisbehaved::IllegalHelloRetryRequestWithNoChanges,
        PeerMisbehaved::IllegalHelloRetryRequestWithOfferedGroup,
        PeerMisbehaved::IllegalHelloRetryRequestWithUnofferedCipherSuite,
        PeerMisbehaved::IllegalHelloRetryRequestWithUnofferedNamedGroup,
        PeerMisbehaved::IllegalHelloRetryRequestWithUnsupportedVersion,
        PeerMisbehaved::IllegalHelloRetryRequestWithWrongSessionId,
        PeerMisbehaved::IllegalHelloRetryRequestWithInvalidEch,
        PeerMisbehaved::IllegalMiddleboxChangeCipherSpec,
        PeerMisbehaved::IllegalTlsInnerPlaintext,
        PeerMisbehaved::IncorrectBinder,
        PeerMisbehaved::InvalidCertCompression,
        PeerMisbehaved::InvalidMaxEarlyDataSize,
        PeerMisbehaved::InvalidKeyShare,
        PeerMisbehaved::KeyEpochWithPendingFragment,
        PeerMisbehaved::KeyUpdateReceivedInQuicConnection,
        PeerMisbehaved::MessageInterleavedWithHandshakeMessage,
        PeerMisbehaved::MissingBinderInPskExtension,
        PeerMisbehaved::MissingKeyShare,
        PeerMisbehaved::MissingPskExtensionInSecondClientHello,
        PeerMisbehaved::MissingPskModesExtension,
        PeerMisbehaved::MissingQuicTransportParameters,
        PeerMisbehaved::OfferedDuplicateCertificateCompressions,
        PeerMisbehaved::OfferedDuplicateKeyShares,
        PeerMisbehaved::OfferedEarlyDataWithOldProtocolVersion,
        PeerMisbehaved::OfferedEmptyApplicationProtocol,
        PeerMisbehaved::OfferedIncorrectCompressions,
        PeerMisbehaved::PskExtensionMustBeLast,
        PeerMisbehaved::PskExtensionWithMismatchedIdsAndBinders,
        PeerMisbehaved::RefusedToFollowHelloRetryRequest,
        PeerMisbehaved::RejectedEarlyDataInterleavedWithHandshakeMessage,
        PeerMisbehaved::ResumptionAttemptedWithVariedEms,
        PeerMisbehaved::ResumptionOfferedWithVariedCipherSuite,
        PeerMisbehaved::ResumptionOfferedWithVariedEms,
        PeerMisbehaved::ResumptionOfferedWithIncompatibleCipherSuite,
        PeerMisbehaved::SelectedDifferentCipherSuiteAfterRetry,
        PeerMisbehaved::SelectedInvalidPsk,
        PeerMisbehaved::SelectedTls12UsingTls13VersionExtension,
        PeerMisbehaved::SelectedUnofferedApplicationProtocol,
        PeerMisbehaved::SelectedUnofferedCertCompression,
        PeerMisbehaved::SelectedUnofferedCipherSuite,
        PeerMisbehaved::SelectedUnofferedCompression,
        PeerMisbehaved::SelectedUnofferedKxGroup,
        PeerMisbehaved::SelectedUnofferedPsk,
        PeerMisbehaved::SelectedUnusableCipherSuiteForVersion,
        PeerMisbehaved::ServerEchoedCompatibilitySessionId,
        PeerMisbehaved::ServerHelloMustOfferUncompressedEcPoints,
        PeerMisbehaved::ServerNameDifferedOnRetry,
        PeerMisbehaved::ServerNameMustContainOneHostName,
        PeerMisbehaved::SignedKxWithWrongAlgorithm,
        PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme,
        PeerMisbehaved::TooManyEmptyFragments,
        PeerMisbehaved::TooManyKeyUpdateRequests,
        PeerMisbehaved::TooManyRenegotiationRequests,
        PeerMisbehaved::TooManyWarningAlertsReceived,
        PeerMisbehaved::TooMuchEarlyDataReceived,
        PeerMisbehaved::UnexpectedCleartextExtension,
        PeerMisbehaved::UnsolicitedCertExtension,
        PeerMisbehaved::UnsolicitedEncryptedExtension,
        PeerMisbehaved::UnsolicitedSctList,
        PeerMisbehaved::UnsolicitedServerHelloExtension,
        PeerMisbehaved::WrongGroupForKeyShare,
        PeerMisbehaved::UnsolicitedEchExtension,
    ];
    for how in all {
        is_plain(&tls(&Error::PeerMisbehaved(how)));
    }
}

#[test]
fn every_message_that_cannot_be_read_has_words() {
    let all = [
        InvalidMessage::CertificatePayloadTooLarge,
        InvalidMessage::HandshakePayloadTooLarge,
        InvalidMessage::InvalidCcs,
        InvalidMessage::InvalidContentType,
        InvalidMessage::InvalidCertificateStatusType,
        InvalidMessage::InvalidCertRequest,
        InvalidMessage::InvalidDhParams,
        InvalidMessage::InvalidEmptyPayload,
        InvalidMessage::InvalidKeyUpdate,
        InvalidMessage::InvalidServerName,
        InvalidMessage::MessageTooLarge,
        InvalidMessage::MessageTooShort,
        InvalidMessage::MissingData("ServerHelloPayload"),
        InvalidMessage::MissingData("u16"),
        InvalidMessage::MissingKeyExchange,
        InvalidMessage::NoSignatureSchemes,
        InvalidMessage::TrailingData("ClientHelloPayload"),
        InvalidMessage::UnexpectedMessage("CertificateRequest"),
        InvalidMessage::UnknownProtocolVersion,
        InvalidMessage::UnsupportedCompression,
        InvalidMessage::UnsupportedCurveType,
        InvalidMessage::EmptyTicketValue,
        InvalidMessage::IllegalEmptyList("KeyShares"),
        InvalidMessage::IllegalEmptyValue,
        InvalidMessage::DuplicateExtension(16),
        InvalidMessage::PreSharedKeyIsNotFinalExtension,
        InvalidMessage::UnknownHelloRetryRequestExtension,
        InvalidMessage::UnknownCertificateExtension,
    ];
    for invalid in all {
        is_plain(&tls(&Error::InvalidMessage(invalid)));
    }
}

#[test]
fn everything_that_two_ends_may_not_have_in_common_has_words() {
    let all = [
        PeerIncompatible::EcPointsExtensionRequired,
        PeerIncompatible::ExtendedMasterSecretExtensionRequired,
        PeerIncompatible::IncorrectCertificateTypeExtension,
        PeerIncompatible::KeyShareExtensionRequired,
        PeerIncompatible::NamedGroupsExtensionRequired,
        PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon,
        PeerIncompatible::NoCipherSuitesInCommon,
        PeerIncompatible::NoEcPointFormatsInCommon,
        PeerIncompatible::NoKxGroupsInCommon,
        PeerIncompatible::NoSignatureSchemesInCommon,
        PeerIncompatible::NullCompressionRequired,
        PeerIncompatible::ServerDoesNotSupportTls12Or13,
        PeerIncompatible::ServerSentHelloRetryRequestWithUnknownExtension,
        PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        PeerIncompatible::SignatureAlgorithmsExtensionRequired,
        PeerIncompatible::SupportedVersionsExtensionRequired,
        PeerIncompatible::Tls12NotOffered,
        PeerIncompatible::Tls12NotOfferedOrEnabled,
        PeerIncompatible::Tls13RequiredForQuic,
        PeerIncompatible::UncompressedEcPointsRequired,
        PeerIncompatible::UnsolicitedCertificateTypeExtension,
        PeerIncompatible::ServerRejectedEncryptedClientHello(None),
    ];
    for how in all {
        is_plain(&tls(&Error::PeerIncompatible(how)));
    }
}

#[test]
fn messages_that_are_not_due_are_named() {
    let error = Error::InappropriateHandshakeMessage {
        expect_types: vec![HandshakeType::ClientHello, HandshakeType::Finished],
        got_type: HandshakeType::ServerHello,
    };
    let due = "it sent a \"server hello\" message where \"client hello\" or \"finished\" was due";
    assert_eq!(tls(&error), due);
    let error =
        Error::InappropriateMessage { expect_types: vec![ContentType::Handshake], got_type: ContentType::Unknown(99) };
    is_plain(&tls(&error));
}

#[test]
fn foreign_causes_are_told_in_our_words() {
    let all = [
        Error::InvalidCertificate(CertificateError::Other(OtherError(std::sync::Arc::new(
            ::webpki::Error::NameConstraintViolation,
        )))),
        Error::InvalidCertificate(CertificateError::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id: vec![42, 134, 72],
            supported_algorithms: Vec::new(),
        }),
        Error::InvalidCertRevocationList(CertRevocationListError::BadSignature),
        Error::AlertReceived(AlertDescription::from(123)),
        Error::General("unhandled pkcs8 format".into()),
        Error::General("failed to parse private key: UnexpectedTag(Some(48), Foo { bar: [42, 134] })".into()),
        Error::General("never heard of: Some::Thing { value: [42, 134] }".into()),
        Error::Other(OtherError(std::sync::Arc::new(::webpki::Error::UnsupportedCertVersion))),
    ];
    for error in all {
        is_plain(&tls(&error));
    }
}

#[test]
fn what_a_later_version_adds_is_told_by_its_name() {
    #[derive(Debug)]
    struct SelectedUnofferedThing(#[expect(dead_code, reason = "only its name is looked at")] [u8; 2]);
    assert_eq!(
        no_words(&SelectedUnofferedThing([42, 134])),
        "a reason that this version has no words for: selected unoffered thing"
    );
}
