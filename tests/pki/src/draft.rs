//! Certificates that no authority would issue, field by field.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{PublicKeyData, SigningKey};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::OffsetDateTime;

use super::key::{Key, KeyKind};

/// A key pair for [`Draft`]s.
pub struct DraftKey(Key);

impl DraftKey {
    /// A new key on P-256.
    pub fn new() -> Self {
        Self::of_kind(KeyKind::EcdsaP256)
    }

    /// A new key of this kind.
    pub fn of_kind(kind: KeyKind) -> Self {
        Self(Key::generate(kind))
    }

    /// The `SubjectPublicKeyInfo`.
    pub fn public(&self) -> Vec<u8> {
        self.0.subject_public_key_info()
    }

    /// The private key.
    pub fn private(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.0.pkcs8()).into()
    }
}

/// Shows nothing of the key.
impl std::fmt::Debug for DraftKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DraftKey").finish_non_exhaustive()
    }
}

impl Default for DraftKey {
    fn default() -> Self {
        Self::new()
    }
}

/// Every field of a certificate, to be written as it stands.
#[derive(Debug, Clone)]
pub struct Draft {
    /// 3, or what is none.
    pub version: u8,
    /// One byte.
    pub serial: u8,
    /// The common name; empty for a name without parts.
    pub subject: String,
    /// The issuer's common name.
    pub issuer: String,
    /// The string type of the subject's common name, by its tag.
    pub subject_type: u8,
    /// The string type of the issuer's common name, by its tag.
    pub issuer_type: u8,
    /// Tag and text.
    pub not_before: (u8, String),
    /// Tag and text.
    pub not_after: (u8, String),
    /// The `SubjectPublicKeyInfo`.
    pub key: Vec<u8>,
    /// Object identifier, whether it is critical, value.
    pub extensions: Vec<(Vec<u8>, bool, Vec<u8>)>,
    /// The algorithm identifier that the signature says of itself.
    pub algorithm: Vec<u8>,
    /// The algorithm identifier inside of what is signed.
    pub inner_algorithm: Vec<u8>,
}

impl Draft {
    /// A certificate for `key`, valid now, that says nothing more.
    pub fn new(subject: &str, issuer: &str, key: &DraftKey) -> Self {
        Self {
            version: 3,
            serial: 7,
            subject: subject.to_owned(),
            issuer: issuer.to_owned(),
            subject_type: UTF8_STRING,
            issuer_type: UTF8_STRING,
            not_before: (GENERALIZED_TIME, in_days(-10)),
            not_after: (GENERALIZED_TIME, in_days(10)),
            key: key.public(),
            extensions: Vec::new(),
            algorithm: ECDSA_SHA256.to_vec(),
            inner_algorithm: ECDSA_SHA256.to_vec(),
        }
    }

    /// Of an end entity with these DNS names.
    pub fn leaf(names: &[&str], issuer: &str, key: &DraftKey) -> Self {
        let names: Vec<(u8, &[u8])> = names.iter().map(|name| (DNS_NAME, name.as_bytes())).collect();
        Self::new("leaf", issuer, key).with_names(&names)
    }

    /// Of an authority.
    pub fn authority(subject: &str, issuer: &str, key: &DraftKey) -> Self {
        Self::new(subject, issuer, key).with(BASIC_CONSTRAINTS, true, &element(SEQUENCE, &[1, 1, 0xff]))
    }

    /// With one extension more.
    #[must_use]
    pub fn with(mut self, oid: &[u8], is_critical: bool, value: &[u8]) -> Self {
        self.extensions.push((oid.to_vec(), is_critical, value.to_vec()));
        self
    }

    /// With these alternative names: tags and contents.
    #[must_use]
    pub fn with_names(self, names: &[(u8, &[u8])]) -> Self {
        let names: Vec<u8> = names.iter().flat_map(|(tag, name)| element(*tag, name)).collect();
        self.with(SUBJECT_ALT_NAME, false, &element(SEQUENCE, &names))
    }

    /// With a path length constraint, of an authority.
    #[must_use]
    pub fn with_path_length(mut self, length: u8) -> Self {
        self.extensions.retain(|(oid, ..)| oid != BASIC_CONSTRAINTS);
        self.with(BASIC_CONSTRAINTS, true, &element(SEQUENCE, &[1, 1, 0xff, 2, 1, length]))
    }

