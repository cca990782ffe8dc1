//! From a client that is here to a back end that has answered.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use lem_ssl_rs::lem_rs::transport::{InputBuffer, StreamOptions, connect_source};
use lem_ssl_rs::{Address, Attempt, Context, Deadline, Error, Phase, Plain, Stream, TcpStream, TlsError};

use super::tally::Outcome;
use crate::platform::is_shortage;
use crate::starttls::Protocol;
use crate::words::{self, Side};

/// Where to, and who has to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BackEnd {
    pub(super) address: Address,
    /// The name that its certificate must be valid for; `None` if we do not speak TLS with it.
    pub(super) name: Option<String>,
}

/// How back ends are spoken to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner<'a> {
    pub(super) context: Option<&'a Context>,
    /// They begin in plain text, as this protocol does.
    pub(super) starttls: Option<Protocol>,
    /// Their greeting is left out: the client was greeted before.
    pub(super) skip_greeting: Option<Protocol>,
    /// Who the client is, for back ends that are told.
    pub(super) header: Option<&'a [u8]>,
}

/// A connection to a back end.
pub(super) enum Dialled {
    Plain(TcpStream),
    Tls(Stream),
}

/// Why there is none.
#[derive(Debug, Clone)]
pub(super) struct Undialled {
    pub(super) outcome: Outcome,
    pub(super) why: String,
}

impl BackEnd {
    /// Connects, says who the client is if that is asked for, and shakes hands if there is a context.
    pub(super) async fn dial(&self, manner: &Manner<'_>, deadline: &Deadline) -> Result<Dialled, Undialled> {
        let source = connect_source(&self.address, deadline).await?;
        let stream = TcpStream::new(Plain::new(source), InputBuffer::default(), StreamOptions::default());
        let target = self.address.to_string();
        if let Some(header) = manner.header {
            // The kernel of a new connection takes it at once.
            deadline.limit(Phase::Connect, &target, stream.write(header)).await?;
        }
        let (Some(context), Some(name)) = (manner.context, &self.name) else {
            if let Some(protocol) = manner.skip_greeting {
                deadline.limit(Phase::Connect, &target, protocol.skip_greeting(&stream)).await?;
            }
            return Ok(Dialled::Plain(stream));
        };
        if let Some(protocol) = manner.starttls {
            let asked = protocol.ask(&stream, name, deadline.remaining()).await;
            asked.map_err(|why| Undialled { outcome: Outcome::HandshakeFailed, why: why.to_string() })?;
        }
        let secured = deadline.limit(Phase::Handshake, name, context.upgrade(stream, name)).await?;
        if let Some(protocol) = manner.skip_greeting {
            deadline.limit(Phase::Connect, &target, protocol.skip_greeting(&secured)).await?;
        }
        Ok(Dialled::Tls(secured))
    }
}

impl From<Error> for Undialled {
    fn from(error: Error) -> Self {
        let outcome = match (TlsError::of(&error), error.timed_out()) {
            (Some(_), _) | (_, Some(Phase::Handshake)) => Outcome::HandshakeFailed,
            _ => own_failure(&error).unwrap_or(Outcome::Unreachable),
        };
        Self { outcome, why: words::explain(&error, Side::BackEnd) }
    }
}

impl Undialled {
    /// Whether it says nothing of the back end: the tunnel itself could not ask it.
    pub(super) fn is_own(&self) -> bool {
        // What is forbidden stays so, and a packet filter on the way says the same: that one is left alone like others.
        self.outcome == Outcome::Shortage
    }

    /// The one of two that has more to say: of a back end that was asked, then of a shortage, which passes; else the later.
    pub(super) fn or_weightier(self, before: Option<Self>) -> Self {
        let weight = |undialled: &Self| match undialled.outcome {
            Outcome::Forbidden => 0,
            Outcome::Shortage => 1,
            _ => 2,
        };
        match before {
            Some(before) if weight(&before) > weight(&self) => before,
            _ => self,
        }
    }
}

/// What it is if the tunnel itself is to blame: descriptors, memory or ports have run out, or the system forbids it to connect
/// (Landlock, a packet filter).
fn own_failure(error: &Error) -> Option<Outcome> {
    let of = |error: &io::Error| {
        let is_forbidden = error.kind() == io::ErrorKind::PermissionDenied;
        is_shortage(error).then_some(Outcome::Shortage).or(is_forbidden.then_some(Outcome::Forbidden))
    };
    match error {
        Error::Connect(tried) => {
            // The rights of a Unix-domain socket's file are the back end's, who has made it.
            let is_ours = |attempt: &Attempt, outcome| outcome == Outcome::Shortage || attempt.endpoint.ip().is_some();
            let of_attempt = |attempt: &Attempt| {
                let short = is_out_of_ports(attempt).then_some(Outcome::Shortage);
                short.or_else(|| of(&attempt.error).filter(|&outcome| is_ours(attempt, outcome)))
            };
            // If only one has another reason, somebody was asked.
            let outcomes: Option<Vec<_>> = tried.attempts().iter().map(of_attempt).collect();
            outcomes?.first().copied()
        }
        Error::Io { source, .. } | Error::Resolve { source, .. } => of(source),
        _ => None,
    }
}

/// Whether no local port was left for an address. Where there is no way to it at all, as without IPv6, TCP fails with the
/// same error, but UDP does, too.
fn is_out_of_ports(attempt: &Attempt) -> bool {
    let has_way = |address: SocketAddr| {
        let any = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind(SocketAddr::new(any, 0));
        socket.and_then(|socket| socket.connect(address)).is_ok()
    };
    attempt.error.kind() == io::ErrorKind::AddrNotAvailable && attempt.endpoint.ip().is_some_and(has_way)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_is_our_own_failure_is_none_of_the_back_end() {
        let outcome = |number| Undialled::from(Error::io("connect", io::Error::from_raw_os_error(number))).outcome;
        // EMFILE, ENFILE, ENOMEM; EACCES, EPERM; EPIPE, ENOENT.
        for (numbers, expected) in
            [(&[24, 23, 12][..], Outcome::Shortage), (&[13, 1], Outcome::Forbidden), (&[32, 2], Outcome::Unreachable)]
        {
            assert!(numbers.iter().all(|&number| outcome(number) == expected), "{expected:?}");
        }
        let none = Error::Resolve { host: "a".into(), source: io::Error::other("no such name").into() };
        assert_eq!(Undialled::from(none).outcome, Outcome::Unreachable);
    }

    #[test]
    fn what_a_back_end_has_answered_is_told_before_a_failure_of_our_own() {
        let of = |outcome| Undialled { outcome, why: String::new() };
        let (asked, short, forbidden) = (Outcome::Unreachable, Outcome::Shortage, Outcome::Forbidden);
        for (one, other) in [(asked, short), (asked, forbidden), (short, forbidden)] {
            assert_eq!(of(one).or_weightier(Some(of(other))).outcome, one);
            assert_eq!(of(other).or_weightier(Some(of(one))).outcome, one);
        }
    }
}
