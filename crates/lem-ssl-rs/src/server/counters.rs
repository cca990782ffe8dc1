//! What a server counts.

use std::time::Duration;

use crate::error::{Error, TlsError};

/// What a server has done so far. Plain numbers: a snapshot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Connections that were accepted.
    pub accepted: u64,
    /// Connections that were dropped at once because too many from their address shook hands or waited to be accepted.
    /// Those of which a proxy had to tell first whose they are count among the [`failed`](Self::failed) too.
    pub refused: u64,
    /// How often accepting paused because descriptors or memory had run out, or 64 connections in a row were gone before
    /// they were accepted.
    pub pauses: u64,
    /// How often accepting stopped because as many connections were open as may be
    /// ([`ServerOptions::connections`](crate::ServerOptions::connections)).
    pub limited: u64,
    /// Handshakes that were begun.
    pub handshakes_started: u64,
    /// Handshakes that were finished.
    pub handshakes_finished: u64,
    /// Of the finished ones, those that resumed a session.
    pub handshakes_resumed: u64,
    /// Handshakes that brought early data (0-RTT), whatever became of them.
    pub handshakes_early: u64,
    /// Handshakes of authorities that have seen the answer to their challenge (TLS-ALPN-01 of ACME): neither finished, since
    /// no stream comes of them, nor failed.
    pub validations: u64,
    /// Handshakes that failed, by reason.
    pub failed: Failures,
    /// Streams that are open now: from the end of their handshake until their connection is gone.
    pub open: u64,
    /// Handlers of [`Server::autospawn`](crate::Server::autospawn) that have returned an error.
    pub handlers_failed: u64,
    /// Handlers that have panicked.
    pub handlers_panicked: u64,
    /// Bytes of content that were received.
    pub received: u64,
    /// Bytes of content that were sent.
    pub sent: u64,
    /// The longest that a single task has held the loop: no other task's latency can be better.
    pub loop_lag: Duration,
}

/// Failed handshakes, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failures {
    /// The deadline passed.
    pub timed_out: u64,
    /// What the client sent was not TLS.
    pub not_tls: u64,
    /// The client went away.
    pub cut: u64,
    /// The client refused us, by an alert.
    pub refused_by_peer: u64,
    /// We refused the client's certificate, or it had none.
    pub certificate: u64,
    /// No version, suite, group or application protocol in common, or no identity for the name asked for.
    pub incompatible: u64,
    /// The client broke the protocol.
    pub protocol: u64,
    /// Anything else, for example an [`Early`](crate::Early) that was dropped before its handshake was finished.
    pub other: u64,
}

impl Failures {
    /// All of them.
    pub fn total(&self) -> u64 {
        let Self { timed_out, not_tls, cut, refused_by_peer, certificate, incompatible, protocol, other } = *self;
        timed_out + not_tls + cut + refused_by_peer + certificate + incompatible + protocol + other
    }

    pub(super) fn count(&mut self, error: &Error) {
        let class = match (error, TlsError::of(error)) {
            (Error::Timeout(_), _) => &mut self.timed_out,
            (_, Some(TlsError::NotTls { .. })) => &mut self.not_tls,
            (_, Some(TlsError::HandshakeCut { .. })) => &mut self.cut,
            (_, Some(TlsError::Alert { .. })) => &mut self.refused_by_peer,
            (_, Some(TlsError::Certificate(_))) => &mut self.certificate,
            (_, Some(TlsError::Incompatible(_) | TlsError::NoCommonProtocol | TlsError::UnknownName)) => {
                &mut self.incompatible
            }
            (_, Some(TlsError::Protocol(_))) => &mut self.protocol,
            _ => &mut self.other,
        };
        *class += 1;
    }
}

impl std::ops::AddAssign for Counters {
    /// Adds up the counters of several machines; of the lag, the longest counts.
    fn add_assign(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.pauses += other.pauses;
        self.limited += other.limited;
        self.handshakes_started += other.handshakes_started;
        self.handshakes_finished += other.handshakes_finished;
        self.handshakes_resumed += other.handshakes_resumed;
        self.handshakes_early += other.handshakes_early;
        self.validations += other.validations;
        self.failed.timed_out += other.failed.timed_out;
        self.failed.not_tls += other.failed.not_tls;
        self.failed.cut += other.failed.cut;
        self.failed.refused_by_peer += other.failed.refused_by_peer;
        self.failed.certificate += other.failed.certificate;
        self.failed.incompatible += other.failed.incompatible;
        self.failed.protocol += other.failed.protocol;
        self.failed.other += other.failed.other;
        self.open += other.open;
        self.handlers_failed += other.handlers_failed;
        self.handlers_panicked += other.handlers_panicked;
        self.received += other.received;
        self.sent += other.sent;
        self.loop_lag = self.loop_lag.max(other.loop_lag);
    }
}
