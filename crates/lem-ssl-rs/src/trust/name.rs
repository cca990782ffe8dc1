//! The names of a certificate's subject and issuer, as people write them.
//!
//! Reads just enough DER (X.690) for a distinguished name (RFC 5280 section 4.1.2.4). Whatever it does not understand
//! is left out: the result is for messages, and no decision rests on it.

/// The name in `der`, the contents of a distinguished name's outer sequence: `CN=example.org, O=Example`. The most
/// particular part first. `None` if there is nothing that can be shown.
pub(crate) fn readable(der: &[u8]) -> Option<String> {
    let mut parts = Vec::new();
    let mut sets = der;
    while let Some((SET, mut attributes)) = take(&mut sets) {
        while let Some((SEQUENCE, mut attribute)) = take(&mut attributes) {
            let Some((OBJECT_IDENTIFIER, oid)) = take(&mut attribute) else { continue };
            let Some((tag, value)) = take(&mut attribute) else { continue };
            if let (Some(label), Some(text)) = (label_of(oid), text_of(tag, value)) {
                parts.push(format!("{label}={text}"));
            }
        }
    }
    parts.reverse();
    (!parts.is_empty()).then(|| parts.join(", "))
}

const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;

/// Takes one element off the front: its tag and contents. `None` at the end, and for what is no DER.
fn take<'a>(input: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&tag, rest) = input.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // A name longer than 64 KiB is nobody's.
        0x81 => (usize::from(*rest.first()?), &rest[1..]),
        0x82 => (usize::from(*rest.first()?) << 8 | usize::from(*rest.get(1)?), &rest[2..]),
        _ => return None,
    };
    let contents = rest.get(..length)?;
    *input = &rest[length..];
    Some((tag, contents))
}

/// The usual short name of an attribute type (RFC 4514 section 3).
fn label_of(oid: &[u8]) -> Option<&'static str> {
    match oid {
        [0x55, 0x04, 0x03] => Some("CN"),
        [0x55, 0x04, 0x06] => Some("C"),
        [0x55, 0x04, 0x07] => Some("L"),
        [0x55, 0x04, 0x08] => Some("ST"),
        [0x55, 0x04, 0x0a] => Some("O"),
        [0x55, 0x04, 0x0b] => Some("OU"),
        _ => None,
    }
}

/// The text of a string type, without characters that would disturb a terminal or a log.
fn text_of(tag: u8, value: &[u8]) -> Option<String> {
    const UTF8: u8 = 0x0c;
    const PRINTABLE: u8 = 0x13;
    const TELETEX: u8 = 0x14;
    const IA5: u8 = 0x16;
    const BMP: u8 = 0x1e;
    let text = match tag {
        UTF8 | PRINTABLE | TELETEX | IA5 => String::from_utf8_lossy(value).into_owned(),
        BMP => {
            let units = value.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        _ => return None,
    };
    const LONGEST_SHOWN: usize = 100;
    let shown = text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter });
    Some(shown.take(LONGEST_SHOWN).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
        let mut bytes = vec![tag, contents.len() as u8];
        bytes.extend_from_slice(contents);
        bytes
    }

    fn attribute(oid: &[u8], tag: u8, value: &[u8]) -> Vec<u8> {
        let pair = [element(OBJECT_IDENTIFIER, oid), element(tag, value)].concat();
        element(SET, &element(SEQUENCE, &pair))
    }

    #[test]
    fn the_most_particular_part_of_a_name_comes_first() {
        let der = [
            attribute(&[0x55, 4, 6], 0x13, b"NL"),
            attribute(&[0x55, 4, 10], 0x0c, "Prüfstelle".as_bytes()),
            attribute(&[0x55, 4, 3], 0x0c, b"Test Root"),
        ]
        .concat();
        assert_eq!(readable(&der).as_deref(), Some("CN=Test Root, O=Prüfstelle, C=NL"));
    }

    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        let der = attribute(&[0x55, 4, 3], 0x0c, b"evil\x1b[2J\nname");
        assert_eq!(readable(&der).as_deref(), Some("CN=evil\u{fffd}[2J\u{fffd}name"));
    }

    #[test]
    fn no_truncation_and_no_garbage_panics() {
        let der = attribute(&[0x55, 4, 3], 0x0c, b"name");
        for end in 0..der.len() {
            readable(&der[..end]);
        }
        for byte in 0..=255_u8 {
            readable(&[byte; 40]);
            for length in 0..=255 {
                readable(&[SET, byte, length, 0x30]);
            }
        }
    }
}
