//! What a distinguished name says, however it is written.

use super::der::{Reader, tag};
use super::name::text_of_kind;

/// The value of a distinguished name: two names of the same value are of one authority (RFC 5280 section 7.1), though webpki,
/// as most programs do, takes only those for equal whose bytes are. String types, capitals and the number of blanks make no
/// difference; different ways to compose one letter in Unicode do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NameValue(Vec<Vec<Attribute>>);

/// The object identifier, and the value.
type Attribute = (Vec<u8>, Value);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Text(String),
    /// Of another type, or what is no attribute: the bytes count.
    Bytes(Vec<u8>),
}

impl NameValue {
    /// Of the contents of a name's outer sequence.
    pub(crate) fn of(der: &[u8]) -> Self {
        let sets = Reader(der).map(|set| {
            let mut attributes: Vec<_> = Reader(set.content).map(|attribute| read(attribute.whole)).collect();
            attributes.sort_unstable();
            attributes
        });
        Self(sets.collect())
    }

    /// Whether two names, each the contents of its outer sequence, say the same.
    pub(crate) fn is_same(one: &[u8], other: &[u8]) -> bool {
        one == other || Self::of(one) == Self::of(other)
    }
}

fn read(attribute: &[u8]) -> Attribute {
    let bytes = || (Vec::new(), Value::Bytes(attribute.to_vec()));
    let Some(mut parts) = Reader(attribute).enter(tag::SEQUENCE) else { return bytes() };
    let (Some(kind), Some(value)) = (parts.expect(tag::OBJECT_IDENTIFIER), parts.next()) else { return bytes() };
    let value = match text_of_kind(value.tag, value.content) {
        Some(text) => Value::Text(folded(&text)),
        None => Value::Bytes(value.whole.to_vec()),
    };
    (kind.to_vec(), value)
}

/// In small letters, with one blank between words and none around.
fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::der::encode;

    const COMMON_NAME: &[u8] = &[0x55, 4, 3];
    const ORGANISATION: &[u8] = &[0x55, 4, 10];

    fn attribute(kind: &[u8], string: u8, value: &[u8]) -> Vec<u8> {
        encode(tag::SEQUENCE, &[encode(tag::OBJECT_IDENTIFIER, kind), encode(string, value)].concat())
    }

    fn is_same_rewritten(one: &[u8], other: &[u8]) -> bool {
        assert!(NameValue::is_same(one, one));
        one != other && NameValue::is_same(one, other)
    }

    fn name(string: u8, value: &[u8]) -> Vec<u8> {
        encode(tag::SET, &attribute(COMMON_NAME, string, value))
    }

    #[test]
    fn string_types_capitals_and_blanks_make_no_difference() {
        let plain = name(0x0c, b"Test Root");
        let wide: Vec<u8> = "Test Root".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let wider: Vec<u8> = "Test Root".chars().flat_map(|letter| u32::from(letter).to_be_bytes()).collect();
        for other in [
            name(0x13, b"Test Root"),
            name(0x16, b"test root"),
            name(0x14, b"TEST ROOT"),
            name(0x1a, b"Test Root"),
            name(0x0c, b"  Test   Root "),
            name(0x1e, &wide),
            name(0x1c, &wider),
        ] {
            assert!(is_same_rewritten(&plain, &other), "{other:x?}");
        }
        assert!(is_same_rewritten(&name(0x0c, "Pr\u{fc}fstelle".as_bytes()), &name(0x14, b"PR\xdcFSTELLE")));
        assert!(!is_same_rewritten(&plain, &plain));
    }

    #[test]
    fn parts_of_a_name_are_a_set_and_parts_of_a_chain_of_names_are_not() {
        let (one, two) = (attribute(COMMON_NAME, 0x0c, b"a"), attribute(ORGANISATION, 0x0c, b"b"));
        let set = |parts: &[&[u8]]| encode(tag::SET, &parts.concat());
        assert!(is_same_rewritten(&set(&[&one, &two]), &set(&[&two, &one])));
        assert!(!is_same_rewritten(&[set(&[&one]), set(&[&two])].concat(), &[set(&[&two]), set(&[&one])].concat()));
    }

    #[test]
    fn other_names_are_others() {
        let plain = name(0x0c, b"Test Root");
        for other in [
            name(0x0c, b"Test Root 2"),
            name(0x0c, b"TestRoot"),
            encode(tag::SET, &attribute(ORGANISATION, 0x0c, b"Test Root")),
            name(tag::INTEGER, b"Test Root"),
            [plain.clone(), plain.clone()].concat(),
            Vec::new(),
        ] {
            assert!(!is_same_rewritten(&plain, &other), "{other:x?}");
        }
        for end in 0..plain.len() {
            assert!(!is_same_rewritten(&plain, &plain[..end]));
        }
    }
}
