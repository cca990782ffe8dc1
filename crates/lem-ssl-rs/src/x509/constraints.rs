//! Name constraints (RFC 5280 section 4.2.1.10), as webpki understands them.

use super::der::{Reader, tag};
use super::general_name::GeneralName;

/// The contents of a name constraints extension.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Constraints<'a>(pub(crate) &'a [u8]);

impl<'a> Constraints<'a> {
    /// The first of a certificate's alternative names that violates them, as people write it. `budget` is how many
    /// comparisons may be made; with none left, nothing is found.
    pub(crate) fn violated_by<'n>(
        &self,
        names: impl Iterator<Item = GeneralName<'n>>,
        budget: &mut usize,
    ) -> Option<String> {
        let mut lists = Reader(self.0);
        let permitted: Vec<_> = bases(lists.expect(tag::context(0))).take(*budget).collect();
        let excluded: Vec<_> = bases(lists.expect(tag::context(1))).take(*budget).collect();
        for name in names {
            *budget = budget.checked_sub(1 + permitted.len() + excluded.len())?;
            if violates(name, &permitted, &excluded) {
                return Some(name.readable().unwrap_or_else(|| "a name of a kind that is not understood".into()));
            }
        }
        // webpki compares no subjects: it refuses every certificate under a constraint on them.
        let subject = GeneralName::Directory(&[]);
        let is_refused = violates(subject, &permitted, &excluded);
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
