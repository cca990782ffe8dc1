//! The ways from a peer's certificate upwards, through what it presented, to trusted roots.

use std::borrow::Cow;
use std::collections::HashSet;

use rustls::CertificateError;
use rustls::pki_types::{CertificateDer, TrustAnchor};
use webpki::EndEntityCert;

use crate::x509::Raw;

/// A presented certificate, or the part of it that cannot be read.
pub(super) type Presented<'a> = Result<Raw<'a>, &'static str>;

/// One way.
#[derive(Debug, Clone)]
pub(super) struct Path {
    /// Places in the presented chain, from 0 upwards.
    pub(super) certificates: Vec<usize>,
    /// The place among the roots of the one that it leads to; `None` if it ends without one.
    pub(super) root: Option<usize>,
}

/// A peer may present hundreds of certificates that all name each other. In a chain of a dozen, this lets the search go
/// hundreds of steps; real ones need a few.
const MAX_LOOKS: usize = 10_000;

/// Each way to roots costs a signature, if only to find out that it is none. Ways that differ only in which of several roots
/// of one name they end at are one here: a peer cannot make more of them, and webpki checks no more than 100 signatures.
const MAX_WAYS: usize = 32;

/// More roots of one name are not told apart: an explanation checks the signatures by a dozen of them.
const MAX_ENDS: usize = 32;

/// Longer ways are not searched; webpki refuses much shorter ones. Of the first one, its length and its end are found out.
const MAX_CERTIFICATES: usize = 12;

/// With so many certificates behind the leaf there are five ways at most, however many roots there are: what nearly all
/// servers present is not searched.
const FEW: usize = 2;

/// What the search looks at.
struct Node<'a> {
    subject: &'a [u8],
    issuer: &'a [u8],
    key: Vec<u8>,
}

impl<'a> Node<'a> {
    fn of_raw(one: &'a Raw<'_>) -> Self {
        Self { subject: one.subject, issuer: one.issuer, key: one.key.to_vec() }
    }

    fn of_webpki(one: &'a EndEntityCert<'_>) -> Self {
        Self { subject: one.subject(), issuer: one.issuer(), key: one.subject_public_key_info().to_vec() }
    }
}

/// Which of these were not presented before, byte for byte. A copy is no other way, and chains with copies are common:
/// programs that renew certificates append to files.
fn firsts<'c>(chain: impl Iterator<Item = &'c CertificateDer<'c>>) -> Vec<bool> {
    let mut seen = HashSet::new();
    chain.map(|der| seen.insert(der.as_ref())).collect()
}

/// The certificates behind a leaf, without copies.
pub(super) fn distinct<'c>(
    leaf: &'c CertificateDer<'c>,
    intermediates: &'c [CertificateDer<'c>],
) -> Cow<'c, [CertificateDer<'c>]> {
    if intermediates.is_empty() {
        return Cow::Borrowed(intermediates);
    }
    let firsts = firsts(std::iter::once(leaf).chain(intermediates));
    if firsts.iter().all(|is_first| *is_first) {
        return Cow::Borrowed(intermediates);
    }
    let kept = intermediates.iter().zip(&firsts[1..]).filter(|(_, is_first)| **is_first);
    kept.map(|(der, _)| CertificateDer::from(der.as_ref())).collect()
}

