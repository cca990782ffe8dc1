//! Why a chain was refused, and which way an accepted one took: a walk from the peer's certificate to a trusted root.
//!
//! It decides nothing. webpki decides and says little of why; here the same checks are looked at one by one. Revocation
//! lists are not: they are about chains that are good otherwise, and whatever refuses one for them tells the way.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::client::verify_server_name;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor};
use rustls::server::ParsedCertificate;

use super::missing::look_for_issuer;
use super::path::{IN_A_MAZE, Path, Presented, is_maze, paths};
use super::signature::{Signed, signed_by, weak};
use crate::error::{CertificateFault, CertificateFinding, Explanation, UNTRUSTED};
use crate::x509::{Constraints, GeneralName, Raw, Subtrees, algorithm_name, describe_key, purpose_name, readable};

/// What a chain is presented for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Usage {
    Server,
    Client,
}

/// Looks at chains.
#[derive(Debug)]
pub(crate) struct Explainer {
    roots: Arc<RootCertStore>,
    /// What they are called.
    asked: String,
    algorithms: WebPkiSupportedAlgorithms,
    usage: Usage,
}

/// webpki follows no more intermediate certificates than these.
const MAX_INTERMEDIATES: usize = 6;

/// So many signatures are checked for one explanation by keys that were presented, and so many by those of roots: what that
/// costs is ours, and the peer chooses how often.
const MAX_SIGNATURES: usize = 12;

/// So many names are compared with constraints for one explanation, for the same reason.
const MAX_COMPARISONS: usize = 20_000;

impl Explainer {
    pub(super) fn new(
        roots: Arc<RootCertStore>,
        asked: String,
        algorithms: WebPkiSupportedAlgorithms,
        usage: Usage,
    ) -> Self {
        Self { roots, asked, algorithms, usage }
    }

