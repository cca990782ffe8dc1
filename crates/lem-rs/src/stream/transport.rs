//! What a stream needs from below: bytes that come, bytes that go, and an end.

use crate::error::{EndOfStream, Error};
use crate::proto::InputBuffer;
use crate::runtime::Source;

/// Carries a stream's bytes over a socket: as they are ([`Plain`](crate::Plain)), or encrypted by a library above.
///
/// No call blocks or waits; the stream does that, on [`source`](Self::source). No call keeps a buffer while nothing
/// is under way, so that an idle stream costs next to nothing.
pub trait Transport: 'static {
    /// What there is to know about the connection beyond its bytes: what a handshake agreed on.
    type Info;

    /// What is known about the connection.
    fn info(&self) -> Self::Info;

    /// The socket.
    fn source(&self) -> &Source;

    /// Receives once: appends to `input` at least one byte and, if possible, about `want`. What cannot be delivered
    /// yet (a part of a record) stays in the transport. Not called again after it said [`Received::Ended`].
    ///
    /// One call does a bounded amount of work, and [charges](Source::charge) what it costs beside reading the socket: a
    /// peer may send what takes long to compute and delivers nothing.
    fn receive(&mut self, input: &mut InputBuffer, want: usize) -> Received;

    /// Accepts the beginning of `data`, which is not empty. What it accepts it delivers, or the stream fails.
    /// Called when nothing is pending, or only what [may be delayed](Self::may_delay_pending).
    ///
    /// # Errors
    /// If nothing more can be sent on this connection.
    fn send(&mut self, data: &[u8]) -> Result<Sent, Error>;

    /// Whether accepted bytes, or the protocol's own answers, wait for the kernel to take them.
    fn has_pending(&self) -> bool;

    /// Whether what is pending now may be delayed, to be sent in one piece with the next write: for one packet and one
    /// system call less. At the latest it is flushed when a read is about to wait. False if the peer waits for it.
    fn may_delay_pending(&self) -> bool {
        false
    }

    /// Hands the kernel what is pending.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    fn flush(&mut self) -> Result<Flushed, Error>;

    /// Makes the protocol's own end of our data pending (TLS: `close_notify`). The stream flushes it and sends FIN.
    fn end_sending(&mut self);

    /// Whether a peer that has ended its side cleanly sends nothing more, not even what the protocol itself has to say.
    /// Then a close that has sent our end is over, and does not wait for the peer's FIN.
    fn end_is_final(&self) -> bool {
        false
    }

    /// Whether a peer that gives the connection up may say why, after we have ended our side (TLS: an alert). If so, a close
    /// goes on [receiving](Self::receive), drops the content, and ends with that reason. If not, what arrives is dropped as
    /// it comes from the socket.
    fn reports_failures(&self) -> bool {
        false
    }

    /// Whether [`rest`](Self::rest) gives up anything.
    const RESTS: bool = false;

    /// Gives up memory that can be made again cheaply: the stream was not used for a while. Nothing else changes.
    fn rest(&mut self) {}

    /// The connection will be closed in the midst of something: the peer must not take that for a complete end. Nothing
    /// to do where the protocol has an end of its own, which the peer will miss.
    fn make_end_abnormal(&self) {}
}

/// What [`Transport::receive`] did. Exhaustive on purpose: a stream knows what to do after each.
#[derive(Debug)]
pub enum Received {
    /// Appended bytes, or got on without any (a part of a record): call again for more.
    Progress,
    /// Nothing is there now.
    Blocked,
    /// Nothing will ever come again.
    Ended(EndOfStream),
}

/// What [`Transport::send`] did. Exhaustive on purpose: a stream knows what to do after each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// So many bytes are the transport's responsibility now; some may be pending.
    Accepted(usize),
    /// Nothing can be accepted before the socket is writable.
    Blocked,
}

/// What [`Transport::flush`] did. Exhaustive on purpose: a stream knows what to do after each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flushed {
    /// Nothing is pending.
    Done,
    /// The rest goes when the socket is writable.
    Blocked,
}
