//! What two ends have not in common.

use std::borrow::Cow;

use rustls::PeerIncompatible;

use super::no_words;

/// What follows "nothing in common with the peer".
pub(super) fn incompatible(how: &PeerIncompatible) -> Cow<'static, str> {
    let words = match how {
        PeerIncompatible::NoCipherSuitesInCommon => {
            "no cipher suite, or none that goes with the kind of the server's key"
        }
        PeerIncompatible::NoKxGroupsInCommon => "no key exchange group",
        PeerIncompatible::NoEcPointFormatsInCommon => "no format of points on curves",
        PeerIncompatible::NoSignatureSchemesInCommon
        | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon => {
            "no signature scheme for this certificate's key in this version of the protocol"
        }
        PeerIncompatible::ServerDoesNotSupportTls12Or13 => "the server speaks neither TLS 1.2 nor TLS 1.3",
        PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled => "the protocol version that it wants is not enabled here",
        PeerIncompatible::Tls13RequiredForQuic => "QUIC needs TLS 1.3",
        PeerIncompatible::SupportedVersionsExtensionRequired => {
            "the client does not offer TLS 1.3, which alone is enabled here"
        }
        PeerIncompatible::EcPointsExtensionRequired | PeerIncompatible::UncompressedEcPointsRequired => {
            "it does not offer uncompressed points on curves, which every peer has to"
        }
        PeerIncompatible::ExtendedMasterSecretExtensionRequired => {
            "it does not offer the extended master secret (RFC 7627), which is required here"
        }
        PeerIncompatible::IncorrectCertificateTypeExtension | PeerIncompatible::UnsolicitedCertificateTypeExtension => {
            "it wants a kind of certificates other than X.509 (RFC 7250)"
        }
        PeerIncompatible::KeyShareExtensionRequired => "it offers TLS 1.3 without a key share",
        PeerIncompatible::NamedGroupsExtensionRequired => "it does not say which key exchange groups it has",
        PeerIncompatible::SignatureAlgorithmsExtensionRequired => "it does not say which signatures it understands",
        PeerIncompatible::NullCompressionRequired => "it insists on compression, which is not safe",
        PeerIncompatible::ServerSentHelloRetryRequestWithUnknownExtension => {
            "it asks for an extension in a second hello that is not known here"
        }
        PeerIncompatible::ServerRejectedEncryptedClientHello(_) => "the server does not take encrypted hellos (ECH)",
        other => return no_words(other),
    };
    words.into()
}
