//! What was found, for people and for programs.

use std::fmt::Write;
use std::time::Duration;

use lem_ssl_rs::Info;
use lem_ssl_rs::rustls::pki_types::CertificateDer;
use serde::{Serialize, Serializer};

use super::steps::{Outcome, Step};
use crate::certificate::Certificate;
use crate::exit::Exit;
use crate::say::{BAD, BOLD, DIM, GOOD, WARN, for_output, styled};
use crate::text::{millis, printable};

/// What is known about one server.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    address: String,
    /// The name that the certificate must be valid for.
    name: String,
    /// Where the connection went.
    pub(super) peer: Option<String>,
    result: &'static str,
    exit_code: u8,
    problem: Option<String>,
    verified: bool,
    pub(super) verification: Vec<Step>,
    session: Option<Session>,
    /// The session was looked at without verification, after the certificate had been refused.
    pub(super) inspected: bool,
    pub(super) resumption: Resumption,
    pub(super) certificates: Vec<Certificate>,
    #[serde(rename = "timings_ms")]
    pub(super) timings: Timings,
    #[serde(skip)]
    exit: Exit,
    #[serde(skip)]
    session_line: String,
    #[serde(skip)]
    unread: usize,
}

/// What was agreed on.
#[derive(Debug, Serialize)]
struct Session {
    version: Option<&'static str>,
    cipher_suite: Option<String>,
    group: Option<String>,
    alpn: Option<String>,
}

/// Whether a second connection could go on with the session of the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Resumption {
    Yes,
    No,
    /// Not tried, or it did not come to that.
    Unknown,
}

/// How long the phases took.
#[derive(Debug, Default, Serialize)]
pub(super) struct Timings {
    #[serde(serialize_with = "in_millis")]
    pub(super) resolve: Option<Duration>,
    #[serde(serialize_with = "in_millis")]
    pub(super) connect: Option<Duration>,
    #[serde(serialize_with = "in_millis")]
    pub(super) starttls: Option<Duration>,
    #[serde(serialize_with = "in_millis")]
    pub(super) handshake: Option<Duration>,
    #[serde(serialize_with = "in_millis")]
    pub(super) resumed_handshake: Option<Duration>,
}

fn in_millis<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    // Microseconds are what there is; more digits would be noise.
    duration.map(|duration| duration.as_micros() as f64 / 1000.0).serialize(serializer)
}

impl Report {
    pub(super) fn new(address: &str, name: &str, verifies: bool) -> Self {
        Self {
            address: address.to_owned(),
            name: name.to_owned(),
            peer: None,
            result: result(Exit::Good),
            exit_code: Exit::Good.code(),
            problem: None,
            verified: verifies,
            verification: Vec::new(),
            session: None,
            inspected: false,
            resumption: Resumption::Unknown,
            certificates: Vec::new(),
            timings: Timings::default(),
            exit: Exit::Good,
            session_line: String::new(),
            unread: 0,
        }
    }

    pub(super) fn exit(&self) -> Exit {
        self.exit
    }

    /// It is not good.
    pub(super) fn fail(&mut self, exit: Exit, problem: String) {
        self.exit = exit;
        self.exit_code = exit.code();
        self.result = result(exit);
        self.verified &= exit == Exit::ExpiresSoon;
        self.problem = Some(problem);
    }

    pub(super) fn set_session(&mut self, info: &Info) {
        use lem_ssl_rs::rustls::ProtocolVersion;
        self.session_line = printable(&info.to_string()).into_owned();
        self.session = Some(Session {
            version: match info.version {
                Some(ProtocolVersion::TLSv1_2) => Some("TLS 1.2"),
                Some(ProtocolVersion::TLSv1_3) => Some("TLS 1.3"),
                _ => None,
            },
            cipher_suite: info.cipher_suite.map(|suite| format!("{suite:?}").replacen("TLS13_", "TLS_", 1)),
            group: info.key_exchange_group.map(|group| format!("{group:?}")),
            alpn: info.alpn.as_ref().map(|alpn| String::from_utf8_lossy(alpn).into_owned()),
        });
    }

