//! What monitoring is told.

use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

/// One measurement, with its value for each certificate.
#[derive(Debug, Clone)]
pub(crate) struct Family {
    pub(crate) name: &'static str,
    /// `counter` or `gauge`.
    pub(crate) kind: &'static str,
    pub(crate) help: &'static str,
    /// Labels in braces, and the value.
    pub(crate) values: Vec<(String, f64)>,
}

/// What has become of one certificate.
#[derive(Debug, Default)]
pub(super) struct Status {
    pub(super) attempts: Cell<u64>,
    pub(super) obtained: Cell<u64>,
    /// In the order of [`REASONS`].
    failures: [Cell<u64>; REASONS.len()],
    pub(super) next: Cell<Option<SystemTime>>,
}

/// Why attempts fail, as [`Fault::label`](super::problem::Fault::label) says it.
const REASONS: [&str; 3] = ["refused", "rate_limited", "failed"];

impl Status {
    pub(super) fn failed(&self, reason: &str) {
        if let Some(at) = REASONS.iter().position(|one| *one == reason) {
            add(&self.failures[at]);
        }
    }
}

pub(super) fn add(counter: &Cell<u64>) {
    counter.set(counter.get() + 1);
}

/// All measurements, of certificates by their first names, and with the ends of those that are there.
pub(super) fn families<'a>(all: impl Iterator<Item = (&'a str, Option<i64>, &'a Status)> + Clone) -> Vec<Family> {
    let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let label = |name: &str| format!("{{name=\"{name}\"}}");
    let count = |of: fn(&Status) -> u64| all.clone().map(|(name, _, it)| (label(name), of(it) as f64)).collect();
    let failures = all.clone().flat_map(|(name, _, status)| {
        let each = REASONS.iter().zip(&status.failures);
        each.map(move |(reason, count)| (format!("{{name=\"{name}\",reason=\"{reason}\"}}"), count.get() as f64))
    });
    vec![
        Family {
            name: "acme_certificate_not_after_timestamp_seconds",
            kind: "gauge",
            help: "The end of the certificate that is shown, in seconds since 1970; none if there is none.",
            values: all.clone().filter_map(|(name, end, _)| Some((label(name), end? as f64))).collect(),
        },
        Family {
            name: "acme_next_attempt_timestamp_seconds",
            kind: "gauge",
            help: "When the authority is asked for a certificate next, in seconds since 1970.",
            values: all.clone().filter_map(|(name, _, it)| Some((label(name), seconds(it.next.get()?)))).collect(),
        },
        Family {
            name: "acme_attempts_total",
            kind: "counter",
            help: "How often an authority was asked for a certificate.",
            values: count(|status| status.attempts.get()),
        },
        Family {
            name: "acme_certificates_total",
            kind: "counter",
            help: "How many certificates were got.",
            values: count(|status| status.obtained.get()),
        },
        Family {
            name: "acme_failures_total",
            kind: "counter",
            help: "Attempts that failed, by reason.",
            values: failures.collect(),
        },
    ]
}
