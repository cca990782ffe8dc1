//! Alerts in words: what the peer said, and what can be done about it.

use std::fmt;

use crate::parameters::AlertDescription;

/// Writes the alert's name and, where there is one, the usual reason.
pub(super) fn explain(alert: AlertDescription, during_handshake: bool, f: &mut dyn fmt::Write) -> fmt::Result {
    let hint = match alert {
        AlertDescription::BadRecordMac => "what we sent was changed on its way, or the peer lost its keys",
        AlertDescription::HandshakeFailure if !during_handshake => {
            "it wants a client certificate, or another handshake (renegotiation), which is not done here"
        }
        AlertDescription::HandshakeFailure => {
            "no protocol version, suite or signature in common, or it wants a client certificate"
        }
        AlertDescription::BadCertificate => "it refuses our certificate",
        AlertDescription::UnsupportedCertificate => "our certificate is not made for this purpose",
        AlertDescription::CertificateRevoked => "our certificate was revoked by its issuer",
        AlertDescription::CertificateExpired => "our certificate is not valid at the peer's date",
        AlertDescription::CertificateUnknown => "it refuses our certificate for a reason of its own",
        AlertDescription::UnknownCa => "it does not trust the issuer of our certificate",
        AlertDescription::AccessDenied => "our certificate is valid but gives no right to connect",
        AlertDescription::DecryptError => "a signature of ours did not verify",
        AlertDescription::ProtocolVersion => "it speaks none of the TLS versions that are enabled here",
        AlertDescription::InsufficientSecurity => "it wants stronger suites than are enabled here",
        AlertDescription::InternalError => "it failed, and not because of us",
        AlertDescription::UnrecognizedName => "it serves no host of the name that was asked for",
        AlertDescription::CertificateRequired => "it wants a client certificate: give the context an identity",
        AlertDescription::NoApplicationProtocol => "it speaks none of the ALPN protocols that were offered",
        AlertDescription::RecordOverflow => "a record was longer than it takes",
        AlertDescription::BadCertificateStatusResponse => "it refuses the OCSP answer of our certificate",
        AlertDescription::NoCertificate => "it wants a client certificate",
        _ => return write!(f, "{alert}"),
    };
    write!(f, "{alert}: {hint}")
}