    pub(super) fn set_chain(&mut self, chain: &[CertificateDer<'_>]) {
        self.certificates = chain.iter().filter_map(|der| Certificate::read(der).ok()).collect();
        self.unread = chain.len() - self.certificates.len();
    }

    /// One line of JSON.
    pub(super) fn to_json(&self) -> String {
        // Nothing in it can fail to be written: strings, numbers, lists.
        let mut line = serde_json::to_string(self).unwrap_or_default();
        line.push('\n');
        line
    }

    /// For people.
    pub(super) fn to_text(&self) -> String {
        let mut text = String::new();
        let style = match self.exit {
            Exit::Good if self.verified => GOOD,
            Exit::Good | Exit::ExpiresSoon => WARN,
            _ => BAD,
        };
        let peer = self.peer.as_ref().filter(|peer| **peer != self.address);
        let at = peer.map(|peer| format!(" ({peer})")).unwrap_or_default();
        let result = if self.exit == Exit::Good && !self.verified { "not verified" } else { self.result };
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{}{at}: {}", styled(BOLD, &self.address), styled(style, result.replace('_', " ")));
        if let Some(problem) = &self.problem {
            let _ = writeln!(text, "  problem       {}", styled(style, problem));
        }
        let mut label = "verification";
        for step in &self.verification {
            let outcome = match step.outcome {
                Outcome::Passed => styled(GOOD, "ok"),
                Outcome::Failed => styled(BAD, "failed"),
                Outcome::NotChecked => styled(WARN, "not checked"),
            };
            let _ = writeln!(text, "  {label:<12}  {:<5} {outcome}: {}", step.step, step.detail);
            label = "";
        }
        if self.session.is_some() {
            let note = if self.inspected { ", looked at without verification" } else { "" };
            let _ = writeln!(text, "  session       {}{}", self.session_line, styled(WARN, note));
        }
        match self.resumption {
            Resumption::Yes => text.push_str("  resumption    yes\n"),
            Resumption::No => text.push_str("  resumption    no\n"),
            Resumption::Unknown => {}
        }
        for (index, certificate) in self.certificates.iter().enumerate() {
            self.certificate(&mut text, index, certificate);
        }
        if self.unread > 0 {
            let _ = writeln!(text, "  certificate   {} more cannot be read", self.unread);
        }
        self.timings(&mut text);
        for_output(&text)
    }

    fn certificate(&self, text: &mut String, index: usize, certificate: &Certificate) {
        let Certificate { subject, issuer, names, key, not_before, not_after, .. } = certificate;
        let _ =
            writeln!(text, "  certificate {} {}", index + 1, if subject.is_empty() { "(no subject)" } else { subject });
        if !names.is_empty() {
            let _ = writeln!(text, "                for {}", names.join(", "));
        }
        let _ = writeln!(text, "                from {issuer}");
        let left = certificate.time_left();
        let _ = writeln!(text, "                {not_before} to {not_after}, {left}; {key}");
    }

    fn timings(&self, text: &mut String) {
        let Timings { resolve, connect, starttls, handshake, resumed_handshake } = self.timings;
        let phases = [
            ("resolve", resolve),
            ("connect", connect),
            ("starttls", starttls),
            ("handshake", handshake),
            ("resumed handshake", resumed_handshake),
        ];
        let shown: Vec<_> =
            phases.iter().filter_map(|(phase, took)| took.map(|took| format!("{phase} {}", millis(took)))).collect();
        if !shown.is_empty() {
            let _ = writeln!(text, "  timings       {}", styled(DIM, shown.join(", ")));
        }
    }
}

/// The class, as a word for programs.
fn result(exit: Exit) -> &'static str {
    match exit {
        Exit::Good => "good",
        Exit::Resolve => "resolve",
        Exit::Connect => "connect",
        Exit::Handshake => "handshake",
        Exit::Expired => "expired",
        Exit::WrongName => "wrong_name",
        Exit::Untrusted => "untrusted",
        Exit::ExpiresSoon => "expires_soon",
        Exit::Lost => "lost",
        Exit::Starttls => "starttls",
        _ => "failed",
    }
}
