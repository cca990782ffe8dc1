//! What the library says of a failure, in words of the command: which option to use, where the library speaks of calls.

use lem_ssl_rs::AlertDescription;
use lem_ssl_rs::{CertificateFault, ConfigPart, Error, Phase, ServerEvent, TlsError};

/// Whose options are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// We are the client.
    Client,
    /// We are the client of a tunnel's back end.
    BackEnd,
    /// We are the server.
    Server,
}

/// The error, and what can be done about it.
pub(crate) fn explain(error: &Error, side: Side) -> String {
    let said = error.to_string();
    match TlsError::of(error) {
        Some(tls) => explain_tls(tls, said, side),
        None => match (error.timed_out(), side) {
            (Some(Phase::Resolve | Phase::Connect | Phase::Handshake), Side::Client) => format!("{said} (--timeout)"),
            (Some(Phase::Resolve | Phase::Connect | Phase::Handshake), Side::BackEnd) => {
                format!("{said} (--connect-timeout)")
            }
            _ => said,
        },
    }
}

/// As [`explain`] for a client, for a report that names the server itself.
pub(crate) fn explain_of_named(error: &Error) -> String {
    match TlsError::of(error) {
        Some(tls) => explain_tls(tls, tls.to_string(), Side::Client),
        None => explain(error, Side::Client),
    }
}

/// What a server tells of its clients, for its log.
pub(crate) fn event(event: &ServerEvent<'_>) -> String {
    match event {
        ServerEvent::HandshakeFailed { peer, error } => format!("{peer}: {}", explain(error, Side::Server)),
        other => other.to_string(),
    }
}

fn explain_tls(error: &TlsError, said: String, side: Side) -> String {
    let (identity, ca) = match side {
        Side::BackEnd => ("give --out-cert and --out-key", "--out-ca"),
        Side::Client | Side::Server => ("give --cert and --key", "--ca"),
    };
    match error {
        TlsError::Alert { alert: AlertDescription::CertificateRequired, .. } if side != Side::Server => {
            format!("the peer refused us: it wants a client certificate (alert 116): {identity}")
        }
        TlsError::Alert { alert: AlertDescription::HandshakeFailure, .. } if side != Side::Server => {
            format!("{said}: {identity} if so")
        }
        TlsError::Alert { alert: AlertDescription::NoApplicationProtocol, .. } | TlsError::NoCommonProtocol => {
            let option = if side == Side::BackEnd { "--out-alpn" } else { "--alpn" };
            format!("{said} ({option})")
        }
        TlsError::UnknownName => {
            "the client asks for a name that no --cert is for, or --acme has no certificate for yet".to_owned()
        }
        TlsError::Certificate(problem) if side != Side::Server => match problem.fault() {
            CertificateFault::SelfSigned => format!("{said} ({ca} FILE)"),
            CertificateFault::UnknownIssuer { .. } => format!("{said}; {ca} FILE says whom to trust"),
            _ => said,
        },
        TlsError::Config(problem) => match problem.part() {
            ConfigPart::Provider => {
                "this CPU lacks instructions that the built-in cryptography needs (AES, AVX2, BMI2 \
                                     and ADX on x86_64): build the command with --features lem-ssl-rs/ring"
                    .to_owned()
            }
            ConfigPart::ServerName => format!("{said} (--server-name)"),
            ConfigPart::Alpn => format!("{said} (--alpn)"),
            _ => said,
        },
        _ => said,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(alert: AlertDescription) -> Error {
        TlsError::Alert { alert, during_handshake: false }.into()
    }

    #[test]
    fn who_wants_a_certificate_is_answered_by_options_and_not_by_calls() {
        for (side, option) in [(Side::Client, "--cert and --key"), (Side::BackEnd, "--out-cert and --out-key")] {
            for wants in [AlertDescription::CertificateRequired, AlertDescription::HandshakeFailure] {
                let said = explain(&alert(wants), side);
                assert!(said.contains(option), "{said}");
                assert!(!said.contains("context") && !said.contains("identity"), "{said}");
            }
        }
        assert!(!explain(&alert(AlertDescription::HandshakeFailure), Side::Server).contains("--cert"));
    }

    #[test]
    fn an_option_that_would_help_is_named() {
        let said = |error: TlsError, side| explain(&error.into(), side);
        assert!(said(TlsError::UnknownName, Side::Server).contains("--cert"));
        assert!(said(TlsError::NoCommonProtocol, Side::Server).ends_with("(--alpn)"));
        let late = lem_ssl_rs::Timeout::new(Phase::Connect, std::time::Duration::from_secs(1));
        assert!(explain(&late.clone().into(), Side::Client).ends_with("(--timeout)"));
        assert!(explain(&late.into(), Side::BackEnd).ends_with("(--connect-timeout)"));
    }
}
