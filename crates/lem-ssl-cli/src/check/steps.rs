//! Verification, step by step: which checks a chain has passed, and which not.

use lem_ssl_rs::pki_types::CertificateDer;
use lem_ssl_rs::{CertificateCheck, CertificateFault, CertificateFinding, Explanation};
use serde::Serialize;

use crate::certificate::Certificate;
use crate::text::{count, printable};

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Step {
    pub(super) step: &'static str,
    pub(super) outcome: Outcome,
    pub(super) detail: String,
    /// The place in the presented chain of the certificate that failed it, counted from 0.
    position: Option<usize>,
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Passed,
    Failed,
    /// An earlier step has failed.
    NotChecked,
}

/// The steps for a chain that was explained: dates, chain and name always, and whatever else has failed.
pub(super) fn steps(chain: &[CertificateDer<'_>], name: &str, explanation: &Explanation) -> Vec<Step> {
    let Some(leaf) = chain.first() else { return Vec::new() };
    let read = Certificate::read(leaf);
    let failed = |check: CertificateCheck| explanation.findings.iter().find(|finding| finding.check() == check);
    let mut steps = Vec::new();
    steps.push(match (failed(CertificateCheck::Dates), &read) {
        (Some(finding), _) => of_finding("dates", finding),
        (None, Err(_)) => step("dates", Outcome::NotChecked, "the certificate cannot be read"),
        (None, Ok(leaf)) => {
            let on_path = explanation.path.iter().filter_map(|at| Certificate::read(chain.get(*at)?).ok());
            let soonest = on_path.min_by_key(|one| one.validity.1).unwrap_or_else(|| leaf.clone());
            step("dates", Outcome::Passed, format!("until {}: {}", soonest.not_after, soonest.time_left()))
        }
    });
    steps.push(match (failed(CertificateCheck::Chain), &explanation.root, &read) {
        (Some(finding), ..) => of_finding("chain", finding),
        (None, _, Err(_)) => step("chain", Outcome::NotChecked, "the certificate cannot be read"),
        (None, Some(root), _) => {
            let length = count(u32::try_from(explanation.path.len()).unwrap_or(u32::MAX), "certificate");
            step("chain", Outcome::Passed, format!("{length}, up to the trusted root {root}"))
        }
        (None, None, _) => step("chain", Outcome::NotChecked, "which way it takes to a root cannot be told"),
    });
    steps.push(match (failed(CertificateCheck::Name), &read) {
        (Some(finding), _) => Step { detail: wrong_name(name, &finding.fault), ..of_finding("name", finding) },
        (None, Ok(_)) => step("name", Outcome::Passed, name),
        (None, Err(_)) => step("name", Outcome::NotChecked, "the certificate cannot be read"),
    });
    let others =
        explanation.findings.iter().filter_map(|finding| Some(of_finding(other_name(finding.check())?, finding)));
    steps.extend(others);
    steps
}

fn step(step: &'static str, outcome: Outcome, detail: impl Into<String>) -> Step {
    Step { step, outcome, detail: printable(&detail.into()).into_owned(), position: None }
}

fn of_finding(name: &'static str, finding: &CertificateFinding) -> Step {
    Step { position: finding.position, ..step(name, Outcome::Failed, finding.to_string()) }
}

fn wrong_name(name: &str, fault: &CertificateFault) -> String {
    let detail = match fault {
        CertificateFault::WrongName { presented, .. } if !presented.is_empty() => {
            format!("not for {name}, but for {}", presented.join(", "))
        }
        _ => format!("not for {name}, nor for anybody else"),
    };
    printable(&detail).into_owned()
}

/// The word for a check that is reported only when it has failed; `None` for those that always are.
fn other_name(check: CertificateCheck) -> Option<&'static str> {
    match check {
        CertificateCheck::Dates | CertificateCheck::Chain | CertificateCheck::Name => None,
        CertificateCheck::Format => Some("format"),
        CertificateCheck::Signature => Some("signature"),
        CertificateCheck::Algorithm => Some("algorithm"),
        CertificateCheck::Version => Some("version"),
        CertificateCheck::Extensions => Some("extensions"),
        CertificateCheck::Authority => Some("authority"),
        CertificateCheck::PathLength => Some("path_length"),
        CertificateCheck::Purpose => Some("purpose"),
        CertificateCheck::NameConstraints => Some("name_constraints"),
        CertificateCheck::Revocation => Some("revocation"),
        _ => Some("other"),
    }
}
