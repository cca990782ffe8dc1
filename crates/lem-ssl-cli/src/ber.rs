//! Elements of BER, as LDAP and OCSP have them: tag, length, contents.

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const OCTETS: u8 = 0x04;
pub(crate) const ENUMERATED: u8 = 0x0a;
pub(crate) const SEQUENCE: u8 = 0x30;

/// What stands at the front.
#[derive(Debug)]
pub(crate) enum Element<'a> {
    /// A tag and contents.
    Whole(u8, &'a [u8]),
    Partial,
    /// Nothing that we would read.
    Wrong,
}

/// Takes an element off the front, unless its contents are longer than `limit`. Some programs write every length in four
/// bytes, which DER forbids.
pub(crate) fn element<'a>(input: &mut &'a [u8], limit: usize) -> Element<'a> {
    let Some((&[tag, first], rest)) = input.split_first_chunk() else { return Element::Partial };
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let count = usize::from(first - 0x80);
            let Some((bytes, rest)) = rest.split_at_checked(count) else { return Element::Partial };
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return Element::Wrong,
    };
    if length > limit {
        return Element::Wrong;
    }
    let Some((contents, rest)) = rest.split_at_checked(length) else { return Element::Partial };
    *input = rest;
    Element::Whole(tag, contents)
}

/// The contents of the element at the front, if it is whole and has this tag.
pub(crate) fn expect<'a>(input: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let before = *input;
    match element(input, usize::MAX) {
        Element::Whole(found, contents) if found == tag => Some(contents),
        _ => {
            *input = before;
            None
        }
    }
}
