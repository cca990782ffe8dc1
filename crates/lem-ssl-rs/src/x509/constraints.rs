//! Name constraints (RFC 5280 section 4.2.1.10), as webpki understands them.

use super::der::{Reader, tag};
use super::general_name::GeneralName;

/// The contents of a name constraints extension.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Constraints<'a>(pub(crate) &'a [u8]);

impl<'a> Constraints<'a> {
    pub(crate) fn read(self) -> Subtrees<'a> {
        let mut lists = Reader(self.0);
        let permitted = bases(lists.expect(tag::context(0))).collect();
        let excluded = bases(lists.expect(tag::context(1))).collect();
        Subtrees { permitted, excluded }
    }
}

/// The names that constraints are about.
#[derive(Debug)]
pub(crate) struct Subtrees<'a> {
    permitted: Vec<GeneralName<'a>>,
    excluded: Vec<GeneralName<'a>>,
}

impl Subtrees<'_> {
    /// The first of a certificate's alternative names that violates them, as people write it. `budget` is how many
    /// comparisons may be made; with none left, nothing is found.
    pub(crate) fn violated_by<'n>(
        &self,
        names: impl Iterator<Item = GeneralName<'n>>,
        budget: &mut usize,
    ) -> Option<String> {
        let Self { permitted, excluded } = self;
        let mut charge = || {
            *budget = budget.checked_sub(1 + permitted.len() + excluded.len())?;
            Some(())
        };
        for name in names {
            charge()?;
            if violates(name, permitted, excluded) {
                return Some(name.readable().unwrap_or_else(|| "a name of a kind that is not understood".into()));
            }
        }
        // webpki compares no subjects: it refuses every certificate under a constraint on them.
        charge()?;
        let is_refused = violates(GeneralName::Directory(&[]), permitted, excluded);
        is_refused.then(|| "the name of its subject (constraints on subjects are not supported)".into())
    }
}

fn bases(list: Option<&[u8]>) -> impl Iterator<Item = GeneralName<'_>> {
    Reader(list.unwrap_or_default())
        .filter_map(|subtree| Reader(subtree.content).next())
        .map(|base| GeneralName::read(base.tag, base.content))
}

fn violates(name: GeneralName<'_>, permitted: &[GeneralName<'_>], excluded: &[GeneralName<'_>]) -> bool {
    let of_its_kind = |base: &&GeneralName<'_>| same_kind(name, **base);
    let mut allowed = permitted.iter().filter(of_its_kind).peekable();
    let is_unlisted = allowed.peek().is_some() && !allowed.any(|base| is_within(name, *base, false));
    is_unlisted || excluded.iter().filter(of_its_kind).any(|base| is_within(name, *base, true))
}

fn same_kind(name: GeneralName<'_>, base: GeneralName<'_>) -> bool {
    match (name, base) {
        (GeneralName::Other(one), GeneralName::Other(other)) => one == other,
        _ => std::mem::discriminant(&name) == std::mem::discriminant(&base),
    }
}

/// Whether a name is within a subtree; for kinds that are not compared, `otherwise`, so that it is refused.
fn is_within(name: GeneralName<'_>, base: GeneralName<'_>, otherwise: bool) -> bool {
    match (name, base) {
        (GeneralName::Dns(name), GeneralName::Dns(base)) => {
            let (base, itself) = base.strip_prefix(b".").map_or((base, true), |base| (base, false));
            dns_is_within(name, base, itself)
        }
        (GeneralName::Ip(name), GeneralName::Ip(base)) => {
            let (base, mask) = base.split_at(base.len() / 2);
            base.len() == name.len()
                && mask.len() == name.len()
                && name.iter().zip(base).zip(mask).all(|((name, base), mask)| name & mask == base & mask)
        }
        _ => otherwise,
    }
}

/// `itself` says whether the name may be `base` itself: a constraint that begins with a dot is for names below it.
fn dns_is_within(name: &[u8], base: &[u8], itself: bool) -> bool {
    let Some(below) = name.len().checked_sub(base.len()) else { return false };
    let (front, back) = name.split_at(below);
    let is_boundary = if front.is_empty() { itself } else { base.is_empty() || front.ends_with(b".") };
    back.eq_ignore_ascii_case(base) && is_boundary
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list of so many subtrees of DNS names.
    fn constraints(count: usize) -> Vec<u8> {
        let subtree = [0x30, 4, 0x82, 2, b'a', b'b'];
        let mut bytes = vec![tag::context(1), 0x82];
        bytes.extend(((subtree.len() * count) as u16).to_be_bytes());
        bytes.extend(subtree.repeat(count));
        bytes
    }

    #[test]
    fn every_certificate_is_charged_for_even_one_without_names() {
        let der = constraints(10);
        let subtrees = Constraints(&der).read();
        for (names, compared) in [(0, 1), (1, 2), (5, 6)] {
            let mut budget = 100;
            let names = || std::iter::repeat_n(GeneralName::Dns(b"other.test"), names);
            assert_eq!(subtrees.violated_by(names(), &mut budget), None);
            assert_eq!(budget, 100 - 11 * compared);
        }
        let mut budget = 11;
        assert!(subtrees.violated_by([GeneralName::Dns(b"ab")].into_iter(), &mut budget).is_some());
        assert!(subtrees.violated_by([GeneralName::Dns(b"ab")].into_iter(), &mut budget).is_none(), "it is used up");
    }
}