/// All ways, and whether there may be more of them. `presented` is what was read of `chain`.
pub(super) fn paths(
    chain: &[CertificateDer<'_>],
    presented: &[Presented<'_>],
    roots: &[TrustAnchor<'_>],
) -> (Vec<Path>, bool) {
    let read = presented.iter().zip(firsts(chain.iter()));
    let nodes: Vec<_> = read.map(|(one, first)| one.as_ref().ok().filter(|_| first).map(Node::of_raw)).collect();
    search(&nodes, roots)
}

/// Whether a chain, of [distinct] certificates, offers so many ways that webpki could be busy with them for seconds: it
/// goes a hundred thousand steps, and reads every certificate again in each.
pub(super) fn is_maze(
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    roots: &[TrustAnchor<'_>],
) -> bool {
    if intermediates.len() <= FEW {
        return false;
    }
    // Read by webpki itself: what it cannot read, it does not follow.
    let read: Vec<_> =
        std::iter::once(leaf).chain(intermediates).map(|der| EndEntityCert::try_from(der).ok()).collect();
    let nodes: Vec<_> = read.iter().map(|one| one.as_ref().map(Node::of_webpki)).collect();
    search(&nodes, roots).1
}

/// What rustls makes the right alert of for a chain that nobody has gone through.
pub(super) const IN_A_MAZE: CertificateError = CertificateError::UnknownIssuer;

fn search(nodes: &[Option<Node<'_>>], roots: &[TrustAnchor<'_>]) -> (Vec<Path>, bool) {
    let looks = Some(MAX_LOOKS);
    let mut search = Search { nodes, roots, looks, ways: 0, found: Vec::new(), is_too_long: false };
    search.follow(&mut vec![0]);
    (search.found, search.looks.is_none())
}

struct Search<'a> {
    nodes: &'a [Option<Node<'a>>],
    roots: &'a [TrustAnchor<'a>],
    /// How many certificates may still be looked at; `None` when there was more to look at than that.
    looks: Option<usize>,
    /// How many were found, with all roots of one name counted once.
    ways: usize,
    found: Vec<Path>,
    /// A way was found that is longer than those that are searched.
    is_too_long: bool,
}

impl Search<'_> {
    fn follow(&mut self, path: &mut Vec<usize>) {
        let nodes = self.nodes;
        self.looks = self.looks.and_then(|looks| looks.checked_sub(nodes.len()));
        let Some(Some(head)) = path.last().and_then(|last| nodes.get(*last)) else { return };
        let is_issuer = |(at, root): (usize, &TrustAnchor<'_>)| (root.subject.as_ref() == head.issuer).then_some(at);
        let ends: Vec<_> = self.roots.iter().enumerate().filter_map(is_issuer).map(Some).collect();
        let mut is_end = ends.is_empty();
        if !is_end {
            self.found(path, &ends);
        }
        for (at, candidate) in nodes.iter().enumerate().skip(1) {
            let Some(candidate) = candidate else { continue };
            let is_visited = |before: &usize| {
                nodes[*before].as_ref().is_some_and(|one| one.subject == candidate.subject && one.key == candidate.key)
            };
            // A circle leads nowhere (RFC 4158 section 5.2).
            if candidate.subject != head.issuer || path.iter().any(is_visited) {
                continue;
            }
            is_end = false;
            if path.len() >= MAX_CERTIFICATES {
                self.go_on_straight(path);
                return;
            }
            if self.looks.is_none() {
                return;
            }
            path.push(at);
            self.follow(path);
            path.pop();
        }
        if is_end {
            self.found(path, &[None]);
        }
    }

    /// Follows one way that is too long to its end, without looking at any other.
    fn go_on_straight(&mut self, path: &[usize]) {
        if std::mem::replace(&mut self.is_too_long, true) {
            return;
        }
        let nodes = self.nodes;
        let mut path = path.to_vec();
        let mut is_visited = vec![false; nodes.len()];
        path.iter().for_each(|at| is_visited[*at] = true);
        while let Some(Some(head)) = path.last().map(|last| &nodes[*last]) {
            if let Some(root) = self.roots.iter().position(|root| root.subject.as_ref() == head.issuer) {
                return self.found(&path, &[Some(root)]);
            }
            let is_issuer = |node: &Option<Node<'_>>| node.as_ref().is_some_and(|node| node.subject == head.issuer);
            let Some(next) = (1..nodes.len()).find(|at| !is_visited[*at] && is_issuer(&nodes[*at])) else { break };
            is_visited[next] = true;
            path.push(next);
        }
        self.found(&path, &[None]);
    }

    /// Takes a way, which ends at each of these.
    fn found(&mut self, path: &[usize], ends: &[Option<usize>]) {
        if self.ways < MAX_WAYS {
            self.ways += 1;
            self.found.extend(ends.iter().take(MAX_ENDS).map(|root| Path { certificates: path.to_vec(), root: *root }));
        } else {
            self.looks = None;
        }
    }
}
