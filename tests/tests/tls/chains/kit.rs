//! What cases are made of: a root, an intermediate and a leaf, and what is expected.

use lem_ssl_rs::CertificateCheck;
use lem_ssl_tests::pki::draft::{Draft, DraftKey};
use rustls::pki_types::CertificateDer;

use super::{Case, Expected};

/// The keys of a root, an intermediate and a leaf.
pub(super) struct Kit {
    pub(super) root: DraftKey,
    pub(super) middle: DraftKey,
    pub(super) leaf: DraftKey,
}

impl Kit {
    pub(super) fn new() -> Self {
        Self { root: DraftKey::new(), middle: DraftKey::new(), leaf: DraftKey::new() }
    }

    pub(super) fn root(&self) -> CertificateDer<'static> {
        Draft::authority("Root", "Root", &self.root).sign(&self.root)
    }

    /// An intermediate, to be signed by the root.
    pub(super) fn middle(&self) -> Draft {
        Draft::authority("Middle", "Root", &self.middle)
    }

    /// A leaf below the intermediate.
    pub(super) fn below(&self) -> Draft {
        Draft::leaf(&["localhost"], "Middle", &self.leaf)
    }

    /// A leaf below the root.
    pub(super) fn leaf(&self) -> Draft {
        Draft::leaf(&["localhost"], "Root", &self.leaf)
    }

    /// This chain, under the root.
    pub(super) fn case(self, what: &'static str, chain: Vec<CertificateDer<'static>>, expected: Expected) -> Case {
        let roots = vec![self.root()];
        Case { what, chain, key: self.leaf, roots, name: "localhost", lists: None, expected }
    }

    /// A leaf alone, under the root.
    pub(super) fn alone(self, what: &'static str, leaf: Draft, expected: Expected) -> Case {
        let chain = vec![leaf.sign(&self.root)];
        self.case(what, chain, expected)
    }

    /// A good leaf under an intermediate.
    pub(super) fn under(self, what: &'static str, middle: Draft, expected: Expected) -> Case {
        let chain = vec![self.below().sign(&self.middle), middle.sign(&self.root)];
        self.case(what, chain, expected)
    }
}

pub(super) fn refused(check: CertificateCheck, position: usize, words: &[&'static str]) -> Expected {
    Expected::Refused { check, position: Some(position), words: words.to_vec() }
}

pub(super) fn accepted(path: &[usize]) -> Expected {
    Expected::Path(path.to_vec())
}
