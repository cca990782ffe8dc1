//! From a client that is here to a back end that has answered.

use lem_ssl_rs::lem_rs::transport::{InputBuffer, StreamOptions, connect_source};
use lem_ssl_rs::{Address, Context, Deadline, Error, Phase, Plain, Stream, TcpStream, TlsError};

use super::tally::Outcome;

/// Where to, and who has to be there.
#[derive(Debug, Clone)]
pub(super) struct BackEnd {
    pub(super) address: Address,
    /// The name that its certificate must be valid for; `None` if we do not speak TLS with it.
    pub(super) name: Option<String>,
}

/// A connection to a back end.
pub(super) enum Dialled {
    Plain(TcpStream),
    Tls(Stream),
}

impl BackEnd {
    /// Connects, says who the client is if there is a `header` for that, and shakes hands if there is a context.
    pub(super) async fn dial(
        &self,
        context: Option<&Context>,
        header: Option<&[u8]>,
        deadline: &Deadline,
    ) -> Result<Dialled, Error> {
        let source = connect_source(&self.address, deadline).await?;
        let stream = TcpStream::new(Plain::new(source), InputBuffer::default(), StreamOptions::default());
        let target = self.address.to_string();
        if let Some(header) = header {
            // The kernel of a new connection takes it at once.
            deadline.limit(Phase::Connect, &target, stream.write(header)).await?;
        }
        let (Some(context), Some(name)) = (context, &self.name) else { return Ok(Dialled::Plain(stream)) };
        let secured = deadline.limit(Phase::Handshake, &target, context.upgrade(stream, name)).await?;
        Ok(Dialled::Tls(secured))
    }
}

/// What it means for a client that its back end could not be reached.
pub(super) fn outcome_of(error: &Error) -> Outcome {
    match (TlsError::of(error), error.timed_out()) {
        (Some(_), _) | (_, Some(Phase::Handshake)) => Outcome::HandshakeFailed,
        _ => Outcome::Unreachable,
    }
}
