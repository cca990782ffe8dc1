//! A refused chain: what was found wrong with which certificate.

use std::fmt;

use rustls::pki_types::CertificateDer;

use super::explanation::{CertificateFinding, Explanation};
use super::fault::{CertificateFault, UNTRUSTED};
use crate::x509::{Raw, readable};

/// The peer's chain was refused.
///
/// webpki decides on chains; what is said here of its refusal was found by looking at the chain again, to say which
/// certificate it is about and what can be done. Of a chain that webpki finds good, what our
/// [lists](crate::RevocationLists) and [pins](crate::Trust) say decides.
#[derive(Debug, Clone)]
pub struct CertificateProblem {
    /// With at least one finding.
    explanation: Explanation,
    chain: Vec<CertificateDer<'static>>,
}

impl CertificateProblem {
    /// What webpki refused for `decided`. What it says counts if the explanation has nothing as weighty.
    pub(crate) fn new(
        mut explanation: Explanation,
        decided: CertificateFault,
        chain: Vec<CertificateDer<'static>>,
    ) -> Self {
        // Whatever leaves the chain untrusted weighs the same here: the explanation tells more of it.
        let class = |fault: &CertificateFault| fault.weight().max(UNTRUSTED);
        let found = explanation.findings.first();
        if found.is_none_or(|found| class(&found.fault) > class(&decided)) {
            explanation.findings.insert(0, finding_alone(decided, &chain));
        }
        Self { explanation, chain }
    }

    /// A refusal that no chain explains.
    pub(crate) fn alone(fault: CertificateFault, chain: Vec<CertificateDer<'static>>) -> Self {
        Self::new(Explanation::default(), fault, chain)
    }

    /// A refusal of the peer's own certificate, the first of `chain`.
    pub(crate) fn of_leaf(fault: CertificateFault, chain: Vec<CertificateDer<'static>>) -> Self {
        let subject = chain.first().and_then(|leaf| readable(Raw::read(leaf).ok()?.subject));
        let finding = CertificateFinding { fault, position: Some(0), subject };
        Self { explanation: Explanation { findings: vec![finding], ..Explanation::default() }, chain }
    }

    fn first(&self) -> &CertificateFinding {
        // `new` sees to it that there is one.
        &self.explanation.findings[0]
    }

    /// What is wrong, the weightiest of what was found: no way to a trusted root before dates, dates before names.
    pub fn fault(&self) -> &CertificateFault {
        &self.first().fault
    }

    /// The place in the presented chain of the certificate that it is about, counted from 0, which is the peer's own.
    /// `None` if it is about no certificate, or cannot be determined.
    pub fn position(&self) -> Option<usize> {
        self.first().position
    }

    /// Whom that certificate was issued to: its subject's name.
    pub fn subject(&self) -> Option<&str> {
        self.first().subject.as_deref()
    }

    /// The way to a root, and all that was found on it.
    pub fn explanation(&self) -> &Explanation {
        &self.explanation
    }

    /// The chain as the peer presented it, its own certificate first. That one alone if the chain was good and what the peer
    /// signed in the handshake is not ([`BadHandshakeSignature`](CertificateFault::BadHandshakeSignature), a key that is too
    /// weak or of another kind than the signature); nothing if it has presented none.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }
}

impl fmt::Display for CertificateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first().fmt(f)?;
        let others = self.explanation.findings.iter().skip(1);
        for other in others.clone().take(MAX_OTHERS) {
            write!(f, "; besides, {other}")?;
        }
        match others.count().saturating_sub(MAX_OTHERS) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// Of which certificate it is can be told if there is but one.
fn finding_alone(fault: CertificateFault, chain: &[CertificateDer<'_>]) -> CertificateFinding {
    let only = match chain {
        [only] => Some(only),
        _ => None,
    };
    let subject = only.and_then(|only| readable(Raw::read(only).ok()?.subject));
    CertificateFinding { fault, position: only.map(|_| 0), subject }
}

/// So many findings beside the first are named in a message.
const MAX_OTHERS: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_of_a_fault_names_the_check_and_says_what_people_are_told() {
        let fault = CertificateFault::WeakKey { bits: 512 };
        let debug = format!("{:?}", CertificateProblem::alone(fault.clone(), Vec::new()));
        assert!(debug.contains("CertificateFault(Algorithm: has an RSA key of 512 bits"), "{debug}");
        assert!(debug.contains(&fault.to_string()), "{debug}");
    }
}
