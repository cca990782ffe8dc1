//! How a stream's receiving side comes to its end.

use super::Error;

/// How the receiving side of a stream ended.
///
/// Exhaustive on purpose: a stream has these three ends.
#[derive(Debug, Clone)]
pub enum EndOfStream {
    /// The peer said that its data is complete (`close_notify`; for a plain stream, FIN).
    Clean,
    /// The connection ended without that.
    Cut(Cut),
    /// The protocol failed; nothing that comes after can be trusted.
    Failed(Error),
}

/// How a stream was cut off without a proper end.
///
/// Exhaustive on purpose: a connection ends with FIN, or without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cut {
    /// The peer closed the TCP connection (FIN) without saying that its data was complete.
    Fin,
    /// The connection was reset (RST), or a network failure was reported for it.
    Reset,
}

impl From<EndOfStream> for Error {
    /// What a read says when the stream ended in this way.
    fn from(end: EndOfStream) -> Self {
        match end {
            EndOfStream::Clean => Self::Closed,
            EndOfStream::Cut(cut) => Self::Truncated(cut),
            EndOfStream::Failed(error) => error,
        }
    }
}
