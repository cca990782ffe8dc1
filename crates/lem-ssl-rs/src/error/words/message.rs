//! Messages that cannot be read.

use std::borrow::Cow;

use rustls::InvalidMessage;

use super::{no_words, spaced};

/// What is wrong with a message.
pub(super) fn invalid(invalid: &InvalidMessage) -> Cow<'static, str> {
    let words = match invalid {
        InvalidMessage::CertificatePayloadTooLarge => "its certificates are larger than 64 KiB together",
        InvalidMessage::HandshakePayloadTooLarge => "it sent a handshake message that is too large",
        InvalidMessage::InvalidCcs => "it sent a change of ciphers that is not well formed",
        InvalidMessage::InvalidContentType => "it sent a record of a kind that the protocol does not have",
        InvalidMessage::InvalidCertificateStatusType => "it sent a certificate status of an unknown kind",
        InvalidMessage::InvalidCertRequest => "its request for a certificate is not well formed",
        InvalidMessage::InvalidDhParams => "its parameters for the key exchange are not well formed",
        InvalidMessage::InvalidEmptyPayload => "it sent an empty record where none may be empty",
        InvalidMessage::InvalidKeyUpdate => "its change of keys is not well formed",
        InvalidMessage::InvalidServerName => "the name that it asks for is not well formed",
        InvalidMessage::MessageTooLarge => "it sent a record that is longer than the protocol allows",
        InvalidMessage::MessageTooShort => "it sent a message that is shorter than its kind needs",
        InvalidMessage::MissingData(what) => return format!("a message ends inside of {}", part(what)).into(),
        InvalidMessage::MissingKeyExchange => "it does not say which key exchange groups it has",
        InvalidMessage::NoSignatureSchemes => "it understands no signature at all",
        InvalidMessage::TrailingData(what) => return format!("bytes follow {} in a message", part(what)).into(),
        InvalidMessage::UnexpectedMessage(what) => {
            return format!("it sent a message, {}, that is not due", part(what)).into();
        }
        InvalidMessage::UnknownProtocolVersion => "it sent a record of an unknown version of the protocol",
        InvalidMessage::UnsupportedCompression => "it wants compression, which is not safe",
        InvalidMessage::UnsupportedCurveType => "it uses a kind of curves that is not supported",
        InvalidMessage::UnsupportedKeyExchangeAlgorithm(_) => "it wants a key exchange that is not supported",
        InvalidMessage::EmptyTicketValue => "it sent an empty session ticket",
        InvalidMessage::IllegalEmptyList(what) => return format!("it sent an empty list of {}", part(what)).into(),
        InvalidMessage::IllegalEmptyValue => "it sent an empty value where none may be empty",
        InvalidMessage::DuplicateExtension(number) => return format!("it sent extension {number} twice").into(),
        InvalidMessage::PreSharedKeyIsNotFinalExtension => "it offers to resume a session in the wrong place",
        InvalidMessage::UnknownHelloRetryRequestExtension => {
            "it asks for an extension in a second hello that is not known here"
        }
        InvalidMessage::UnknownCertificateExtension => "it sent an extension with a certificate that is not known here",
        other => return no_words(other),
    };
    words.into()
}

/// The name of a structure of the protocol, in words.
fn part(name: &str) -> String {
    // A name is written as code: `ServerHelloPayload`, `u16`.
    struct Name<'a>(&'a str);
    impl std::fmt::Debug for Name<'_> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }
    }
    match name {
        "u8" | "u16" | "u24" | "u32" | "u64" => "a number".to_owned(),
        other => format!("\"{}\"", spaced(&Name(other))),
    }
}
