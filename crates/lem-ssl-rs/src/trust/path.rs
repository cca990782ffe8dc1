//! The ways from a peer's certificate upwards, through what it presented, to trusted roots.

use rustls::pki_types::TrustAnchor;

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

/// A peer may present hundreds of certificates that all name each other: so many steps are made, and no more.
const MAX_STEPS: usize = 64;

/// Longer ways are not followed; webpki refuses much shorter ones.
const MAX_CERTIFICATES: usize = 12;

/// All ways, and whether there may be more of them.
pub(super) fn paths(presented: &[Presented<'_>], roots: &[TrustAnchor<'_>]) -> (Vec<Path>, bool) {
    let mut search = Search { presented, roots, steps: MAX_STEPS, found: Vec::new() };
    search.follow(&mut vec![0]);
    (search.found, search.steps == 0)
}

struct Search<'a> {
    presented: &'a [Presented<'a>],
    roots: &'a [TrustAnchor<'a>],
    steps: usize,
    found: Vec<Path>,
}

impl Search<'_> {
    fn follow(&mut self, path: &mut Vec<usize>) {
        let Some(steps) = self.steps.checked_sub(1) else { return };
        self.steps = steps;
        let presented = self.presented;
        let Some(Ok(head)) = path.last().and_then(|last| presented.get(*last)) else { return };
        let mut is_end = true;
        for (at, root) in self.roots.iter().enumerate() {
            if root.subject.as_ref() == head.issuer {
                is_end = false;
                self.found.push(Path { certificates: path.clone(), root: Some(at) });
            }
        }
        for (at, candidate) in presented.iter().enumerate().skip(1) {
            let Ok(candidate) = candidate else { continue };
            let is_visited = |before: &usize| {
                presented[*before]
                    .as_ref()
                    .is_ok_and(|one| (one.subject, one.key) == (candidate.subject, candidate.key))
            };
            // A circle leads nowhere (RFC 4158 section 5.2).
            if candidate.subject != head.issuer || path.len() >= MAX_CERTIFICATES || path.iter().any(is_visited) {
                continue;
            }
            is_end = false;
            path.push(at);
            self.follow(path);
            path.pop();
        }
        if is_end {
            self.found.push(Path { certificates: path.clone(), root: None });
        }
    }
}
