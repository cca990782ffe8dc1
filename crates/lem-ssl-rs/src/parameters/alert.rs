//! Alerts: what ends a connection, in a word.

use std::fmt;

/// What an alert says (RFC 8446 section 6).
///
/// Compare numbers where a later version may have learnt a name: what is [`Unknown`](Self::Unknown) today can have a
/// variant of its own then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AlertDescription {
    /// `close_notify`.
    CloseNotify,
    /// `unexpected_message`.
    UnexpectedMessage,
    /// `bad_record_mac`.
    BadRecordMac,
    /// `decryption_failed`: TLS 1.0; reserved since.
    DecryptionFailed,
    /// `record_overflow`.
    RecordOverflow,
    /// `decompression_failure`: TLS 1.2; reserved since.
    DecompressionFailure,
    /// `handshake_failure`.
    HandshakeFailure,
    /// `no_certificate`: SSL 3.0; reserved since.
    NoCertificate,
    /// `bad_certificate`.
    BadCertificate,
    /// `unsupported_certificate`.
    UnsupportedCertificate,
    /// `certificate_revoked`.
    CertificateRevoked,
    /// `certificate_expired`.
    CertificateExpired,
    /// `certificate_unknown`.
    CertificateUnknown,
    /// `illegal_parameter`.
    IllegalParameter,
    /// `unknown_ca`.
    UnknownCa,
    /// `access_denied`.
    AccessDenied,
    /// `decode_error`.
    DecodeError,
    /// `decrypt_error`.
    DecryptError,
    /// `export_restriction`: TLS 1.0; reserved since.
    ExportRestriction,
    /// `protocol_version`.
    ProtocolVersion,
    /// `insufficient_security`.
    InsufficientSecurity,
    /// `internal_error`.
    InternalError,
    /// `inappropriate_fallback`.
    InappropriateFallback,
    /// `user_canceled`.
    UserCanceled,
    /// `no_renegotiation`: TLS 1.2; reserved since.
    NoRenegotiation,
    /// `missing_extension`.
    MissingExtension,
    /// `unsupported_extension`.
    UnsupportedExtension,
    /// `certificate_unobtainable`: RFC 6066; reserved since.
    CertificateUnobtainable,
    /// `unrecognized_name`.
    UnrecognizedName,
    /// `bad_certificate_status_response`.
    BadCertificateStatusResponse,
    /// `bad_certificate_hash_value`: RFC 6066; reserved since.
    BadCertificateHashValue,
    /// `unknown_psk_identity`.
    UnknownPskIdentity,
    /// `certificate_required`.
    CertificateRequired,
    /// `no_application_protocol`.
    NoApplicationProtocol,
    /// `ech_required`: RFC 9849.
    EchRequired,
    /// An alert of another number.
    Unknown(u8),
}

impl AlertDescription {
    /// What has this number.
    pub fn from_number(number: u8) -> Self {
        ROWS.iter().find(|row| row.1 == number).map_or(Self::Unknown(number), |row| row.0)
    }

    /// The number.
    pub fn number(self) -> u8 {
        match self {
            Self::Unknown(number) => number,
            known => known.row().map_or(0, |row| row.1),
        }
    }

    /// The registered name.
    pub fn name(self) -> Option<&'static str> {
        self.row().map(|row| row.2)
    }

    fn row(self) -> Option<&'static Row> {
        ROWS.iter().find(|row| row.0 == self)
    }
}

/// In words, and with the number: `unknown CA (alert 48)`.
impl fmt::Display for AlertDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.number();
        let Some(name) = self.name() else {
            return write!(f, "an alert that no standard knows (alert {number})");
        };
        for (at, word) in name.split('_').enumerate() {
            f.write_str(if at == 0 { "" } else { " " })?;
            f.write_str(match word {
                "ca" => "CA",
                "ech" => "ECH",
                "mac" => "MAC",
                "psk" => "PSK",
                word => word,
            })?;
        }
        write!(f, " (alert {number})")
    }
}

type Row = (AlertDescription, u8, &'static str);

const ROWS: &[Row] = &[
    (AlertDescription::CloseNotify, 0, "close_notify"),
    (AlertDescription::UnexpectedMessage, 10, "unexpected_message"),
    (AlertDescription::BadRecordMac, 20, "bad_record_mac"),
    (AlertDescription::DecryptionFailed, 21, "decryption_failed"),
    (AlertDescription::RecordOverflow, 22, "record_overflow"),
    (AlertDescription::DecompressionFailure, 30, "decompression_failure"),
    (AlertDescription::HandshakeFailure, 40, "handshake_failure"),
    (AlertDescription::NoCertificate, 41, "no_certificate"),
    (AlertDescription::BadCertificate, 42, "bad_certificate"),
    (AlertDescription::UnsupportedCertificate, 43, "unsupported_certificate"),
    (AlertDescription::CertificateRevoked, 44, "certificate_revoked"),
    (AlertDescription::CertificateExpired, 45, "certificate_expired"),
    (AlertDescription::CertificateUnknown, 46, "certificate_unknown"),
    (AlertDescription::IllegalParameter, 47, "illegal_parameter"),
    (AlertDescription::UnknownCa, 48, "unknown_ca"),
    (AlertDescription::AccessDenied, 49, "access_denied"),
    (AlertDescription::DecodeError, 50, "decode_error"),
    (AlertDescription::DecryptError, 51, "decrypt_error"),
    (AlertDescription::ExportRestriction, 60, "export_restriction"),
    (AlertDescription::ProtocolVersion, 70, "protocol_version"),
    (AlertDescription::InsufficientSecurity, 71, "insufficient_security"),
    (AlertDescription::InternalError, 80, "internal_error"),
    (AlertDescription::InappropriateFallback, 86, "inappropriate_fallback"),
    (AlertDescription::UserCanceled, 90, "user_canceled"),
    (AlertDescription::NoRenegotiation, 100, "no_renegotiation"),
    (AlertDescription::MissingExtension, 109, "missing_extension"),
    (AlertDescription::UnsupportedExtension, 110, "unsupported_extension"),
    (AlertDescription::CertificateUnobtainable, 111, "certificate_unobtainable"),
    (AlertDescription::UnrecognizedName, 112, "unrecognized_name"),
    (AlertDescription::BadCertificateStatusResponse, 113, "bad_certificate_status_response"),
    (AlertDescription::BadCertificateHashValue, 114, "bad_certificate_hash_value"),
    (AlertDescription::UnknownPskIdentity, 115, "unknown_psk_identity"),
    (AlertDescription::CertificateRequired, 116, "certificate_required"),
    (AlertDescription::NoApplicationProtocol, 120, "no_application_protocol"),
    (AlertDescription::EchRequired, 121, "ech_required"),
];
