//! Alerts in words: what the peer said, and what can be done about it.

use std::fmt;

use rustls::AlertDescription;

/// Writes the alert's name (RFC 8446 section 6) and, where there is one, the usual reason.
pub(super) fn explain(alert: AlertDescription, f: &mut dyn fmt::Write) -> fmt::Result {
    let (name, hint) = match alert {
        AlertDescription::UnexpectedMessage => ("unexpected message", ""),
        AlertDescription::BadRecordMac => {
            ("bad record MAC", "what we sent was changed on its way, or the peer lost its keys")
        }
        AlertDescription::HandshakeFailure => {
            ("handshake failure", "no protocol version, suite or signature in common, or it wants a client certificate")
        }
        AlertDescription::BadCertificate => ("bad certificate", "it refuses our certificate"),
        AlertDescription::UnsupportedCertificate => {
            ("unsupported certificate", "our certificate is not made for this purpose")
        }
        AlertDescription::CertificateRevoked => ("certificate revoked", "our certificate was revoked by its issuer"),
        AlertDescription::CertificateExpired => {
            ("certificate expired", "our certificate is not valid at the peer's date")
        }
        AlertDescription::CertificateUnknown => {
            ("certificate unknown", "it refuses our certificate for a reason of its own")
        }
        AlertDescription::IllegalParameter => ("illegal parameter", ""),
        AlertDescription::UnknownCA => ("unknown CA", "it does not trust the issuer of our certificate"),
        AlertDescription::AccessDenied => ("access denied", "our certificate is valid but gives no right to connect"),
        AlertDescription::DecodeError => ("decode error", ""),
        AlertDescription::DecryptError => ("decrypt error", "a signature of ours did not verify"),
        AlertDescription::ProtocolVersion => {
            ("protocol version", "it speaks none of the TLS versions that are enabled here")
        }
        AlertDescription::InsufficientSecurity => {
            ("insufficient security", "it wants stronger suites than are enabled here")
        }
        AlertDescription::InternalError => ("internal error", "it failed, and not because of us"),
        AlertDescription::InappropriateFallback => ("inappropriate fallback", ""),
        AlertDescription::UserCanceled => ("user cancelled", ""),
        AlertDescription::MissingExtension => ("missing extension", ""),
        AlertDescription::UnrecognisedName => ("unrecognised name", "it serves no host of the name that was asked for"),
        AlertDescription::UnknownPSKIdentity => ("unknown PSK identity", ""),
        AlertDescription::CertificateRequired => {
            ("certificate required", "it wants a client certificate: give the context an identity")
        }
        AlertDescription::NoApplicationProtocol => {
            ("no application protocol", "it speaks none of the ALPN protocols that were offered")
        }
        AlertDescription::RecordOverflow => ("record overflow", "a record was longer than it takes"),
        AlertDescription::UnsupportedExtension => ("unsupported extension", ""),
        AlertDescription::BadCertificateStatusResponse => {
            ("bad certificate status response", "it refuses the OCSP answer of our certificate")
        }
        AlertDescription::NoRenegotiation => ("no renegotiation", ""),
        AlertDescription::NoCertificate => ("no certificate", "it wants a client certificate"),
        AlertDescription::DecryptionFailed => ("decryption failed", ""),
        AlertDescription::DecompressionFailure => ("decompression failure", ""),
        AlertDescription::ExportRestriction => ("export restriction", ""),
        AlertDescription::CloseNotify => ("close notify", ""),
        other => return write!(f, "an alert that no standard knows (alert {})", u8::from(other)),
    };
    write!(f, "{name} (alert {})", u8::from(alert))?;
    if hint.is_empty() { Ok(()) } else { write!(f, ": {hint}") }
}
