//! Whether a certificate is an authority's, by the fields that decide it and no others.

use crate::der::{CONTEXT_0, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, expect, only};

const BOOLEAN: u8 = 0x01;
/// `[3]`, constructed: a certificate's extensions.
const CONTEXT_3: u8 = 0xa3;
/// The object identifier 2.5.29.19 (RFC 5280 section 4.2.1.9).
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 19];

/// What a certificate says of its issuer and of its rank. Its dates are stepped over: they do not count in an anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rank<'a> {
    /// It is its own issuer.
    SelfIssued,
    /// CA:TRUE.
    Authority,
    /// Issued by another to one that is no authority.
    Leaf {
        /// The content of the issuer's name.
        issuer: &'a [u8],
    },
}

impl<'a> Rank<'a> {
    /// # Errors
    /// The part that cannot be read.
    pub(super) fn read(certificate: &'a [u8]) -> Result<Self, &'static str> {
        let mut outer = only(certificate, SEQUENCE).ok_or("it is not a certificate in DER, or it is cut off")?;
        let mut fields = expect(&mut outer, SEQUENCE).ok_or("its contents")?;
        let _version = optional(&mut fields, CONTEXT_0);
        expect(&mut fields, INTEGER).ok_or("its serial number")?;
        expect(&mut fields, SEQUENCE).ok_or("its signature algorithm")?;
        let issuer = expect(&mut fields, SEQUENCE).ok_or("its issuer")?;
        expect(&mut fields, SEQUENCE).ok_or("its dates")?;
        let subject = expect(&mut fields, SEQUENCE).ok_or("its subject")?;
        expect(&mut fields, SEQUENCE).ok_or("its public key")?;
        match () {
            () if issuer == subject => Ok(Self::SelfIssued),
            () if !fields.is_empty() && is_authority(fields)? => Ok(Self::Authority),
            () => Ok(Self::Leaf { issuer }),
        }
    }
}

/// Whether CA:TRUE is among these extensions.
fn is_authority(extensions: &[u8]) -> Result<bool, &'static str> {
    const UNREADABLE: &str = "its extensions";
    let mut list = only(extensions, CONTEXT_3).and_then(|list| only(list, SEQUENCE)).ok_or(UNREADABLE)?;
    let mut is_authority = false;
    while !list.is_empty() {
        let mut extension = expect(&mut list, SEQUENCE).ok_or(UNREADABLE)?;
        let id = expect(&mut extension, OBJECT_IDENTIFIER).ok_or(UNREADABLE)?;
        let _is_critical = optional(&mut extension, BOOLEAN);
        let value = only(extension, OCTET_STRING).ok_or(UNREADABLE)?;
        if id == BASIC_CONSTRAINTS {
            let mut basic = only(value, SEQUENCE).ok_or("its basic constraints")?;
            is_authority = matches!(optional(&mut basic, BOOLEAN), Some([value]) if *value != 0);
        }
    }
    Ok(is_authority)
}

/// The content of the next element, if it has this tag.
fn optional<'a>(input: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let mut rest = *input;
    let content = expect(&mut rest, tag)?;
    *input = rest;
    Some(content)
}