    /// With these purposes, as object identifiers.
    #[must_use]
    pub fn with_purposes(self, purposes: &[&[u8]]) -> Self {
        let purposes: Vec<u8> = purposes.iter().flat_map(|oid| element(OBJECT_IDENTIFIER, oid)).collect();
        self.with(EXTENDED_KEY_USAGE, false, &element(SEQUENCE, &purposes))
    }

    /// With name constraints: tags and contents of what is permitted and of what is excluded.
    #[must_use]
    pub fn with_constraints(self, permitted: &[(u8, &[u8])], excluded: &[(u8, &[u8])]) -> Self {
        let mut lists = Vec::new();
        for (tag, names) in [(0xa0, permitted), (0xa1, excluded)] {
            let subtrees: Vec<u8> =
                names.iter().flat_map(|(kind, name)| element(SEQUENCE, &element(*kind, name))).collect();
            if !subtrees.is_empty() {
                lists.extend(element(tag, &subtrees));
            }
        }
        self.with(NAME_CONSTRAINTS, true, &element(SEQUENCE, &lists))
    }

    /// Valid from so many days after today to so many.
    #[must_use]
    pub fn between(self, from: i64, to: i64) -> Self {
        Self { not_before: (GENERALIZED_TIME, in_days(from)), not_after: (GENERALIZED_TIME, in_days(to)), ..self }
    }

    /// With this algorithm identifier, inside and outside.
    #[must_use]
    pub fn with_algorithm(self, algorithm: &[u8]) -> Self {
        Self { algorithm: algorithm.to_vec(), inner_algorithm: algorithm.to_vec(), ..self }
    }

    /// Writes it, signed by `key`.
    ///
    /// # Panics
    ///
    /// When the key cannot sign.
    pub fn sign(&self, key: &DraftKey) -> CertificateDer<'static> {
        let mut fields = Vec::new();
        if self.version != 1 {
            fields.extend(element(0xa0, &[INTEGER, 1, self.version - 1]));
        }
        fields.extend([INTEGER, 1, self.serial]);
        fields.extend_from_slice(&self.inner_algorithm);
        fields.extend(name(&self.issuer, self.issuer_type));
        let dates = [&self.not_before, &self.not_after].map(|(tag, text)| element(*tag, text.as_bytes()));
        fields.extend(element(SEQUENCE, &dates.concat()));
        fields.extend(name(&self.subject, self.subject_type));
        fields.extend_from_slice(&self.key);
        if !self.extensions.is_empty() {
            let list: Vec<u8> = self
                .extensions
                .iter()
                .flat_map(|(oid, is_critical, value)| {
                    let critical: &[u8] = if *is_critical { &[1, 1, 0xff] } else { &[] };
                    let parts = [&element(OBJECT_IDENTIFIER, oid), critical, &element(OCTET_STRING, value)];
                    element(SEQUENCE, &parts.concat())
                })
                .collect();
            fields.extend(element(0xa3, &element(SEQUENCE, &list)));
        }
        signed(&fields, &self.algorithm, key).into()
    }
}

/// A revocation list of an issuer with this common name, of this string type, in DER: with the serial numbers of these drafts,
/// signed by `key`, a key on P-256.
///
/// # Panics
///
/// When the key cannot sign.
pub fn revocation_list(issuer: &str, issuer_type: u8, revoked: &[&Draft], key: &DraftKey) -> Vec<u8> {
    let time = |days| element(GENERALIZED_TIME, in_days(days).as_bytes());
    let entry = |draft: &&Draft| element(SEQUENCE, &[element(INTEGER, &[draft.serial]), time(-1)].concat());
    let entries: Vec<u8> = revoked.iter().flat_map(entry).collect();
    let entries = if entries.is_empty() { Vec::new() } else { element(SEQUENCE, &entries) };
    let number = [element(OBJECT_IDENTIFIER, CRL_NUMBER), element(OCTET_STRING, &[INTEGER, 1, 1])].concat();
    let extensions = element(0xa0, &element(SEQUENCE, &element(SEQUENCE, &number)));
    let fields = [
        vec![INTEGER, 1, 1],
        ECDSA_SHA256.to_vec(),
        name(issuer, issuer_type),
        time(-1),
        time(10),
        entries,
        extensions,
    ];
    signed(&fields.concat(), ECDSA_SHA256, key)
}