    /// Refuses a chain, of distinct certificates, that nobody could go through in bounded time, before anybody tries.
    pub(super) fn refuse_maze(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> Result<(), rustls::Error> {
        if is_maze(leaf, intermediates, &self.roots.roots) { Err(IN_A_MAZE.into()) } else { Ok(()) }
    }

    /// What there is to say of `chain` at the time `now` (since 1970), for a server of this name or for a client.
    pub(crate) fn explain(
        &self,
        chain: &[CertificateDer<'_>],
        name: Option<&ServerName<'_>>,
        now: Duration,
    ) -> Explanation {
        let presented: Vec<Presented<'_>> = chain.iter().map(|der| Raw::read(der)).collect();
        let (found, incomplete) = paths(chain, &presented, &self.roots.roots);
        let mut walk = Walk {
            explainer: self,
            presented: &presented,
            now,
            alone: HashMap::new(),
            signatures: HashMap::new(),
            subtrees: HashMap::new(),
            comparisons: MAX_COMPARISONS,
        };
        let candidates = found.iter().map(|path| walk.candidate(path));
        let mut explanation = candidates.min_by_key(rank).unwrap_or_default();
        explanation.incomplete = incomplete;
        if incomplete && !presented.is_empty() {
            let fault = CertificateFault::TooComplex { presented: presented.len() };
            explanation.findings.insert(0, finding(&presented, 0, fault));
        }
        if explanation.root.is_none() {
            look_for_issuer(&mut explanation, &presented, &self.roots.roots, |one, key| {
                self.signed_by(one.signed, one.signature_algorithm, one.signature, key) == Signed::Yes
            });
            // One that cannot be read may be the very one that is missing.
            let unreadable = presented.iter().enumerate().filter_map(|(at, one)| Some((at, one.as_ref().err()?)));
            let findings = unreadable.map(|(at, part)| finding(&presented, at, CertificateFault::Malformed { part }));
            explanation.findings.extend(findings);
        }
        if let (Some(name), Some(leaf), Some(Ok(raw))) = (name, chain.first(), presented.first())
            && let Ok(parsed) = ParsedCertificate::try_from(leaf)
            && verify_server_name(&parsed, name).is_err()
        {
            let names = raw.extensions.names().filter_map(GeneralName::readable).collect();
            let fault = CertificateFault::WrongName { expected: name.to_str().into_owned(), presented: names };
            explanation.findings.push(finding(&presented, 0, fault));
        }
        explanation.findings.sort_by_key(|finding| finding.fault.weight());
        explanation
    }
}

/// The better a way, the lower: it leads to a root, every signature on it is good, little is wrong that no renewal would mend,
/// little else is wrong. Of those that lead nowhere the longest says most.
fn rank(candidate: &Explanation) -> (bool, usize, usize, usize, usize) {
    let is_lost = candidate.root.is_none();
    let count = |of: fn(&CertificateFinding) -> bool| candidate.findings.iter().filter(|found| of(found)).count();
    // Two keys may have one name, and a certificate was signed with one of them only.
    let of_another_key = count(|found| {
        matches!(found.fault, CertificateFault::BadSignature { .. } | CertificateFault::UnsupportedKey { .. })
    });
    let dates = count(|found| found.fault.weight() > UNTRUSTED);
    let length = if is_lost { usize::MAX - candidate.path.len() } else { candidate.path.len() };
    (is_lost, of_another_key, candidate.findings.len() - dates, dates, length)
}

fn finding(presented: &[Presented<'_>], at: usize, fault: CertificateFault) -> CertificateFinding {
    let subject = presented[at].as_ref().ok().and_then(|one| readable(one.subject));
    CertificateFinding { fault, position: Some(at), subject }
}

/// One explanation under way.
struct Walk<'a> {
    explainer: &'a Explainer,
    presented: &'a [Presented<'a>],
    now: Duration,
    /// What was found of a certificate with so many others below it: many ways may lead through one.
    alone: HashMap<(usize, usize), Vec<CertificateFault>>,
    /// What was found of the signatures of those presented, by another one's, or by a root's, key.
    signatures: HashMap<(usize, Issuer), Signed>,
    /// Whom each authority may vouch for.
    subtrees: HashMap<Issuer, Subtrees<'a>>,
    /// So many names may still be compared with constraints.
    comparisons: usize,
}

/// Whose key a signature is checked with, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Issuer {
    Presented(usize),
    Root(usize),
}

impl<'a> Walk<'a> {
    /// What is wrong on one way.
    fn candidate(&mut self, path: &Path) -> Explanation {
        let on_path: Vec<(usize, &'a Raw<'a>)> =
            path.certificates.iter().filter_map(|at| Some((*at, self.presented[*at].as_ref().ok()?))).collect();
        let roots = &self.explainer.roots.roots;
        let root = path.root.map(|at| &roots[at]);
        let mut findings = Vec::new();
        for (depth, (at, certificate)) in on_path.iter().enumerate() {
            if !self.alone.contains_key(&(*at, depth)) {
                self.alone.insert((*at, depth), self.alone(certificate, depth));
            }
            let faults = self.alone.get(&(*at, depth)).into_iter().flatten();
            findings.extend(faults.map(|fault| finding(self.presented, *at, fault.clone())));
        }
        for (depth, (at, certificate)) in on_path.iter().enumerate() {
            let issuer = match (on_path.get(depth + 1), path.root) {
                (Some((above, _)), _) => Issuer::Presented(*above),
                (None, Some(root)) => Issuer::Root(root),
                (None, None) => break,
            };
            findings.extend(self.link(*at, certificate, issuer));
        }
        for (depth, (at, _)) in on_path.iter().enumerate().skip(1) {
            findings.extend(self.constrained(&on_path[..depth], Issuer::Presented(*at)));
        }
        findings.extend(match path.root {
            Some(root) => self.constrained(&on_path, Issuer::Root(root)),
            None => self.lost(&on_path),
        });
        if root.is_some() && on_path.len() - 1 > MAX_INTERMEDIATES {
            let fault = CertificateFault::TooLong { intermediates: on_path.len() - 1 };
            findings.push(finding(self.presented, 0, fault));
        }
        Explanation { path: path.certificates.clone(), root: root.map(name_of_root), findings, incomplete: false }
    }

