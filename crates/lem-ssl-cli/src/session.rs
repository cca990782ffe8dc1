//! A session in words: what was agreed on, and with whom.

use lem_ssl_rs::Info;

use crate::certificate::Certificate;
use crate::say::{self, BAD, DIM, GOOD};

/// The lines that tell about a session on standard error.
pub(crate) fn describe(info: &Info, peer: &str, verified_for: Option<&str>) -> Vec<String> {
    let mut lines = vec![format!("connected to {peer}: {info}")];
    if let Some(leaf) = info.peer_certificates.first() {
        match Certificate::read(leaf) {
            Ok(certificate) => lines.extend(describe_certificate(&certificate)),
            Err(error) => lines.push(format!("certificate: cannot be read ({error})")),
        }
    }
    lines.push(match verified_for {
        Some(name) => say::styled(GOOD, format_args!("verified for {name}")),
        None => say::styled(BAD, "NOT VERIFIED: nobody knows who this is"),
    });
    lines
}

fn describe_certificate(certificate: &Certificate) -> [String; 2] {
    let names = names(&certificate.names);
    let whose = if certificate.subject.is_empty() { "nobody by name" } else { &certificate.subject };
    [
        format!("certificate: {whose}, for {names}"),
        say::styled(
            DIM,
            format_args!(
                "             from {}, until {}: {}",
                certificate.issuer,
                certificate.not_after,
                certificate.time_left()
            ),
        ),
    ]
}

/// A few of the names; a certificate may have hundreds.
fn names(names: &[String]) -> String {
    const MAX_SHOWN: usize = 5;
    if names.is_empty() {
        return "no names".to_owned();
    }
    let mut shown = names.iter().take(MAX_SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > MAX_SHOWN {
        shown.push_str(&format!(" and {} more", names.len() - MAX_SHOWN));
    }
    shown
}