fn signed(fields: &[u8], algorithm: &[u8], key: &DraftKey) -> Vec<u8> {
    let signed = element(SEQUENCE, fields);
    let mut signature = vec![0];
    signature.extend(key.0.sign(&signed).expect("the key signs"));
    element(SEQUENCE, &[signed, algorithm.to_vec(), element(BIT_STRING, &signature)].concat())
}

/// An element of DER.
pub fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len();
    let mut bytes = vec![tag];
    match u8::try_from(length) {
        Ok(length @ 0..=127) => bytes.push(length),
        Ok(length) => bytes.extend([0x81, length]),
        Err(_) => bytes.extend([0x82, (length >> 8) as u8, (length & 0xff) as u8]),
    }
    bytes.extend_from_slice(contents);
    bytes
}

/// A `SubjectPublicKeyInfo` with this algorithm identifier's contents.
pub fn public_key(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    let bits = [&[0], key].concat();
    element(SEQUENCE, &[element(SEQUENCE, algorithm), element(BIT_STRING, &bits)].concat())
}

fn name(common_name: &str, string_type: u8) -> Vec<u8> {
    if common_name.is_empty() {
        return element(SEQUENCE, &[]);
    }
    let pair = [element(OBJECT_IDENTIFIER, &[0x55, 4, 3]), element(string_type, common_name.as_bytes())].concat();
    element(SEQUENCE, &element(SET, &element(SEQUENCE, &pair)))
}

/// The time so many days from now, as a certificate writes it.
pub fn in_days(days: i64) -> String {
    in_seconds(days * 24 * 60 * 60)
}

/// The time so many seconds from now, as a certificate writes it.
pub fn in_seconds(seconds: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    let then = i64::try_from(now).expect("the clock is right") + seconds;
    let then = OffsetDateTime::from_unix_timestamp(then).expect("the clock is right");
    let (date, time) = (then.date(), then.time());
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    format!("{year:04}{month:02}{day:02}{:02}{:02}{:02}Z", time.hour(), time.minute(), time.second())
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
/// A tag.
pub const OBJECT_IDENTIFIER: u8 = 0x06;
/// A tag.
pub const UTF8_STRING: u8 = 0x0c;
/// A tag.
pub const PRINTABLE_STRING: u8 = 0x13;
/// A tag.
pub const UTC_TIME: u8 = 0x17;
/// A tag.
pub const GENERALIZED_TIME: u8 = 0x18;
/// A tag.
pub const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// The tags of names.
pub const EMAIL_NAME: u8 = 0x81;
/// The tags of names.
pub const DNS_NAME: u8 = 0x82;
/// The tags of names.
pub const DIRECTORY_NAME: u8 = 0xa4;
/// The tags of names.
pub const URI_NAME: u8 = 0x86;
/// The tags of names.
pub const IP_NAME: u8 = 0x87;

const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 17];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 19];
const CRL_NUMBER: &[u8] = &[0x55, 0x1d, 20];
const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 30];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 37];

/// An algorithm identifier.
pub const ECDSA_SHA256: &[u8] = &[0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
/// An algorithm identifier.
pub const ECDSA_SHA1: &[u8] = &[0x30, 9, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1];
/// An algorithm identifier.
pub const RSA_SHA1: &[u8] = &[0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5, 5, 0];
/// An algorithm identifier.
pub const RSA_SHA256: &[u8] = &[0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11, 5, 0];
/// An algorithm identifier.
pub const RSA_MD5: &[u8] = &[0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 4, 5, 0];
/// A purpose.
pub const FOR_SERVERS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
/// A purpose.
pub const FOR_CLIENTS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
/// A purpose.
pub const FOR_CODE: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 3];
/// The purpose that stands for all, which webpki does not take.
pub const FOR_ANYTHING: &[u8] = &[0x55, 0x1d, 0x25, 0];
