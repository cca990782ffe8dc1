//! How the command ends: its exit code, and one line that says why.

use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

use lem_ssl_rs::AlertDescription;
use lem_ssl_rs::{CertificateCheck, CertificateFault, Error, JoinError, Phase, TlsError};

use crate::words::{self, Side};

/// The exit codes, which scripts rely on: a number is never given another meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything went as asked.
    Good,
    /// Something failed that no other code is for: a file, standard output, listening.
    Failed,
    /// The arguments, or what they name (certificates, keys), cannot work.
    Usage,
    /// A name could not be resolved.
    Resolve,
    /// No address accepted a connection.
    Connect,
    /// The handshake failed, or the peer refused us.
    Handshake,
    /// The peer's certificate has expired.
    Expired,
    /// The peer's certificate is not valid yet. Scripts are told by the number of an expired one.
    NotYetValid,
    /// The peer's certificate was never valid. Scripts are told by the number of an expired one.
    NeverValid,
    /// The peer's certificate is for other names.
    WrongName,
    /// The peer's certificate does not lead to a trusted root, was revoked, or was refused for another reason.
    Untrusted,
    /// The peer's certificate is good, but expires within the days that were asked for.
    ExpiresSoon,
    /// The connection was cut, reset, or timed out after the handshake.
    Lost,
    /// The server does not go over to TLS (STARTTLS), or somebody meddled with its answer.
    Starttls,
    /// The server's answer is an error of HTTP, a redirect that is not followed, or none that can be understood.
    Http,
    /// What was downloaded is not what its checksum says.
    Checksum,
    /// What a monitoring system is told, with its own numbers.
    Monitoring(u8),
    /// Ctrl-C (SIGINT), as shells count it.
    Interrupted,
    /// SIGTERM, as shells count it.
    Terminated,
}

impl Exit {
    /// Those that help texts list, in order: one for each code.
    pub(crate) const ALL: [Self; 16] = [
        Self::Good,
        Self::Failed,
        Self::Usage,
        Self::Resolve,
        Self::Connect,
        Self::Handshake,
        Self::Expired,
        Self::WrongName,
        Self::Untrusted,
        Self::ExpiresSoon,
        Self::Lost,
        Self::Starttls,
        Self::Http,
        Self::Checksum,
        Self::Interrupted,
        Self::Terminated,
    ];

    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Resolve => 3,
            Self::Connect => 4,
            Self::Handshake => 5,
            Self::Expired | Self::NotYetValid | Self::NeverValid => 6,
            Self::WrongName => 7,
            Self::Untrusted => 8,
            Self::ExpiresSoon => 9,
            Self::Lost => 10,
            Self::Starttls => 11,
            Self::Http => 12,
            Self::Checksum => 13,
            Self::Monitoring(code) => code,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// For help texts.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Failed => "something else failed: a file, standard output, listening",
            Self::Usage => "the arguments, or the certificates and keys that they name, cannot work",
            Self::Resolve => "the name could not be resolved",
            Self::Connect => "no address accepted a connection",
            Self::Handshake => "the handshake failed, or the peer refused us",
            Self::Expired | Self::NotYetValid | Self::NeverValid => {
                "the peer's certificate has expired, or is not valid yet"
            }
            Self::WrongName => "the peer's certificate is for other names",
            Self::Untrusted => "the peer's certificate is not trusted",
            Self::ExpiresSoon => "the certificate expires within the days asked for (check --days)",
            Self::Lost => "the connection was cut or timed out after the handshake",
            Self::Starttls => "the server does not go over to TLS (--starttls)",
            Self::Http => "the server answered with an error of HTTP, or with none that can be followed (get)",
            Self::Monitoring(_) => "the state that a monitoring system is told (check --nagios)",
            Self::Checksum => "what was downloaded is not what its checksum says (get --checksum)",
            Self::Interrupted => "ended by Ctrl-C",
            Self::Terminated => "ended by SIGTERM",
        }
    }

    /// The class of an error.
    pub(crate) fn of(error: &Error) -> Self {
        if let Some(tls) = TlsError::of(error) {
            return of_tls(tls);
        }
        match error {
            Error::Resolve { .. } => Self::Resolve,
            Error::Connect(_) => Self::Connect,
            Error::Timeout(timeout) => match timeout.phase() {
                Phase::Resolve => Self::Resolve,
                Phase::Connect => Self::Connect,
                Phase::Handshake => Self::Handshake,
                _ => Self::Lost,
            },
            Error::Address(_) | Error::Misuse(_) => Self::Usage,
            Error::Truncated(_)
            | Error::Incomplete { .. }
            | Error::Closed
            | Error::Limit { .. }
            | Error::NotText { .. } => Self::Lost,
            _ => Self::Failed,
        }
    }
}

