//! The names of a certificate's subject and issuer, as people write them.
//!
//! Whatever is not understood is left out: the result is for messages, and no decision rests on it.

use super::der::{Reader, dotted, tag};

/// The name in `der`, the contents of a distinguished name's outer sequence (RFC 5280 section 4.1.2.4):
/// `CN=example.org, O=Example`. The most particular part first. `None` if there is nothing that can be shown.
pub(crate) fn readable(der: &[u8]) -> Option<String> {
    let mut parts = Vec::new();
    for set in Reader(der).filter(|set| set.tag == tag::SET).take(MAX_PARTS) {
        for attribute in Reader(set.content).filter(|attribute| attribute.tag == tag::SEQUENCE).take(MAX_PARTS) {
            let mut attribute = Reader(attribute.content);
            let Some(kind) = attribute.expect(tag::OBJECT_IDENTIFIER) else { continue };
            let Some(value) = attribute.next() else { continue };
            if let Some(text) = text_of(value.tag, value.content) {
                parts.push(format!("{}={text}", label_of(kind)));
            }
        }
    }
    parts.reverse();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// The common name in `der`, in full; `None` if there is none, or more than one: which of them would it be?
pub(crate) fn common_name(der: &[u8]) -> Option<String> {
    let mut found = None;
    for set in Reader(der) {
        for attribute in Reader(set.content) {
            let mut attribute = Reader(attribute.content);
            if attribute.expect(tag::OBJECT_IDENTIFIER) != Some(&COMMON_NAME) {
                continue;
            }
            let value = attribute.next()?;
            if found.replace(whole_text(value.tag, value.content)?).is_some() {
                return None;
            }
        }
    }
    found
}

const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];

/// A name of more parts is shown in part.
const MAX_PARTS: usize = 16;

/// The same text without characters that would disturb a terminal or a log, turn the direction of writing, or not be
/// seen.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|letter| if steers(letter) { '\u{fffd}' } else { letter }).collect()
}

fn steers(letter: char) -> bool {
    letter.is_control() || is_invisible(letter) || matches!(letter, '\u{2028}' | '\u{2029}' | '\u{fff9}'..='\u{fffb}')
}

/// What is not seen, or only by what it does to the letters beside it: `Default_Ignorable_Code_Point` of Unicode. Two
/// names that differ in such letters look the same, and some of them turn the direction of writing.
fn is_invisible(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// The usual short name of an attribute type (RFC 4514 section 3), or its number.
fn label_of(oid: &[u8]) -> String {
    let label = match oid {
        [0x55, 0x04, 0x03] => "CN",
        [0x55, 0x04, 0x05] => "serialNumber",
        [0x55, 0x04, 0x06] => "C",
        [0x55, 0x04, 0x07] => "L",
        [0x55, 0x04, 0x08] => "ST",
        [0x55, 0x04, 0x0a] => "O",
        [0x55, 0x04, 0x0b] => "OU",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x01] => "UID",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19] => "DC",
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01] => "emailAddress",
        other => return dotted(other),
    };
    label.to_owned()
}

/// The beginning of the text of a string type, printable.
fn text_of(tag: u8, value: &[u8]) -> Option<String> {
    const MAX_SHOWN: usize = 100;
    Some(whole_text(tag, value)?.chars().take(MAX_SHOWN).collect())
}

/// The text of a string type, printable.
fn whole_text(tag: u8, value: &[u8]) -> Option<String> {
    text_of_kind(tag, value).map(|text| printable(&text))
}

/// The text of a string type, as it is.
pub(super) fn text_of_kind(tag: u8, value: &[u8]) -> Option<String> {
    const UTF8: u8 = 0x0c;
    const NUMERIC: u8 = 0x12;
    const PRINTABLE: u8 = 0x13;
    const TELETEX: u8 = 0x14;
    const IA5: u8 = 0x16;
    const VISIBLE: u8 = 0x1a;
    const UNIVERSAL: u8 = 0x1c;
    const BMP: u8 = 0x1e;
    let text = match tag {
        // What programs write into it is Latin-1, or UTF-8.
        TELETEX if str::from_utf8(value).is_err() => value.iter().copied().map(char::from).collect(),
        UTF8 | NUMERIC | PRINTABLE | TELETEX | IA5 | VISIBLE => String::from_utf8_lossy(value).into_owned(),
        BMP => {
            let units = value.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        UNIVERSAL => {
            let letters = value.chunks_exact(4).map(|four| u32::from_be_bytes([four[0], four[1], four[2], four[3]]));
            letters.map(|letter| char::from_u32(letter).unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        _ => return None,
    };
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
        let mut bytes = vec![tag, contents.len() as u8];
        bytes.extend_from_slice(contents);
        bytes
    }

    fn attribute(oid: &[u8], kind: u8, value: &[u8]) -> Vec<u8> {
        let pair = [element(tag::OBJECT_IDENTIFIER, oid), element(kind, value)].concat();
        element(tag::SET, &element(tag::SEQUENCE, &pair))
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
    fn a_common_name_is_whole_and_the_only_one() {
        let name = |value: &[u8]| attribute(&COMMON_NAME, 0x0c, value);
        let long = "x".repeat(110);
        assert_eq!(common_name(&name(long.as_bytes())), Some(long));
        let others = [attribute(&[0x55, 4, 10], 0x0c, b"CN=admin"), name(b"a, CN=b")].concat();
        assert_eq!(common_name(&others).as_deref(), Some("a, CN=b"));
        assert_eq!(common_name(&[name(b"admin"), name(b"guest")].concat()), None);
        assert_eq!(common_name(&attribute(&[0x55, 4, 10], 0x0c, b"CN=admin")), None);
        assert_eq!(common_name(&name(b"admin\0")).as_deref(), Some("admin\u{fffd}"));
        assert_eq!(common_name(&[]), None);
    }

    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        let der = attribute(&[0x55, 4, 3], 0x0c, b"evil\x1b[2J\nname");
        assert_eq!(readable(&der).as_deref(), Some("CN=evil\u{fffd}[2J\u{fffd}name"));
    }

    #[test]
    fn two_names_that_look_the_same_are_not_two_names() {
        let hidden = "\u{ad}\u{61c}\u{200b}\u{200c}\u{200d}\u{2060}\u{206a}\u{206f}\u{2028}\u{202e}\u{feff}\u{e0041}";
        for letter in hidden.chars() {
            assert_eq!(printable(&format!("ad{letter}min")), "ad\u{fffd}min", "{letter:?}");
        }
        assert_eq!(printable("Prüfstelle 試験 ✓"), "Prüfstelle 試験 ✓");
    }

    #[test]
    fn no_truncation_and_no_garbage_panics() {
        let der = attribute(&[0x55, 4, 3], 0x0c, b"name");
        for end in 0..der.len() {
            readable(&der[..end]);
            common_name(&der[..end]);
        }
        for byte in 0..=255_u8 {
            readable(&[byte; 40]);
            common_name(&[byte; 40]);
            for length in 0..=255 {
                readable(&[tag::SET, byte, length, 0x30]);
            }
        }
    }
}
