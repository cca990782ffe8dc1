//! Why the issuer of a certificate was not found: what looks like it and is not on the way.

use rustls::pki_types::TrustAnchor;

use super::path::Presented;
use crate::error::{CertificateFault, CertificateFinding, Explanation};
use crate::x509::{NameValue, Raw, readable};

/// So many signatures are checked to say it: what that costs is ours, and the peer chooses how often.
const MAX_SIGNATURES: usize = 8;

/// Says more of the issuer that was not found, if that is what keeps a chain from a root. `has_signed` checks the signature of
/// a certificate with the contents of a key.
pub(super) fn look_for_issuer(
    explanation: &mut Explanation,
    presented: &[Presented<'_>],
    roots: &[TrustAnchor<'_>],
    has_signed: impl Fn(&Raw<'_>, &[u8]) -> bool,
) {
    let is_missing = |found: &&mut CertificateFinding| matches!(found.fault, CertificateFault::UnknownIssuer { .. });
    let Some(lost) = explanation.findings.iter_mut().find(is_missing) else { return };
    let Some(Ok(below)) = lost.position.and_then(|at| presented.get(at)) else { return };
    let issuer = readable(below.issuer);
    if let Some(position) = rewritten_issuer(below, presented, roots, &has_signed) {
        lost.fault = CertificateFault::IssuerRewritten { issuer, position };
    } else if let Some((at, one, root)) = unconnected(presented, &explanation.path, roots, &has_signed) {
        let fault = CertificateFault::Unconnected { root: readable(&root.subject), missing: issuer };
        explanation.findings.push(CertificateFinding { fault, position: Some(at), subject: readable(one.subject) });
    }
}

/// The place among those presented of the one that has issued `below`, by the signature and by what its name says, though it is
/// written in another way; `None` if it is a root.
fn rewritten_issuer(
    below: &Raw<'_>,
    presented: &[Presented<'_>],
    roots: &[TrustAnchor<'_>],
    has_signed: impl Fn(&Raw<'_>, &[u8]) -> bool,
) -> Option<Option<usize>> {
    let issuer = NameValue::of(below.issuer);
    let is_it = |subject: &[u8]| subject != below.issuer && NameValue::of(subject) == issuer;
    let of_roots = roots.iter().filter(|root| is_it(&root.subject));
    let of_roots = of_roots.map(|root| (None, root.subject_public_key_info.as_ref()));
    let others = presented.iter().enumerate().skip(1).filter_map(|(at, one)| Some((at, one.as_ref().ok()?)));
    let others = others.filter(|(_, one)| is_it(one.subject)).map(|(at, one)| (Some(at), one.key));
    let found = of_roots.chain(others).take(MAX_SIGNATURES).find(|(_, key)| has_signed(below, key));
    found.map(|(position, _)| position)
}

/// The first certificate beside the way that a trusted root has issued, its place, and the root.
fn unconnected<'a>(
    presented: &'a [Presented<'a>],
    way: &[usize],
    roots: &'a [TrustAnchor<'a>],
    has_signed: impl Fn(&Raw<'_>, &[u8]) -> bool,
) -> Option<(usize, &'a Raw<'a>, &'a TrustAnchor<'a>)> {
    let beside = presented.iter().enumerate().skip(1).filter(|(at, _)| !way.contains(at));
    let authorities = beside.filter_map(|(at, one)| Some((at, one.as_ref().ok()?)));
    let authorities = authorities.filter(|(_, one)| one.extensions.authority.is_some());
    let links = authorities.flat_map(|(at, one)| {
        let issuers = roots.iter().filter(|root| root.subject.as_ref() == one.issuer);
        issuers.map(move |root| (at, one, root))
    });
    links.take(MAX_SIGNATURES).find(|(_, one, root)| has_signed(one, &root.subject_public_key_info))
}
