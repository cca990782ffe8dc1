//! What keeps a revocation list from being used that webpki has no words for.

use crate::der::{self, Element, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE};

/// What a revocation list lacks, or is about, for which webpki has no error of its own; `content` is what was signed, without
/// its tag and length (RFC 5280 section 5.1).
pub(super) fn unusable_list(mut content: &[u8]) -> Option<&'static str> {
    const UTC_TIME: u8 = 0x17;
    const GENERALIZED_TIME: u8 = 0x18;
    const EXTENSIONS: u8 = 0xa0;
    let is_time = |element: &Element<'_>| matches!(element.tag, UTC_TIME | GENERALIZED_TIME);
    der::expect(&mut content, INTEGER)?;
    let _algorithm = der::expect(&mut content, SEQUENCE)?;
    let _issuer = der::expect(&mut content, SEQUENCE)?;
    let _this_update = der::take(&mut content).filter(is_time)?;
    if der::take(&mut { content }).filter(is_time).is_none() {
        return Some(
            "it does not say when the next one comes (nextUpdate), as RFC 5280 section 5.1.2.5 demands: its issuer has to \
             write that into it (openssl ca -gencrl with \"-crldays 30\")",
        );
    }
    let _next_update = der::take(&mut content)?;
    if der::take(&mut { content }).is_some_and(|revoked| revoked.tag == SEQUENCE) {
        der::take(&mut content)?;
    }
    if content.is_empty() {
        return Some(
            "it has no extensions, and RFC 5280 section 5.2 demands two: its number and the identifier of its issuer's \
             key (openssl ca -gencrl writes them with \"crl_extensions\" in its configuration)",
        );
    }
    let mut extensions = der::only(der::only(content, EXTENSIONS)?, SEQUENCE)?;
    while let Some(mut extension) = der::expect(&mut extensions, SEQUENCE) {
        if is_about_attributes(&mut extension) == Some(true) {
            return Some(
                "it is about attribute certificates only (onlyContainsAttributeCerts), which nobody shows in TLS: give its \
                 issuer's list of other certificates",
            );
        }
    }
    None
}

/// Whether an extension is an issuing distribution point that says so (RFC 5280 section 5.2.5).
fn is_about_attributes(extension: &mut &[u8]) -> Option<bool> {
    const ISSUING_DISTRIBUTION_POINT: &[u8] = &[0x55, 0x1d, 28];
    const ONLY_ATTRIBUTES: u8 = 0x85;
    if der::expect(extension, OBJECT_IDENTIFIER)? != ISSUING_DISTRIBUTION_POINT {
        return None;
    }
    // A flag may stand before it, which says whether it is critical.
    let mut value = der::take(extension)?;
    if value.tag != OCTET_STRING {
        value = der::take(extension)?;
    }
    let mut fields = der::only(value.content, SEQUENCE)?;
    while let Some(field) = der::take(&mut fields) {
        if field.tag == ONLY_ATTRIBUTES {
            return Some(field.content != [0]);
        }
    }
    None
}