fn of_tls(error: &TlsError) -> Exit {
    match error {
        // The weightiest of what was found comes first: an untrusted chain is that, whatever its dates.
        TlsError::Certificate(problem) => match (problem.fault().check(), problem.fault()) {
            (CertificateCheck::Dates, CertificateFault::NotYetValid { .. }) => Exit::NotYetValid,
            (CertificateCheck::Dates, CertificateFault::NeverValid) => Exit::NeverValid,
            (CertificateCheck::Dates, _) => Exit::Expired,
            (CertificateCheck::Name, _) => Exit::WrongName,
            _ => Exit::Untrusted,
        },
        TlsError::Config(_) => Exit::Usage,
        TlsError::Internal(_) => Exit::Failed,
        // What a server of TLS 1.3 says of a client's certificate comes after the handshake, as we see it.
        TlsError::Alert { alert, during_handshake: false } if !is_refusal(*alert) => Exit::Lost,
        _ => Exit::Handshake,
    }
}

/// Whether an alert is about who we are.
pub(crate) fn is_refusal(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::HandshakeFailure
            | AlertDescription::NoCertificate
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCa
            | AlertDescription::AccessDenied
            | AlertDescription::CertificateRequired
    )
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a subcommand ended, if not well.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// One line; empty if there is nothing to say (for example after Ctrl-C).
    message: String,
    pub(crate) outlook: Outlook,
}

/// Whether the same attempt may succeed at another time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outlook {
    /// It would fail in the same way.
    Lasting,
    /// It may succeed, but not before this time has passed if the peer has named one.
    Passing { after: Option<Duration> },
    /// The operating system has refused something: a file was away, there was no descriptor. A service tries it again; who
    /// has called a single command is told.
    OfSystem,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        let outlook = match exit {
            Exit::Resolve | Exit::Connect | Exit::Lost => Outlook::Passing { after: None },
            _ => Outlook::Lasting,
        };
        Self { exit, message: message.into(), outlook }
    }

    /// The same with this outlook, where its class does not tell.
    #[must_use]
    pub(crate) fn with_outlook(self, outlook: Outlook) -> Self {
        Self { outlook, ..self }
    }

    /// The same; it would fail in the same way at another time.
    #[must_use]
    pub(crate) fn lasting(self) -> Self {
        self.with_outlook(Outlook::Lasting)
    }

    /// What `error` means, in these words.
    pub(crate) fn of(error: &Error, message: String) -> Self {
        let failure = Self::new(Exit::of(error), message);
        match error {
            _ if is_passing(error) => failure.with_outlook(Outlook::Passing { after: None }),
            _ if is_of_system(error) => failure.with_outlook(Outlook::OfSystem),
            _ => failure,
        }
    }

    /// Ends with this code and not a word.
    pub(crate) fn silent(exit: Exit) -> Self {
        Self::new(exit, "")
    }

    /// Whether there is something to say.
    pub(crate) fn has_message(&self) -> bool {
        !self.message.is_empty()
    }

    /// Puts `context: ` before the message.
    #[must_use]
    pub(crate) fn within(self, context: impl fmt::Display) -> Self {
        Self { message: format!("{context}: {}", self.message), ..self }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::of(&error, words::explain(&error, Side::Client))
    }
}

/// Whether a failure whose class does not say so may be one of the moment: something was late, or a connection was cut.
fn is_passing(error: &Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NetworkUnreachable, TimedOut};
    match error {
        _ if matches!(TlsError::of(error), Some(TlsError::HandshakeCut { .. })) => true,
        Error::Timeout(_) => true,
        Error::Io { source, .. } => {
            [BrokenPipe, ConnectionAborted, ConnectionReset, NetworkUnreachable, TimedOut].contains(&source.kind())
        }
        _ => false,
    }
}

/// Whether it is the operating system that has refused something.
fn is_of_system(error: &Error) -> bool {
    match (error, TlsError::of(error)) {
        (Error::Io { .. } | Error::Task(JoinError::NoThread(_)), _) => true,
        (_, Some(TlsError::Config(config))) => config.io_error().is_some(),
        _ => false,
    }
}

/// One line, whatever a peer put into it: nothing that it sends may steer a terminal.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::text::printable(&self.message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_exits_have_the_same_code() {
        let mut codes: Vec<_> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        codes.dedup();
        assert_eq!(codes.len(), Exit::ALL.len());
        assert!(codes.is_sorted());
    }

    #[test]
    fn a_message_is_one_line_and_steers_no_terminal() {
        let failure = Failure::new(Exit::Failed, "a\r\nb\u{1b}[31mc");
        assert_eq!(failure.to_string(), "a\\r\\nb\\u{1b}[31mc");
    }
}
