//! What goes wrong with an authority, in words: its own documents (RFC 7807), and everything else.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

/// Why there is no certificate.
#[derive(Debug)]
pub(super) enum Fault {
    /// The authority has understood what was asked, and refuses it.
    Refused(Box<Problem>),
    /// The authority answers, and what it says leads to no certificate: it would say the same again.
    Useless(String),
    /// The authority cannot be reached, fails, or answers what cannot be understood; or something fails on our side.
    Failed {
        message: String,
        /// When the authority wants to be asked again.
        retry_after: Option<Duration>,
    },
}

/// A problem document, and what was refused by it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Problem {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    detail: String,
    /// Problems with single names (RFC 8555 section 6.7.1).
    #[serde(default)]
    subproblems: Vec<Subproblem>,
    /// A page about it: for example the terms, if they have changed.
    #[serde(default)]
    instance: Option<String>,
    /// What we wanted.
    #[serde(skip)]
    wanted: String,
    #[serde(skip)]
    pub(super) retry_after: Option<Duration>,
}

#[derive(Debug, Clone, Deserialize)]
struct Subproblem {
    #[serde(default)]
    detail: String,
    #[serde(default)]
    identifier: Option<Identifier>,
}

/// What a certificate is for.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Identifier {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) value: String,
}

/// Of all types of problems (RFC 8555 section 6.7).
const URN: &str = "urn:ietf:params:acme:error:";

/// So much of an authority's words goes into the log.
const MAX_DETAIL: usize = 600;

/// So long is all that is told of a fault: it goes into the log, and into a file.
const MAX_MESSAGE: usize = 2000;

/// So many problems with single names are told.
const MAX_SUBPROBLEMS: usize = 5;

impl Fault {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self::Failed { message: message.into(), retry_after: None }
    }

    pub(super) fn useless(message: impl Into<String>) -> Self {
        Self::Useless(message.into())
    }

    /// Whether the same would come of asking for the same again.
    pub(super) fn is_final(&self) -> bool {
        !matches!(self, Self::Failed { .. }) && !self.is("rateLimited")
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(problem) => problem.retry_after,
            Self::Useless(_) => None,
            Self::Failed { retry_after, .. } => *retry_after,
        }
    }

    /// Whether it is a problem of this type.
    pub(super) fn is(&self, kind: &str) -> bool {
        matches!(self, Self::Refused(problem) if problem.is(kind))
    }

    /// For monitoring; never given another meaning.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Refused(problem) if problem.is("rateLimited") => "rate_limited",
            Self::Refused(_) | Self::Useless(_) => "refused",
            Self::Failed { .. } => "failed",
        }
    }
}

impl From<String> for Fault {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Words of an authority's are in all of them: where it fails, and in what cannot be understood.
        let message = match self {
            Self::Refused(problem) => problem.to_string(),
            Self::Useless(message) | Self::Failed { message, .. } => message.clone(),
        };
        f.write_str(&shortened_to(&message, MAX_MESSAGE))
    }
}

impl Problem {
    /// The same about `wanted`: "the account", "the challenge for a.example".
    pub(super) fn about(self, wanted: impl Into<String>) -> Self {
        Self { wanted: wanted.into(), ..self }
    }

    /// One that the authority has not described.
    pub(super) fn undescribed(wanted: impl Into<String>) -> Self {
        let (detail, instance) = ("it does not say why".to_owned(), None);
        let (kind, subproblems, wanted) = (String::new(), Vec::new(), wanted.into());
        Self { kind, detail, subproblems, instance, wanted, retry_after: None }
    }

    pub(super) fn is(&self, kind: &str) -> bool {
        self.kind.strip_prefix(URN) == Some(kind)
    }

    /// What can be done, by type.
    fn advice(&self) -> &'static str {
        match self.kind.strip_prefix(URN).unwrap_or_default() {
            "externalAccountRequired" => {
                " (--acme-eab-kid and --acme-eab-key, which the authority gives to its customers)"
            }
            "invalidContact" | "unsupportedContact" => " (--acme-contact)",
            "connection" | "tls" => {
                " (it connects to port 443 of the name: is this server there, and does nothing in between end TLS?)"
            }
            "dns" => " (the name has to lead to this server)",
            "caa" => " (the name's CAA record names other authorities)",
            "rejectedIdentifier" | "unsupportedIdentifier" => " (--acme)",
            _ => "",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let detail = shortened(&self.detail);
        let kind = self.kind.strip_prefix(URN).unwrap_or(&self.kind);
        let because = match (detail.is_empty(), kind.is_empty()) {
            (false, false) => format!("{detail} ({})", shortened(kind)),
            (false, true) => detail,
            (true, _) => shortened(kind),
        };
        write!(f, "the authority refuses {}: {because}{}", self.wanted, self.advice())?;
        if let Some(page) = &self.instance {
            write!(f, "; see {}", shortened(page))?;
        }
        for problem in self.subproblems.iter().take(MAX_SUBPROBLEMS) {
            let name = problem.identifier.as_ref().map_or("", |identifier| identifier.value.as_str());
            write!(f, "; {}: {}", shortened(name), shortened(&problem.detail))?;
        }
        Ok(())
    }
}

/// So much of an authority's words as goes into the log.
pub(super) fn shortened(text: &str) -> String {
    shortened_to(text.trim(), MAX_DETAIL)
}

fn shortened_to(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_one_sentence_with_what_can_be_done() {
        let document = r#"{"type":"urn:ietf:params:acme:error:connection","detail":"Timeout during connect",
            "status":400,"subproblems":[
                {"type":"x","detail":"no route","identifier":{"type":"dns","value":"a.example"}}]}"#;
        let problem: Problem = serde_json::from_str(document).unwrap();
        let said = problem.about("the challenge for a.example").to_string();
        for part in ["refuses the challenge for a.example: Timeout", "(connection)", "port 443", "a.example: no route"]
        {
            assert!(said.contains(part), "{said}");
        }
        let long = serde_json::json!({ "type": "other", "detail": "ü".repeat(5000) });
        let problem: Problem = serde_json::from_value(long).unwrap();
        assert!(problem.about("it").to_string().chars().count() < 700);
        let empty: Problem = serde_json::from_str("{}").unwrap();
        assert!(!empty.is("badNonce"));
    }
}
