//! What stands in a certificate: whose it is, from whom, for which names, from when to when. For people to read; no
//! decision rests on it but how many days are left.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use der::asn1::{AnyRef, GeneralizedTime, ObjectIdentifier, UtcTime};
use der::{DateTime, Decode, Reader, SliceReader, Tag, TagNumber, Tagged};
use serde::Serialize;

use crate::text::{count, printable};

/// A certificate in words.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Certificate {
    /// The most particular part first: `CN=example.org, O=Example`.
    pub(crate) subject: String,
    pub(crate) issuer: String,
    /// In hexadecimal.
    pub(crate) serial: String,
    /// DNS names, addresses, and what else it is for (subject alternative names).
    pub(crate) names: Vec<String>,
    /// RFC 3339.
    pub(crate) not_before: String,
    pub(crate) not_after: String,
    /// Whole days until it expires; negative when it has.
    pub(crate) days_left: i64,
    /// `ECDSA P-256`, `RSA 2048`.
    pub(crate) key: String,
    #[serde(skip)]
    pub(crate) validity: (Duration, Duration),
}

impl Certificate {
    /// Reads the DER of a certificate.
    pub(crate) fn read(der: &[u8]) -> Result<Self, der::Error> {
        Self::read_at(der, now())
    }

    fn read_at(der: &[u8], now: Duration) -> Result<Self, der::Error> {
        // RFC 5280 section 4.1: Certificate, and in it TBSCertificate.
        let outer = children(AnyRef::from_der(der)?)?;
        let mut fields = children(*outer.first().ok_or(missing())?)?.into_iter().peekable();
        if fields.peek().is_some_and(|field| is_context(*field, 0)) {
            fields.next();
        }
        let mut next = || fields.next().ok_or(missing());
        let serial = hex(next()?.value());
        let _signature_algorithm = next()?;
        let issuer = name(next()?)?;
        let validity = children(next()?)?;
        let [not_before, not_after] = validity.as_slice() else { return Err(missing()) };
        let (not_before, not_after) = (time(*not_before)?, time(*not_after)?);
        let subject = name(next()?)?;
        let key = key(next()?)?;
        let mut names = Vec::new();
        for field in fields {
            if is_context(field, 3) {
                names = alternative_names(field)?;
            }
        }
        Ok(Self {
            subject,
            issuer,
            serial,
            names,
            not_before: not_before.to_string(),
            not_after: not_after.to_string(),
            days_left: days_between(now, not_after.unix_duration()),
            key,
            validity: (not_before.unix_duration(), not_after.unix_duration()),
        })
    }

    /// `38 days left`, `expired 3 days ago`.
    pub(crate) fn time_left(&self) -> String {
        self.time_left_at(now())
    }

    fn time_left_at(&self, now: Duration) -> String {
        if now > self.validity.1 {
            format!("expired {} ago", count(days_between(self.validity.1, now), "day"))
        } else if now < self.validity.0 {
            format!("not valid before {}", self.not_before)
        } else {
            format!("{} left", count(self.days_left, "day"))
        }
    }
}

/// The time of day, as certificates count it.
pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Whole days; a part of a day counts downwards.
fn days_between(from: Duration, to: Duration) -> i64 {
    const DAY: i64 = 24 * 60 * 60;
    let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    seconds(to).saturating_sub(seconds(from)).div_euclid(DAY)
}

fn missing() -> der::Error {
    der::ErrorKind::Failed.into()
}

