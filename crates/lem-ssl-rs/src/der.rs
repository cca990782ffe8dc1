//! Just enough DER (X.690) to say what a block of bytes is, and what stands in a certificate's fixed fields.
//!
//! No decision about trust rests on it: that is webpki's. It refuses files that are not what they say, and gives dates and
//! names for messages.

use std::time::Duration;

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
/// `[0]`, constructed: a certificate's version, the curve of a key in SEC 1.
pub(crate) const CONTEXT_0: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// One element.
#[derive(Clone, Copy)]
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

/// The fixed fields of a certificate that messages are about.
pub(crate) struct Certificate<'a> {
    /// The contents of the two names.
    pub(crate) issuer: &'a [u8],
    pub(crate) subject: &'a [u8],
    /// From when to when it is valid, since 1970; `None` if the dates cannot be read.
    pub(crate) validity: Option<(Duration, Duration)>,
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
        let issuer = expect(&mut fields, SEQUENCE)?;
        let mut dates = expect(&mut fields, SEQUENCE)?;
        let subject = expect(&mut fields, SEQUENCE)?;
        let _key = expect(&mut fields, SEQUENCE)?;
        let mut date = || time(take(&mut dates)?);
        let validity = date().zip(date());
        Some(Self { issuer, subject, validity })
    }
}

/// A time as certificates have it (RFC 5280 section 4.1.2.5), since 1970; before that, 1970.
fn time(element: Element<'_>) -> Option<Duration> {
    let digits = element.content.strip_suffix(b"Z")?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |digits: &[u8]| digits.iter().fold(0_u64, |number, digit| number * 10 + u64::from(digit - b'0'));
    let (year, rest) = match (element.tag, digits.len()) {
        (UTC_TIME, 12) => {
            let year = number(&digits[..2]);
            (if year < 50 { 2000 + year } else { 1900 + year }, &digits[2..])
        }
        (GENERALIZED_TIME, 14) => (number(&digits[..4]), &digits[4..]),
        _ => return None,
    };
    let part = |at: usize| number(&rest[at..at + 2]);
    let (month, day, seconds) = (part(0), part(2), part(4) * 3600 + part(6) * 60 + part(8));
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    Some(Duration::from_secs(days_since_1970(year, month, day) * 24 * 60 * 60 + seconds))
}

/// Counts in years that begin in March, so that the day that some years have more is the last one.
fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    const DAYS_TO_1970: u64 = 719_468; // from 0000-03-01
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.saturating_sub(1), month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    days.saturating_sub(DAYS_TO_1970)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_rfc_5280_writes_them() {
        for (tag, text, expected) in [
            (UTC_TIME, "700101000000Z", Some(0)),
            (UTC_TIME, "000229000000Z", Some(951_782_400)),
            (UTC_TIME, "491231235959Z", Some(2_524_607_999)),
            (UTC_TIME, "500101000000Z", Some(0)),
            (GENERALIZED_TIME, "21000301000000Z", Some(4_107_542_400)),
            (GENERALIZED_TIME, "99991231235959Z", Some(253_402_300_799)),
            (UTC_TIME, "0002290000Z", None),
            (UTC_TIME, "000229000000+0000", None),
            (GENERALIZED_TIME, "20000230000000.5Z", None),
            (UTC_TIME, "001329000000Z", None),
        ] {
            let element = Element { tag, content: text.as_bytes(), whole: &[] };
            assert_eq!(time(element), expected.map(Duration::from_secs), "{text}");
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
