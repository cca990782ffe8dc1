//! A certificate as it is written: its fields, borrowed.

use super::date::Date;
use super::der::{Reader, tag};
use super::extensions::Extensions;
use crate::der::Element;

/// The fields of a certificate (RFC 5280 section 4.1), as far as they can be read.
#[derive(Debug, Clone)]
pub(crate) struct Raw<'a> {
    /// What is signed: the `TBSCertificate` with its tag and length.
    pub(crate) signed: &'a [u8],
    /// The contents of the outer algorithm identifier.
    pub(crate) signature_algorithm: &'a [u8],
    /// The contents of the algorithm identifier inside of what is signed.
    pub(crate) inner_algorithm: &'a [u8],
    pub(crate) signature: &'a [u8],
    /// 1 to 3 as people count.
    pub(crate) version: u64,
    pub(crate) serial: &'a [u8],
    /// The contents of the distinguished name.
    pub(crate) issuer: &'a [u8],
    pub(crate) not_before: Date,
    pub(crate) not_after: Date,
    /// The contents of the distinguished name.
    pub(crate) subject: &'a [u8],
    /// The contents of the `SubjectPublicKeyInfo`.
    pub(crate) key: &'a [u8],
    pub(crate) extensions: Extensions<'a>,
    /// Bytes follow the certificate.
    pub(crate) has_trailing_bytes: bool,
}

impl<'a> Raw<'a> {
    /// Reads a certificate.
    ///
    /// # Errors
    /// The part that cannot be read.
    pub(crate) fn read(der: &'a [u8]) -> Result<Self, &'static str> {
        let mut outer = Reader(der);
        let mut certificate = outer.enter(tag::SEQUENCE).ok_or("it is not a certificate in DER, or it is cut off")?;
        let signed = certificate.next().filter(|element| element.tag == tag::SEQUENCE).ok_or("its contents")?;
        let signature_algorithm = certificate.expect(tag::SEQUENCE).ok_or("its signature algorithm")?;
        let signature = certificate.expect(tag::BIT_STRING).and_then(bits).ok_or("its signature")?;
        let mut fields = Reader(signed.content);
        let version = match fields.enter(tag::context(0)) {
            // Not more than a few; what is larger is no version.
            Some(mut version) => match version.expect(tag::INTEGER).ok_or("its version")? {
                [number] => u64::from(*number) + 1,
                _ => return Err("its version"),
            },
            None => 1,
        };
        let serial = fields.expect(tag::INTEGER).ok_or("its serial number")?;
        let inner_algorithm = fields.expect(tag::SEQUENCE).ok_or("its signature algorithm")?;
        let issuer = fields.expect(tag::SEQUENCE).ok_or("its issuer")?;
        let mut validity = fields.enter(tag::SEQUENCE).ok_or("its dates")?;
        let mut date = || validity.next().and_then(|element| Date::read(element.tag, element.content));
        let (not_before, not_after) = (date().ok_or("its dates")?, date().ok_or("its dates")?);
        let subject = fields.expect(tag::SEQUENCE).ok_or("its subject")?;
        let key = fields.next().filter(|element| element.tag == tag::SEQUENCE).ok_or("its public key")?;
        let mut extensions = Extensions::default();
        if !fields.is_empty() {
            let list = fields.enter(tag::context(3)).and_then(|mut outer| outer.enter(tag::SEQUENCE));
            extensions = Extensions::read(list.ok_or("its extensions")?)?;
        }
        Ok(Self {
            signed: signed.whole,
            signature_algorithm,
            inner_algorithm,
            signature,
            version,
            serial,
            issuer,
            not_before,
            not_after,
            subject,
            key: key.content,
            extensions,
            has_trailing_bytes: !outer.is_empty() || !certificate.is_empty() || !fields.is_empty(),
        })
    }

    /// Issuer and subject are the same.
    pub(crate) fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }
}

/// The `SubjectPublicKeyInfo` of a certificate, for those to whom only the key counts. Every other field is stepped over,
/// whatever it holds; each must be an element of DER, so that a certificate which is cut off is none.
pub(crate) fn public_key(der: &[u8]) -> Option<Element<'_>> {
    let mut certificate = Reader(der).enter(tag::SEQUENCE)?;
    let mut fields = certificate.enter(tag::SEQUENCE)?;
    let _version = fields.enter(tag::context(0));
    for _serial_algorithm_issuer_dates_subject in 0..5 {
        fields.next()?;
    }
    let key = fields.next().filter(|element| element.tag == tag::SEQUENCE)?;
    // A raw public key, which has fewer elements, must not pass for a certificate that has another key inside.
    let (_algorithm, _signature) = (certificate.next()?, certificate.next()?);
    (is_whole(fields) && is_whole(certificate)).then_some(key)
}

/// Whether there is nothing but elements.
fn is_whole(mut rest: Reader<'_>) -> bool {
    while rest.next().is_some() {}
    rest.is_empty()
}

/// The bytes of a bit string that ends with a byte.
pub(super) fn bits(contents: &[u8]) -> Option<&[u8]> {
    match contents.split_first() {
        Some((0, bytes)) => Some(bytes),
        _ => None,
    }
}

/// Algorithm identifier and public key in the contents of a `SubjectPublicKeyInfo`.
pub(crate) fn key_parts(key: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = Reader(key);
    Some((parts.expect(tag::SEQUENCE)?, bits(parts.expect(tag::BIT_STRING)?)?))
}
