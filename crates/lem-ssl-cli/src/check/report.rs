//! What was found, for people and for programs.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use lem_ssl_rs::Info;
use lem_ssl_rs::pki_types::CertificateDer;
use serde::{Serialize, Serializer};

use super::steps::{Outcome, Step};
use crate::certificate::Certificate;
use crate::exit::Exit;
use crate::say::{BAD, BOLD, DIM, GOOD, WARN, for_output, styled};
use crate::text::{millis, printable, timestamp};

/// What is known about one server.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// When it was made, RFC 3339.
    time: String,
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
    /// What is accepted, and worth a look all the same.
    pub(super) remarks: Vec<String>,
    session: Option<Session>,
    /// The session was looked at without verification, after the certificate had been refused.
    pub(super) inspected: bool,
    pub(super) resumption: Resumption,
    /// The server wants to know who we are. Without a certificate of ours, nothing but its own was looked at.
    pub(super) wants_client_certificate: bool,
    pub(super) certificates: Vec<Presented>,
    #[serde(rename = "timings_ms")]
    pub(super) timings: Timings,
    #[serde(skip)]
    exit: Exit,
    #[serde(skip)]
    session_line: String,
    #[serde(skip)]
    unread: usize,
}

/// A certificate of the presented chain.
#[derive(Debug, Serialize)]
pub(super) struct Presented {
    /// Its place in the chain, counted from 0, the server's own.
    position: usize,
    /// Whether it is on the way to a trusted root; what is not is in no use.
    used: bool,
    #[serde(flatten)]
    pub(super) certificate: Certificate,
}

/// What was agreed on.
#[derive(Debug, Serialize)]
struct Session {
    version: Option<String>,
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
            time: timestamp(SystemTime::now()),
            address: address.to_owned(),
            name: name.to_owned(),
            peer: None,
            result: result(Exit::Good),
            exit_code: Exit::Good.code(),
            problem: None,
            verified: verifies,
            verification: Vec::new(),
            remarks: Vec::new(),
            session: None,
            inspected: false,
            resumption: Resumption::Unknown,
            wants_client_certificate: false,
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

    pub(super) fn time(&self) -> &str {
        &self.time
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// The class, as a word for programs.
    pub(super) fn result(&self) -> &'static str {
        self.result
    }

    /// What is wrong; empty if nothing is.
    pub(super) fn problem(&self) -> &str {
        self.problem.as_deref().unwrap_or_default()
    }

    /// What makes it another report than before: not the time that is left, and not how long anything took.
    pub(super) fn state(&self) -> String {
        let version = self.session.as_ref().and_then(|session| session.version.as_deref());
        let serials = self.certificates.iter().map(|presented| {
            let Certificate { issuer, serial, not_after, .. } = &presented.certificate;
            (issuer, serial, not_after, presented.used)
        });
        let steps = self.verification.iter().map(|step| (step.step, step.outcome));
        format!(
            "{} {:?} {:?} {:?} {} {:?}",
            self.result,
            version,
            serials.collect::<Vec<_>>(),
            steps.collect::<Vec<_>>(),
            self.wants_client_certificate,
            self.remarks
        )
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
        self.session_line = printable(&info.to_string()).into_owned();
        self.session = Some(Session {
            version: info.version.map(|version| version.to_string()),
            cipher_suite: info.cipher_suite.map(|suite| suite.to_string()),
            group: info.key_exchange_group.map(|group| group.to_string()),
            alpn: info.alpn.as_ref().map(|alpn| String::from_utf8_lossy(alpn).into_owned()),
        });
    }

    /// `path` is the way to a root, if there is one to be told.
    pub(super) fn set_chain(&mut self, chain: &[CertificateDer<'_>], path: Option<&[usize]>) {
        let read = chain.iter().enumerate().filter_map(|(position, der)| {
            let used = path.is_none_or(|path| path.contains(&position));
            Some(Presented { position, used, certificate: Certificate::read(der).ok()? })
        });
        self.certificates = read.collect();
        self.unread = chain.len() - self.certificates.len();
    }

    /// Of the certificates that are in use, the one that expires first.
    pub(super) fn soonest(&self) -> Option<&Certificate> {
        let used = self.certificates.iter().filter(|presented| presented.used);
        used.map(|presented| &presented.certificate).min_by_key(|certificate| certificate.validity.1)
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
        for remark in &self.remarks {
            let _ = writeln!(text, "  remark        {}", styled(WARN, remark));
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
        if self.wants_client_certificate {
            text.push_str("  client        must show a certificate (--cert, --key): without one, only the server's was looked at\n");
        }
        for presented in &self.certificates {
            self.certificate(&mut text, presented);
        }
        if self.unread > 0 {
            let _ = writeln!(text, "  certificate   {} more cannot be read", self.unread);
        }
        self.timings(&mut text);
        for_output(&text)
    }

    fn certificate(&self, text: &mut String, presented: &Presented) {
        let Presented { position, used, certificate } = presented;
        let Certificate { subject, issuer, names, key, not_before, not_after, .. } = certificate;
        let subject = if subject.is_empty() { "(no subject)" } else { subject };
        let note = if *used { "" } else { ", in no use" };
        let _ = writeln!(text, "  certificate {} {subject}{}", position + 1, styled(DIM, note));
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
        Exit::Usage => "usage",
        Exit::Resolve => "resolve",
        Exit::Connect => "connect",
        Exit::Handshake => "handshake",
        Exit::Expired => "expired",
        Exit::NotYetValid => "not_yet_valid",
        Exit::NeverValid => "never_valid",
        Exit::WrongName => "wrong_name",
        Exit::Untrusted => "untrusted",
        Exit::ExpiresSoon => "expires_soon",
        Exit::Lost => "lost",
        Exit::Starttls => "starttls",
        _ => "failed",
    }
}