/// The elements in a constructed one.
fn children(element: AnyRef<'_>) -> Result<Vec<AnyRef<'_>>, der::Error> {
    let mut reader = SliceReader::new(element.value())?;
    let mut found = Vec::new();
    while !reader.is_finished() {
        found.push(AnyRef::decode(&mut reader)?);
    }
    Ok(found)
}

fn is_context(element: AnyRef<'_>, number: u32) -> bool {
    matches!(element.tag(), Tag::ContextSpecific { number: found, .. } if found == TagNumber(number))
}

fn time(element: AnyRef<'_>) -> Result<DateTime, der::Error> {
    match element.tag() {
        Tag::UtcTime => Ok(element.decode_as::<UtcTime>()?.to_date_time()),
        _ => Ok(element.decode_as::<GeneralizedTime>()?.to_date_time()),
    }
}

/// A distinguished name (RFC 5280 section 4.1.2.4).
fn name(element: AnyRef<'_>) -> Result<String, der::Error> {
    let mut parts = Vec::new();
    for set in children(element)? {
        for attribute in children(set)? {
            let pair = children(attribute)?;
            let [kind, value] = pair.as_slice() else { return Err(missing()) };
            let kind = kind.decode_as::<ObjectIdentifier>()?;
            parts.push(format!("{}={}", label(kind), text(*value)));
        }
    }
    parts.reverse();
    Ok(parts.join(", "))
}

fn label(kind: ObjectIdentifier) -> String {
    let number = kind.to_string();
    match number.as_str() {
        "2.5.4.3" => "CN",
        "2.5.4.5" => "serialNumber",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "0.9.2342.19200300.100.1.1" => "UID",
        "0.9.2342.19200300.100.1.25" => "DC",
        "1.2.840.113549.1.9.1" => "emailAddress",
        _ => return number,
    }
    .to_owned()
}

fn text(value: AnyRef<'_>) -> String {
    const LONGEST: usize = 200;
    let bytes = value.value();
    let text: String = match value.tag() {
        Tag::BmpString => {
            let units = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::TeletexString | Tag::NumericString => {
            String::from_utf8_lossy(bytes).into_owned()
        }
        _ => format!("#{}", hex(bytes)),
    };
    printable(&text.chars().take(LONGEST).collect::<String>()).into_owned()
}

/// The kind and strength of a public key (SubjectPublicKeyInfo).
fn key(element: AnyRef<'_>) -> Result<String, der::Error> {
    let parts = children(element)?;
    let [algorithm, bits] = parts.as_slice() else { return Err(missing()) };
    let algorithm = children(*algorithm)?;
    let oid = |at: usize| algorithm.get(at).and_then(|part| part.decode_as::<ObjectIdentifier>().ok());
    let oid = |at| oid(at).map(|oid| oid.to_string()).unwrap_or_default();
    Ok(match oid(0).as_str() {
        "1.2.840.113549.1.1.1" => match modulus_bits(*bits) {
            Some(bits) => format!("RSA {bits}"),
            None => "RSA".to_owned(),
        },
        "1.2.840.10045.2.1" => match oid(1).as_str() {
            "1.2.840.10045.3.1.7" => "ECDSA P-256".to_owned(),
            "1.3.132.0.34" => "ECDSA P-384".to_owned(),
            "1.3.132.0.35" => "ECDSA P-521".to_owned(),
            other => format!("ECDSA {other}"),
        },
        "1.3.101.112" => "Ed25519".to_owned(),
        "1.3.101.113" => "Ed448".to_owned(),
        other => other.to_owned(),
    })
}

/// The bit string holds a sequence of modulus and exponent (RFC 8017 appendix A.1.1).
fn modulus_bits(bits: AnyRef<'_>) -> Option<usize> {
    let parts = children(AnyRef::from_der(bits.value().get(1..)?).ok()?).ok()?;
    let modulus: Vec<u8> = parts.first()?.value().iter().copied().skip_while(|byte| *byte == 0).collect();
    let first = modulus.first()?;
    Some(modulus.len() * 8 - first.leading_zeros() as usize)
}

/// The alternative names among the extensions (RFC 5280 section 4.2.1.6).
fn alternative_names(extensions: AnyRef<'_>) -> Result<Vec<String>, der::Error> {
    const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
    let mut names = Vec::new();
    for list in children(extensions)? {
        for extension in children(list)? {
            let parts = children(extension)?;
            let (Some(id), Some(value)) = (parts.first(), parts.last()) else { return Err(missing()) };
            if id.decode_as::<ObjectIdentifier>()? == SUBJECT_ALT_NAME {
                names.extend(children(AnyRef::from_der(value.value())?)?.into_iter().filter_map(general_name));
            }
        }
    }
    Ok(names)
}

fn general_name(element: AnyRef<'_>) -> Option<String> {
    let bytes = element.value();
    let Tag::ContextSpecific { number, .. } = element.tag() else { return None };
    let text = match number.value() {
        // An e-mail address, a DNS name, a URI.
        1 | 2 | 6 => String::from_utf8_lossy(bytes).into_owned(),
        7 => match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
            (Ok(v4), _) => Ipv4Addr::from(v4).to_string(),
            (_, Ok(v6)) => Ipv6Addr::from(v6).to_string(),
            _ => return None,
        },
        _ => return None,
    };
    Some(printable(&text).into_owned())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use lem_ssl_tests::pki::{Authority, KeyKind, Leaf};

    #[test]
    fn a_certificate_tells_whose_it_is_and_for_what() {
        let root = Authority::new("Test Root");
        let issued = root.issue(Leaf::server(&["shop.example", "*.shop.example", "127.0.0.1", "::1"]));
        let now = now() + Duration::from_secs(60);
        let read = Certificate::read_at(issued.leaf_der(), now).unwrap();
        assert_eq!(read.subject, "CN=shop.example");
        assert_eq!(read.issuer, "CN=Test Root");
        assert_eq!(read.names, ["shop.example", "*.shop.example", "127.0.0.1", "::1"]);
        assert_eq!(read.key, "ECDSA P-256");
        assert_eq!(read.days_left, 29, "thirty days, less a minute");
        assert_eq!(read.time_left_at(now), "29 days left");
        assert!(read.not_after.ends_with('Z'), "{}", read.not_after);
    }

    #[test]
    fn an_expired_certificate_says_since_when() {
        let root = Authority::with_key("Test Root", KeyKind::Rsa2048);
        let issued = root.issue(Leaf::server(&["a.example"]).expired().with_key(KeyKind::Rsa2048));
        let read = Certificate::read(issued.leaf_der()).unwrap();
        assert_eq!(read.key, "RSA 2048");
        assert!(read.days_left < 0);
        assert_eq!(read.time_left_at(read.validity.1 + Duration::from_secs(100_000)), "expired 1 day ago");
    }

    #[test]
    fn every_truncation_of_a_certificate_is_an_error_and_no_panic() {
        let root = Authority::new("Test Root");
        let issued = root.issue(Leaf::server(&["a.example"]));
        let whole = issued.leaf_der();
        for length in 0..whole.len() {
            assert!(Certificate::read(&whole[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn every_changed_byte_of_a_certificate_is_read_without_a_panic() {
        let root = Authority::new("Test Root");
        let issued = root.issue(Leaf::server(&["a.example"]));
        for at in 0..issued.leaf_der().len() {
            for change in [0x01, 0x80, 0xff] {
                let mut changed = issued.leaf_der().to_vec();
                changed[at] ^= change;
                let _ = Certificate::read(&changed);
            }
        }
    }
}
