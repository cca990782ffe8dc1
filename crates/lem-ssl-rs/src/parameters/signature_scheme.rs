//! Signature schemes: how a handshake is signed.

use std::fmt;

/// A signature scheme (RFC 8446 section 4.2.3).
///
/// Compare numbers where a later version may have learnt a name: what is [`Unknown`](Self::Unknown) today can have a
/// variant of its own then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignatureScheme {
    /// `rsa_pkcs1_sha1`.
    RsaPkcs1Sha1,
    /// `ecdsa_sha1`.
    EcdsaSha1,
    /// `rsa_pkcs1_sha256`.
    RsaPkcs1Sha256,
    /// `ecdsa_secp256r1_sha256`.
    EcdsaSecp256r1Sha256,
    /// `rsa_pkcs1_sha384`.
    RsaPkcs1Sha384,
    /// `ecdsa_secp384r1_sha384`.
    EcdsaSecp384r1Sha384,
    /// `rsa_pkcs1_sha512`.
    RsaPkcs1Sha512,
    /// `ecdsa_secp521r1_sha512`.
    EcdsaSecp521r1Sha512,
    /// `rsa_pss_rsae_sha256`.
    RsaPssRsaeSha256,
    /// `rsa_pss_rsae_sha384`.
    RsaPssRsaeSha384,
    /// `rsa_pss_rsae_sha512`.
    RsaPssRsaeSha512,
    /// `ed25519`.
    Ed25519,
    /// `ed448`.
    Ed448,
    /// `rsa_pss_pss_sha256`.
    RsaPssPssSha256,
    /// `rsa_pss_pss_sha384`.
    RsaPssPssSha384,
    /// `rsa_pss_pss_sha512`.
    RsaPssPssSha512,
    /// `mldsa44`.
    MlDsa44,
    /// `mldsa65`.
    MlDsa65,
    /// `mldsa87`.
    MlDsa87,
    /// A scheme of another number.
    Unknown(u16),
}

impl SignatureScheme {
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
impl fmt::Display for SignatureScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "signature scheme {:#06x}", self.number()),
        }
    }
}

type Row = (SignatureScheme, u16, &'static str);

const ROWS: &[Row] = &[
    (SignatureScheme::RsaPkcs1Sha1, 0x0201, "rsa_pkcs1_sha1"),
    (SignatureScheme::EcdsaSha1, 0x0203, "ecdsa_sha1"),
    (SignatureScheme::RsaPkcs1Sha256, 0x0401, "rsa_pkcs1_sha256"),
    (SignatureScheme::EcdsaSecp256r1Sha256, 0x0403, "ecdsa_secp256r1_sha256"),
    (SignatureScheme::RsaPkcs1Sha384, 0x0501, "rsa_pkcs1_sha384"),
    (SignatureScheme::EcdsaSecp384r1Sha384, 0x0503, "ecdsa_secp384r1_sha384"),
    (SignatureScheme::RsaPkcs1Sha512, 0x0601, "rsa_pkcs1_sha512"),
    (SignatureScheme::EcdsaSecp521r1Sha512, 0x0603, "ecdsa_secp521r1_sha512"),
    (SignatureScheme::RsaPssRsaeSha256, 0x0804, "rsa_pss_rsae_sha256"),
    (SignatureScheme::RsaPssRsaeSha384, 0x0805, "rsa_pss_rsae_sha384"),
    (SignatureScheme::RsaPssRsaeSha512, 0x0806, "rsa_pss_rsae_sha512"),
    (SignatureScheme::Ed25519, 0x0807, "ed25519"),
    (SignatureScheme::Ed448, 0x0808, "ed448"),
    (SignatureScheme::RsaPssPssSha256, 0x0809, "rsa_pss_pss_sha256"),
    (SignatureScheme::RsaPssPssSha384, 0x080a, "rsa_pss_pss_sha384"),
    (SignatureScheme::RsaPssPssSha512, 0x080b, "rsa_pss_pss_sha512"),
    (SignatureScheme::MlDsa44, 0x0904, "mldsa44"),
    (SignatureScheme::MlDsa65, 0x0905, "mldsa65"),
    (SignatureScheme::MlDsa87, 0x0906, "mldsa87"),
];
