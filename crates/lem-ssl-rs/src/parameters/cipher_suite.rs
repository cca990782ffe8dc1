//! Cipher suites: what encrypts, and which hash derives the keys.

use std::fmt;

/// A cipher suite (RFC 8446 appendix B.4, RFC 5289, RFC 7905). Those that this library can agree on have names; a
/// client may offer others.
///
/// Compare numbers where a later version may have learnt a name: what is [`Unknown`](Self::Unknown) today can have a
/// variant of its own then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(non_camel_case_types, reason = "these are the registered names")]
pub enum CipherSuite {
    /// `TLS_AES_128_GCM_SHA256`, TLS 1.3.
    TLS_AES_128_GCM_SHA256,
    /// `TLS_AES_256_GCM_SHA384`, TLS 1.3.
    TLS_AES_256_GCM_SHA384,
    /// `TLS_CHACHA20_POLY1305_SHA256`, TLS 1.3.
    TLS_CHACHA20_POLY1305_SHA256,
    /// `TLS_AES_128_CCM_SHA256`, TLS 1.3.
    TLS_AES_128_CCM_SHA256,
    /// `TLS_AES_128_CCM_8_SHA256`, TLS 1.3.
    TLS_AES_128_CCM_8_SHA256,
    /// `TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256`, TLS 1.2.
    TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    /// `TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384`, TLS 1.2.
    TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    /// `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`, TLS 1.2.
    TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    /// `TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384`, TLS 1.2.
    TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    /// `TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256`, TLS 1.2.
    TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    /// `TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256`, TLS 1.2.
    TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    /// A suite of another number.
    Unknown(u16),
}

impl CipherSuite {
    /// What has this number.
    pub fn from_number(number: u16) -> Self {
        ROWS.iter().find(|row| row.1 == number).map_or(Self::Unknown(number), |row| row.0)
    }

    /// The number.
    pub fn number(self) -> u16 {
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

/// The registered name, or the number where there is none.
impl fmt::Display for CipherSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "cipher suite {:#06x}", self.number()),
        }
    }
}

type Row = (CipherSuite, u16, &'static str);

const ROWS: &[Row] = &[
    (CipherSuite::TLS_AES_128_GCM_SHA256, 0x1301, "TLS_AES_128_GCM_SHA256"),
    (CipherSuite::TLS_AES_256_GCM_SHA384, 0x1302, "TLS_AES_256_GCM_SHA384"),
    (CipherSuite::TLS_CHACHA20_POLY1305_SHA256, 0x1303, "TLS_CHACHA20_POLY1305_SHA256"),
    (CipherSuite::TLS_AES_128_CCM_SHA256, 0x1304, "TLS_AES_128_CCM_SHA256"),
    (CipherSuite::TLS_AES_128_CCM_8_SHA256, 0x1305, "TLS_AES_128_CCM_8_SHA256"),
    (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, 0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, 0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    (CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, 0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    (CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, 0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    (CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, 0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    (
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        0xcca9,
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    ),
];
