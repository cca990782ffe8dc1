//! Extensions (RFC 5280 section 4.2).

use super::constraints::Constraints;
use super::der::{Reader, dotted, tag};
use super::general_name::GeneralName;

/// The extensions that say something about a chain.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extensions<'a> {
    /// The contents of the list of alternative names.
    names: Option<&'a [u8]>,
    /// CA:TRUE, and how many authorities may stand between it and the leaf.
    pub(crate) authority: Option<Option<u64>>,
    /// The contents of the list of purposes.
    purposes: Option<&'a [u8]>,
    pub(crate) constraints: Option<Constraints<'a>>,
    /// The bits of what the key may be used for.
    key_uses: Option<&'a [u8]>,
    /// Which of its issuer's keys has signed it.
    pub(crate) authority_key: Option<&'a [u8]>,
    /// A critical extension that webpki does not know; by its number.
    unknown_critical: Option<&'a [u8]>,
}

/// `[0]`, in the identifier of an authority's key (RFC 5280 section 4.2.1.1).
const KEY_IDENTIFIER: u8 = 0x80;

/// What a key may be used for (RFC 5280 section 4.2.1.3), by the number of its bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyUse {
    Signatures = 0,
    Certificates = 5,
    RevocationLists = 6,
}

impl<'a> Extensions<'a> {
    /// Reads the contents of the list.
    ///
    /// # Errors
    /// The part that cannot be read.
    pub(super) fn read(list: Reader<'a>) -> Result<Self, &'static str> {
        const UNREADABLE: &str = "its extensions";
        let mut found = Self::default();
        let mut list = list;
        while !list.is_empty() {
            let mut extension = list.enter(tag::SEQUENCE).ok_or(UNREADABLE)?;
            let id = extension.expect(tag::OBJECT_IDENTIFIER).ok_or(UNREADABLE)?;
            let is_critical = extension.expect(tag::BOOLEAN).is_some_and(|value| value != [0]);
            let value = Reader(extension.expect(tag::OCTET_STRING).ok_or(UNREADABLE)?);
            let list_of = |name| ({ value }).expect(tag::SEQUENCE).ok_or(name);
            match id {
                [0x55, 0x1d, 17] => found.names = Some(list_of("its alternative names")?),
                [0x55, 0x1d, 19] => {
                    let mut basic = Reader(list_of("its basic constraints")?);
                    let is_authority = basic.expect(tag::BOOLEAN).is_some_and(|value| value != [0]);
                    let length = basic
                        .expect(tag::INTEGER)
                        .map(|bytes| bytes.iter().take(8).fold(0, |length, byte| length << 8 | u64::from(*byte)));
                    found.authority = is_authority.then_some(length);
                }
                [0x55, 0x1d, 30] => found.constraints = Some(Constraints(list_of("its name constraints")?)),
                [0x55, 0x1d, 37] => found.purposes = Some(list_of("its purposes")?),
                [0x55, 0x1d, 15] => {
                    // Nobody refuses a certificate for a list that cannot be read: it allows nothing.
                    let bits = ({ value }).expect(tag::BIT_STRING).and_then(|bits| bits.split_first());
                    found.key_uses = Some(bits.map_or(&[], |(_, bits)| bits));
                }
                // Nobody refuses a certificate for this one: it only helps to find the issuer.
                [0x55, 0x1d, 35] if !is_critical => {
                    let mut inside = Reader(({ value }).expect(tag::SEQUENCE).unwrap_or_default());
                    found.authority_key = inside.expect(KEY_IDENTIFIER);
                }
                // Where revocation lists are to be had.
                [0x55, 0x1d, 31] => {}
                other if is_critical => found.unknown_critical = Some(other),
                _ => {}
            }
        }
        Ok(found)
    }

    /// The alternative names.
    pub(crate) fn names(&self) -> impl Iterator<Item = GeneralName<'a>> + use<'a> {
        Reader(self.names.unwrap_or_default()).map(|element| GeneralName::read(element.tag, element.content))
    }

    /// The purposes, as the contents of their object identifiers; `None` if it is for all.
    pub(crate) fn purposes(&self) -> Option<impl Iterator<Item = &'a [u8]> + use<'a>> {
        let list = Reader(self.purposes?);
        Some(list.filter(|element| element.tag == tag::OBJECT_IDENTIFIER).map(|element| element.content))
    }

    /// Whether the key may be used for this: it may for everything if it is not said.
    pub(crate) fn allows(&self, key_use: KeyUse) -> bool {
        let bit = key_use as usize;
        self.key_uses.is_none_or(|bits| bits.get(bit / 8).is_some_and(|byte| byte & 0x80 >> (bit % 8) != 0))
    }

    /// The object identifier of a critical extension that webpki does not know.
    pub(crate) fn unknown_critical_oid(&self) -> Option<String> {
        self.unknown_critical.map(dotted)
    }
}

/// What a purpose is for, by the contents of its object identifier.
pub(crate) fn purpose_name(oid: &[u8]) -> String {
    let name = match oid {
        [0x2b, 6, 1, 5, 5, 7, 3, 1] => "servers",
        [0x2b, 6, 1, 5, 5, 7, 3, 2] => "clients",
        [0x2b, 6, 1, 5, 5, 7, 3, 3] => "signing code",
        [0x2b, 6, 1, 5, 5, 7, 3, 4] => "e-mail",
        [0x2b, 6, 1, 5, 5, 7, 3, 8] => "time stamps",
        [0x2b, 6, 1, 5, 5, 7, 3, 9] => "signing OCSP answers",
        [0x55, 0x1d, 0x25, 0] => "any purpose",
        other => return dotted(other),
    };
    name.to_owned()
}
