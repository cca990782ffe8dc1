//! Elements of DER (X.690 section 8.1), and just enough to say what a block of bytes is.
//!
//! Whether a chain is good is webpki's to say. What may be a root, and whose a revocation list is, is read by it: each refuses
//! what cannot be read.

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
/// `[0]`, constructed: a certificate's version, the curve of a key in SEC 1.
pub(crate) const CONTEXT_0: u8 = 0xa0;

/// One element.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
    /// With its tag and length.
    pub(crate) whole: &'a [u8],
}

/// Takes one element off the front. `None` at the end, and for what is not DER.
pub(crate) fn take<'a>(input: &mut &'a [u8]) -> Option<Element<'a>> {
    let all = *input;
    let (&[tag, first], mut rest) = all.split_first_chunk::<2>()?;
    let length = match first {
        0..=0x7f => usize::from(first),
        0x81..=0x84 => {
            let (bytes, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
            rest = after;
            bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte))
        }
        _ => return None,
    };
    let (content, after) = rest.split_at_checked(length)?;
    *input = after;
    Some(Element { tag, content, whole: &all[..all.len() - after.len()] })
}

/// The content of the next element, which must have this tag.
pub(crate) fn expect<'a>(input: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    take(input).filter(|element| element.tag == tag).map(|element| element.content)
}

/// The content of an element with this tag that is all there is.
pub(crate) fn only(mut der: &[u8], tag: u8) -> Option<&[u8]> {
    let content = expect(&mut der, tag)?;
    der.is_empty().then_some(content)
}

/// An element with this tag.
pub(crate) fn encode(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut element = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short @ 0..=0x7f) => element.push(short),
        _ => {
            let length = content.len().to_be_bytes();
            let length = &length[length.iter().take_while(|byte| **byte == 0).count()..];
            element.push(0x80 | length.len() as u8);
            element.extend_from_slice(length);
        }
    }
    element.extend_from_slice(content);
    element
}

/// What an issuer has signed, with which algorithm, and the signature: the outer form of certificates, revocation lists
/// and requests (RFC 5280 section 4.1.1).
pub(crate) struct Signed<'a> {
    /// As it was signed, with its tag and length.
    pub(crate) message: Element<'a>,
    /// The content of the algorithm's identifier.
    pub(crate) algorithm: &'a [u8],
    pub(crate) signature: &'a [u8],
}

impl<'a> Signed<'a> {
    pub(crate) fn read(der: &'a [u8]) -> Option<Self> {
        let mut parts = only(der, SEQUENCE)?;
        let message = take(&mut parts).filter(|message| message.tag == SEQUENCE)?;
        let algorithm = expect(&mut parts, SEQUENCE)?;
        // Whole bytes: no unused bits.
        let signature = expect(&mut parts, BIT_STRING)?.strip_prefix(&[0])?;
        parts.is_empty().then_some(Self { message, algorithm, signature })
    }
}

/// Whether something is a certificate, be it good for anything or not, and whose.
pub(crate) struct Certificate<'a> {
    /// The contents of the name.
    pub(crate) subject: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// `None` if it is something else.
    pub(crate) fn read(der: &'a [u8]) -> Option<Self> {
        let mut fields = Signed::read(der)?.message.content;
        let mut first = take(&mut fields)?;
        if first.tag == CONTEXT_0 {
            first = take(&mut fields)?;
        }
        if first.tag != INTEGER {
            return None;
        }
        let _algorithm = expect(&mut fields, SEQUENCE)?;
        let _issuer = expect(&mut fields, SEQUENCE)?;
        let _validity = expect(&mut fields, SEQUENCE)?;
        let subject = expect(&mut fields, SEQUENCE)?;
        let _key = expect(&mut fields, SEQUENCE)?;
        Some(Self { subject })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_reads_back() {
        for length in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
            let content = vec![7; length];
            assert_eq!(only(&encode(SEQUENCE, &content), SEQUENCE), Some(content.as_slice()), "{length}");
        }
    }

    #[test]
    fn no_truncation_and_no_garbage_panics() {
        for byte in 0..=255_u8 {
            for length in 0..=255 {
                for tag in [SEQUENCE, CONTEXT_0, INTEGER] {
                    let bytes = [tag, byte, length, 0x30, 0x80, byte, length, 0xff];
                    for end in 0..=bytes.len() {
                        Certificate::read(&bytes[..end]);
                        take(&mut &bytes[..end]);
                    }
                }
            }
        }
    }
}