    /// What is wrong with a certificate that has `depth` others below it.
    fn alone(&self, certificate: &Raw<'_>, depth: usize) -> Vec<CertificateFault> {
        let mut faults = Vec::new();
        let extensions = &certificate.extensions;
        if certificate.has_trailing_bytes {
            faults.push(CertificateFault::Malformed { part: "bytes follow its end" });
        }
        if certificate.inner_algorithm != certificate.signature_algorithm {
            faults.push(CertificateFault::Malformed { part: "it names two different signature algorithms" });
        }
        if certificate.version != 3 {
            faults.push(CertificateFault::UnsupportedVersion { version: certificate.version });
        }
        if let Some(oid) = extensions.unknown_critical_oid() {
            faults.push(CertificateFault::UnsupportedExtension { oid });
        }
        match (depth, extensions.authority) {
            (0, Some(_)) => faults.push(CertificateFault::IsAuthority),
            (0, None) => {}
            (_, None) => faults.push(CertificateFault::NotAuthority),
            (_, Some(allowed)) => {
                let found = depth as u64 - 1;
                if let Some(allowed) = allowed.filter(|allowed| found > *allowed) {
                    faults.push(CertificateFault::PathLength { allowed, found });
                }
            }
        }
        faults.extend(self.purpose(certificate));
        faults.extend(self.dates(certificate));
        faults
    }

    fn dates(&self, certificate: &Raw<'_>) -> Option<CertificateFault> {
        let (not_before, not_after) = (certificate.not_before, certificate.not_after);
        let now = i64::try_from(self.now.as_secs()).unwrap_or(i64::MAX);
        if not_before > not_after {
            Some(CertificateFault::NeverValid)
        } else if now > not_after.seconds_since_1970() {
            Some(CertificateFault::Expired { checked: self.now, not_after: not_after.since_1970() })
        } else if now < not_before.seconds_since_1970() {
            Some(CertificateFault::NotYetValid { checked: self.now, not_before: not_before.since_1970() })
        } else {
            None
        }
    }

    fn purpose(&self, certificate: &Raw<'_>) -> Option<CertificateFault> {
        const SERVERS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
        const CLIENTS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
        const MAX_TOLD: usize = 20;
        let (wanted, required) = match self.explainer.usage {
            Usage::Server => (SERVERS, "servers"),
            Usage::Client => (CLIENTS, "clients"),
        };
        let mut purposes = certificate.extensions.purposes()?;
        if purposes.any(|purpose| purpose == wanted) {
            return None;
        }
        let presented = certificate.extensions.purposes()?.take(MAX_TOLD).map(purpose_name).collect();
        Some(CertificateFault::WrongPurpose { required, presented })
    }

