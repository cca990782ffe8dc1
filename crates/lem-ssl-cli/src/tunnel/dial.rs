//! From a client that is here to a back end that has answered.

use lem_ssl_rs::lem_rs::transport::{InputBuffer, StreamOptions, connect_source};
use lem_ssl_rs::{Address, Context, Deadline, Error, Phase, Plain, Stream, TcpStream, TlsError};

use super::tally::Outcome;
use crate::starttls::Protocol;
use crate::words::{self, Side};

/// Where to, and who has to be there.
#[derive(Debug, Clone)]
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
            _ => Outcome::Unreachable,
        };
        Self { outcome, why: words::explain(&error, Side::BackEnd) }
    }
}
