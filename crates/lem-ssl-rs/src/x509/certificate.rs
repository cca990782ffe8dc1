//! A certificate for people and programs.

use std::fmt;

use super::alternative::AlternativeName;
use super::date::Date;
use super::extensions::KeyUse;
use super::general_name::GeneralName;
use super::key::{algorithm_name, describe};
use super::name::{common_name, readable};
use super::raw::Raw;

/// What stands in a certificate: whose it is, from whom, for which names, from when to when.
///
/// For reports and messages. Whether a certificate is good, and for what, is decided by the handshake alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    subject: Option<String>,
    common_name: Option<String>,
    issuer: Option<String>,
    is_self_issued: bool,
    authority_key: Option<Vec<u8>>,
    version: u64,
    serial: Vec<u8>,
    names: Vec<String>,
    alternative_names: Vec<AlternativeName>,
    not_before: Date,
    not_after: Date,
    key: String,
    signature_algorithm: String,
    is_authority: bool,
    allows_signatures: bool,
    allows_certificates: bool,
}

impl Certificate {
    /// Reads the DER of a certificate.
    ///
    /// # Errors
    /// The part that cannot be read.
    ///
    /// ```
    /// # use lem_ssl_rs::{Certificate, Identity};
    /// let identity = Identity::self_signed(["localhost", "127.0.0.1"])?;
    /// let certificate = Certificate::read(&identity.chain()[0])?;
    /// assert_eq!(certificate.names(), ["localhost", "127.0.0.1"]);
    /// assert!(certificate.not_before() < certificate.not_after());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read(der: &[u8]) -> Result<Self, UnreadableCertificate> {
        let raw = Raw::read(der).map_err(UnreadableCertificate)?;
        Ok(Self {
            subject: readable(raw.subject),
            common_name: common_name(raw.subject),
            issuer: readable(raw.issuer),
            is_self_issued: raw.is_self_issued(),
            authority_key: raw.extensions.authority_key.map(<[u8]>::to_vec),
            version: raw.version,
            serial: raw.serial.to_vec(),
            names: raw.extensions.names().filter_map(GeneralName::readable).collect(),
            alternative_names: raw.extensions.names().filter_map(AlternativeName::of).collect(),
            not_before: raw.not_before,
            not_after: raw.not_after,
            key: describe(raw.key),
            signature_algorithm: algorithm_name(raw.signature_algorithm),
            is_authority: raw.extensions.authority.is_some(),
            allows_signatures: raw.extensions.allows(KeyUse::Signatures),
            allows_certificates: raw.extensions.allows(KeyUse::Certificates),
        })
    }

    /// Whom it was issued to, the most particular part first: `CN=example.org, O=Example`.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// The common name of the subject, in full, for programs that decide what a client may do by it; `None` if there is
    /// none, or more than one. A character that would steer a terminal is replaced by U+FFFD, as in
    /// [`AlternativeName`](crate::AlternativeName).
    pub fn common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }

    /// Who issued it.
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// Whether issuer and subject have the same name, as those of every root have.
    pub fn is_self_issued(&self) -> bool {
        self.is_self_issued
    }

    /// The identifier of the issuer's key that has signed it (RFC 5280 section 4.2.1.1), if it says.
    pub fn authority_key(&self) -> Option<&[u8]> {
        self.authority_key.as_deref()
    }

    /// The version of the format: 3, or a lower one of decades ago.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The serial number, as it is encoded.
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }

    /// DNS names, IP addresses, and what else it is for (subject alternative names). The subject is not among them.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The same names by their kinds, for programs that decide what a client may do by one of them.
    ///
    /// ```
    /// # use lem_ssl_rs::{AlternativeName, Certificate, Identity};
    /// # let identity = Identity::self_signed(["localhost", "127.0.0.1"])?;
    /// # let certificate = Certificate::read(&identity.chain()[0])?;
    /// let hosts = certificate.alternative_names().iter().filter_map(|name| match name {
    ///     AlternativeName::Dns(host) => Some(host.as_str()),
    ///     _ => None,
    /// });
    /// assert_eq!(hosts.collect::<Vec<_>>(), ["localhost"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn alternative_names(&self) -> &[AlternativeName] {
        &self.alternative_names
    }

    /// The first second of its validity.
    pub fn not_before(&self) -> Date {
        self.not_before
    }

    /// The last second of its validity.
    pub fn not_after(&self) -> Date {
        self.not_after
    }

    /// The kind and strength of its public key: `ECDSA P-256`, `RSA 2048`.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// How its issuer signed it: `SHA-256 with ECDSA`.
    pub fn signature_algorithm(&self) -> &str {
        &self.signature_algorithm
    }

    /// Whether it is an authority's (CA:TRUE).
    pub fn is_authority(&self) -> bool {
        self.is_authority
    }

    /// Whether its key may sign handshakes (key usage `digitalSignature`); a certificate without key usage allows all.
    pub fn allows_signatures(&self) -> bool {
        self.allows_signatures
    }

    /// Whether its key may sign certificates (key usage `keyCertSign`); a certificate without key usage allows all.
    pub fn allows_certificates(&self) -> bool {
        self.allows_certificates
    }
}

/// A certificate cannot be read; says which part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableCertificate(&'static str);

impl fmt::Display for UnreadableCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl std::error::Error for UnreadableCertificate {}