    /// The contents of an issuer's `SubjectPublicKeyInfo`.
    fn key(&self, issuer: Issuer) -> Option<&'a [u8]> {
        match issuer {
            Issuer::Presented(above) => Some(self.presented[above].as_ref().ok()?.key),
            Issuer::Root(root) => Some(self.explainer.roots.roots[root].subject_public_key_info.as_ref()),
        }
    }

    /// What is wrong with the signature of a certificate by its issuer's key: about the one or the other.
    fn link(&mut self, at: usize, certificate: &Raw<'_>, issuer: Issuer) -> Option<CertificateFinding> {
        let roots = &self.explainer.roots.roots;
        let (explainer, key) = (self.explainer, self.key(issuer)?);
        let signed = self.signed(at, issuer, || {
            explainer.signed_by(certificate.signed, certificate.signature_algorithm, certificate.signature, key)
        })?;
        let of_issuer = |fault| match issuer {
            Issuer::Presented(above) => finding(self.presented, above, fault),
            Issuer::Root(root) => of_root(&roots[root], fault),
        };
        match signed {
            Signed::Yes => None,
            Signed::UnsupportedAlgorithm => {
                let algorithm = algorithm_name(certificate.signature_algorithm);
                Some(finding(self.presented, at, CertificateFault::UnsupportedAlgorithm { algorithm }))
            }
            Signed::UnsupportedKey => Some(of_issuer(CertificateFault::UnsupportedKey { key: describe_key(key) })),
            Signed::No => match weak(key) {
                Some(fault) => Some(of_issuer(fault)),
                None => {
                    let issuer = readable(certificate.issuer);
                    Some(finding(self.presented, at, CertificateFault::BadSignature { issuer }))
                }
            },
        }
    }

    /// Checks a signature, once; `None` if too many by keys of this kind were checked: many roots of one name must not keep
    /// those inside of the chain from being looked at.
    fn signed(&mut self, what: usize, issuer: Issuer, check: impl FnOnce() -> Signed) -> Option<Signed> {
        if let Some(known) = self.signatures.get(&(what, issuer)) {
            return Some(*known);
        }
        let is_of_root = |issuer: Issuer| matches!(issuer, Issuer::Root(_));
        let alike = self.signatures.keys().filter(|(_, by)| is_of_root(*by) == is_of_root(issuer)).count();
        if alike >= MAX_SIGNATURES {
            return None;
        }
        let signed = check();
        self.signatures.insert((what, issuer), signed);
        Some(signed)
    }

    /// The first below an authority with a name that it may not vouch for.
    fn constrained(&mut self, below: &[(usize, &Raw<'_>)], authority: Issuer) -> Option<CertificateFinding> {
        let roots: &'a RootCertStore = &self.explainer.roots;
        let (constraints, subject) = match authority {
            Issuer::Presented(at) => {
                let one = self.presented[at].as_ref().ok()?;
                (one.extensions.constraints, one.subject)
            }
            Issuer::Root(at) => {
                let root = &roots.roots[at];
                (root.name_constraints.as_ref().map(|der| Constraints(der)), root.subject.as_ref())
            }
        };
        let constraints = constraints?;
        let subtrees = self.subtrees.entry(authority).or_insert_with(|| constraints.read());
        below.iter().find_map(|(at, certificate)| {
            let name = subtrees.violated_by(certificate.extensions.names(), &mut self.comparisons)?;
            let fault = CertificateFault::NameConstraint { authority: readable(subject), name };
            Some(finding(self.presented, *at, fault))
        })
    }

    /// The way leads to no root: the issuer of the last certificate that has another one is missing.
    fn lost(&self, on_path: &[(usize, &Raw<'_>)]) -> Option<CertificateFinding> {
        let (at, last) = on_path.iter().rfind(|(_, one)| !one.is_self_issued()).or(on_path.first())?;
        let fault = if last.is_self_issued() {
            CertificateFault::SelfSigned
        } else {
            let (issuer, presented) = (readable(last.issuer), self.presented.len());
            CertificateFault::UnknownIssuer { issuer, presented, roots: self.explainer.asked.clone() }
        };
        Some(finding(self.presented, *at, fault))
    }
}

impl Explainer {
    fn signed_by(&self, message: &[u8], algorithm: &[u8], signature: &[u8], key: &[u8]) -> Signed {
        signed_by(self.algorithms, message, algorithm, signature, key)
    }
}

/// What a root is called in an explanation.
pub(super) fn name_of_root(root: &TrustAnchor<'_>) -> String {
    readable(&root.subject).unwrap_or_else(|| "a root without a name".to_owned())
}

fn of_root(root: &TrustAnchor<'_>, fault: CertificateFault) -> CertificateFinding {
    CertificateFinding { fault, position: None, subject: readable(&root.subject) }
}
