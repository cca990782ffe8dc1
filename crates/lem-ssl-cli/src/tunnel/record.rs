//! What the log tells of a connection, when it is over: one line.

use std::time::Duration;

use lem_ssl_rs::{Endpoint, Info, Version};
use serde::Serialize;

use super::credentials::Credentials;
use super::tally::Outcome;
use crate::log::{Level, Log};
use crate::text::{count, hex};

/// One connection.
#[derive(Debug, Default, Serialize)]
pub(super) struct Record {
    pub(super) connection: u64,
    client: String,
    #[serde(flatten)]
    session: Option<SessionRecord>,
    /// Whom the client was led to; `None` if it came to none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) route: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) back_end: Option<String>,
    pub(super) bytes_up: u64,
    pub(super) bytes_down: u64,
    seconds: f64,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// What was agreed on with a client that speaks TLS, and who it is.
#[derive(Debug, Serialize)]
struct SessionRecord {
    #[serde(skip_serializing_if = "Option::is_none")]
    sni: Option<String>,
    tls_version: &'static str,
    cipher_suite: String,
    resumed: bool,
    #[serde(flatten)]
    credentials: Option<CredentialsRecord>,
    #[serde(skip)]
    words: String,
}

#[derive(Debug, Serialize)]
struct CredentialsRecord {
    subject: String,
    names: Vec<String>,
    fingerprint: String,
}

impl Record {
    pub(super) fn new(
        connection: u64,
        client: Option<&Endpoint>,
        session: Option<&Info>,
        credentials: Option<&Credentials>,
    ) -> Self {
        let session = session.map(|info| SessionRecord::new(info, credentials));
        Self { connection, client: name_of(client), session, ..Self::default() }
    }

    /// Writes the line.
    pub(super) fn finish(mut self, outcome: Outcome, reason: Option<String>, lasted: Duration, log: &Log) {
        self.seconds = (lasted.as_secs_f64() * 1000.0).round() / 1000.0;
        self.outcome = outcome.label();
        self.reason = reason;
        let level = if outcome.is_failure() { Level::Warn } else { Level::Info };
        log.record(level, &self.words(outcome), &self);
    }

    fn words(&self, outcome: Outcome) -> String {
        let asked_for = self.session.as_ref().map(|session| session.sni.as_deref().unwrap_or("no name"));
        let target = self.back_end.as_deref().or(asked_for).unwrap_or("no back end");
        let reason = self.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        let (up, down) = (count(self.bytes_up, "byte"), count(self.bytes_down, "byte"));
        let session = self.session.as_ref().map(|session| format!("; {}", session.words)).unwrap_or_default();
        let Self { connection, client, seconds, .. } = self;
        let words = outcome.words();
        format!("#{connection} {client} to {target}: {words}{reason}; {up} up, {down} down, {seconds:.1} s{session}")
    }
}

impl SessionRecord {
    fn new(info: &Info, credentials: Option<&Credentials>) -> Self {
        let mut words = info.to_string();
        if let Some(name) = &info.requested_name {
            words = format!("{name}, {words}");
        }
        if let Some(credentials) = credentials {
            let names: Vec<_> = credentials.names().collect();
            words = format!("{words}; {}", credentials.label());
            if !names.is_empty() {
                words = format!("{words}, for {}", names.join(", "));
            }
        }
        Self {
            sni: info.requested_name.clone(),
            tls_version: version(info),
            cipher_suite: suite(info),
            resumed: info.resumed,
            credentials: credentials.map(|credentials| CredentialsRecord {
                subject: credentials.subject.clone(),
                names: credentials.names().collect(),
                fingerprint: hex(&credentials.fingerprint),
            }),
            words,
        }
    }
}

/// What the log calls a client; `None` if it was gone before its address was known. One of a Unix-domain socket has no
/// name.
pub(super) fn name_of(peer: Option<&Endpoint>) -> String {
    match peer {
        None => "a client that is gone".to_owned(),
        Some(Endpoint::Unix(None)) => "a local client".to_owned(),
        Some(peer) => peer.to_string(),
    }
}

/// The version of TLS, as OpenSSL and the PROXY protocol write it.
pub(super) fn version(info: &Info) -> &'static str {
    match info.version {
        Some(Version::Tls12) => "TLSv1.2",
        Some(Version::Tls13) => "TLSv1.3",
        _ => "",
    }
}

/// The cipher suite, as RFC 8446 appendix B.4 writes it.
pub(super) fn suite(info: &Info) -> String {
    info.cipher_suite.map(|suite| suite.to_string()).unwrap_or_default()
}
