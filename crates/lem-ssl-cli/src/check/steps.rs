//! Verification, step by step: which checks a certificate has passed, and which not.

use lem_ssl_rs::rustls::client::verify_server_name;
use lem_ssl_rs::rustls::pki_types::{CertificateDer, ServerName};
use lem_ssl_rs::rustls::server::ParsedCertificate;
use lem_ssl_rs::{CertificateFault, CertificateProblem};
use serde::Serialize;

use crate::certificate::{Certificate, now};
use crate::text::{count, printable};

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Step {
    pub(super) step: &'static str,
    pub(super) outcome: Outcome,
    pub(super) detail: String,
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

/// The steps for a chain that was accepted (`problem` is `None`) or refused.
pub(super) fn steps(chain: &[CertificateDer<'_>], name: &str, problem: Option<&CertificateProblem>) -> Vec<Step> {
    let Some(leaf) = chain.first() else { return Vec::new() };
    let mut steps = Vec::new();
    let read = Certificate::read(leaf);
    let mut dates_failed = false;
    steps.push(match &read {
        Ok(certificate) => {
            let now = now();
            dates_failed = now < certificate.validity.0 || now > certificate.validity.1;
            let until = format!("until {}: {}", certificate.not_after, certificate.time_left());
            step("dates", if dates_failed { Outcome::Failed } else { Outcome::Passed }, until)
        }
        Err(error) => step("dates", Outcome::Failed, format!("the certificate cannot be read ({error})")),
    });
    steps.push(chain_step(chain, problem, dates_failed));
    steps.push(name_step(leaf, name, read.as_ref().map_or(&[], |certificate| &certificate.names)));
    steps
}

fn step(step: &'static str, outcome: Outcome, detail: impl Into<String>) -> Step {
    Step { step, outcome, detail: printable(&detail.into()).into_owned() }
}

fn chain_step(chain: &[CertificateDer<'_>], problem: Option<&CertificateProblem>, dates_failed: bool) -> Step {
    let length = count(u32::try_from(chain.len()).unwrap_or(u32::MAX), "certificate");
    match problem.map(|problem| (problem, problem.fault())) {
        // The name is looked at when the chain was found good.
        None | Some((_, CertificateFault::WrongName { .. })) => {
            step("chain", Outcome::Passed, format!("{length}, up to a trusted root"))
        }
        Some(_) if dates_failed => step("chain", Outcome::NotChecked, format!("{length}; the dates come first")),
        Some((_, fault)) => step("chain", Outcome::Failed, format!("{length}; the first{fault}")),
    }
}

/// The name can be looked at whatever else is wrong, by the same rules.
fn name_step(leaf: &CertificateDer<'_>, name: &str, names: &[String]) -> Step {
    let parsed = ParsedCertificate::try_from(leaf).ok();
    let wanted = ServerName::try_from(name.strip_suffix('.').unwrap_or(name)).ok();
    let matches = parsed.zip(wanted).is_some_and(|(parsed, wanted)| verify_server_name(&parsed, &wanted).is_ok());
    if matches {
        step("name", Outcome::Passed, name)
    } else if names.is_empty() {
        step("name", Outcome::Failed, format!("not for {name}, nor for anybody else"))
    } else {
        step("name", Outcome::Failed, format!("not for {name}, but for {}", names.join(", ")))
    }
}
