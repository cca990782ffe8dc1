//! The handshake: no stream exists before it is finished.

use std::fmt;
use std::future::poll_fn;
use std::task::{Poll, ready};
use std::time::Instant;

use lem_rs::transport::{CpuPermit, InputBuffer, Received, Source, Transport, close_transport};
use lem_rs::{Address, Cut, Deadline, Direction, EndOfStream, Endpoint, Phase, now};

use crate::context::Context;
use crate::error::{Error, TlsError};
use crate::meter::Metered;
use crate::session::Session;
use crate::transport::{ALERT_DEADLINE, Stream, Tls};

mod early;
mod second_check;

pub(crate) use second_check::SecondCheck;

/// What a handshake begins with.
pub(crate) struct Beginning {
    pub(crate) source: Source,
    pub(crate) session: Session,
    /// What had arrived before TLS began.
    pub(crate) received: Vec<u8>,
    /// With whom.
    pub(crate) target: Target,
    /// Under which deadline, beside the handshake's own.
    pub(crate) deadline: Deadline,
    /// What it reports with, if a server has accepted it.
    pub(crate) metered: Option<Metered>,
    /// How a client of a resumed session is checked again.
    pub(crate) second_check: SecondCheck,
}

/// With whom a handshake is, for messages: a text is made of it only for those.
pub(crate) enum Target {
    /// With the server there.
    Address(Address),
    /// With a client.
    Peer(Endpoint),
    /// With somebody on a plain connection.
    Named(String),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Peer(peer) => peer.fmt(f),
            Self::Named(name) => name.fmt(f),
        }
    }
}

/// Shakes hands; the stream exists only if that succeeds. If it fails, the alert that says why is sent in the background.
///
/// **Cancel safety:** dropping it closes the connection.
pub(crate) async fn shake_hands(context: Context, beginning: Beginning) -> Result<Stream, Error> {
    let mut handshake = Handshake::begin(context, beginning);
    match handshake.advance().await {
        Ok(()) => Ok(handshake.into_stream()),
        Err(error) => {
            handshake.give_up();
            Err(error)
        }
    }
}

/// A handshake under way. What is large is on the heap, because thousands may be under way, and a future has room for
/// everything that it ever moves.
pub(crate) struct Handshake {
    target: Target,
    deadline: Deadline,
    begun: Instant,
    inner: Box<UnderWay>,
}

pub(crate) struct UnderWay {
    context: Context,
    tls: Tls,
    input: InputBuffer,
    /// Each flight costs a signature or a key exchange, or both.
    permit: CpuPermit,
    /// What came of receiving, until that was looked at.
    received: Option<Received>,
    peer_is_gone: bool,
    second_check: SecondCheck,
}

impl Handshake {
    pub(crate) fn begin(context: Context, beginning: Beginning) -> Self {
        let Beginning { source, session, received, target, deadline, metered, second_check } = beginning;
        let inner = context.inner();
        let deadline = deadline.at_most(inner.deadlines.handshake);
        let permit = source.cpu_permit();
        let mut tls = Tls::new(source, session, inner.accept_missing_close_notify, metered);
        let mut input = InputBuffer::default();
        let received = Some(tls.begin(received, &mut input));
        let inner = UnderWay { context, tls, input, permit, received, peer_is_gone: false, second_check };
        Self { target, deadline, begun: now(), inner: Box::new(inner) }
    }

    /// Goes on until the handshake is over; on a server that receives [early data](Self::has_early_data), until it has
    /// brought some. After an error, [give it up](Self::give_up).
    ///
    /// **Cancel safety:** dropping it loses nothing; it can be called again.
    pub(crate) async fn advance(&mut self) -> Result<(), Error> {
        self.deadline.limit(Phase::Handshake, &self.target, self.inner.drive()).await
    }

    pub(crate) fn tls(&self) -> &Tls {
        &self.inner.tls
    }

    /// The stream, when it is over.
    pub(crate) fn into_stream(self) -> Stream {
        let UnderWay { context, mut tls, input, .. } = *self.inner;
        tls.set_handshake_time(now().saturating_duration_since(self.begun));
        debug_assert!(!tls.is_handshaking() && !tls.has_early_data());
        Stream::new(tls, input, context.inner().options)
    }

    /// Ends the connection; the alert that says why is sent in the background.
    pub(crate) fn give_up(self) {
        match self.inner.second_check {
            SecondCheck::Failed(alert, refuse) => refuse(self.inner, alert),
            SecondCheck::Due(_) | SecondCheck::Done => close_transport(self.inner.tls, ALERT_DEADLINE),
        }
    }
}

impl UnderWay {
    /// Goes on until the handshake is over or has brought early data, and checks the client.
    async fn drive(&mut self) -> Result<(), Error> {
        self.exchange().await?;
        if let Some(name) = self.tls.session().validated() {
            return Err(TlsError::Validated { name: name.into() }.into());
        }
        match std::mem::replace(&mut self.second_check, SecondCheck::Done) {
            SecondCheck::Due(check) => check(self),
            done => {
                self.second_check = done;
                Ok(())
            }
        }
    }

    /// Sends and receives until the handshake is over, or early data have come.
    async fn exchange(&mut self) -> Result<(), Error> {
        let result = poll_fn(|cx| {
            loop {
                match self.received.take() {
                    Some(Received::Ended(end)) => return Poll::Ready(ended(&mut self.tls, end)),
                    // Everything that it left was received, and there was no alert in it.
                    Some(Received::Blocked) if self.peer_is_gone => {
                        return Poll::Ready(Err(TlsError::HandshakeCut { reset: true }.into()));
                    }
                    Some(Received::Blocked) => {
                        self.permit.give_back();
                        self.tls.source().park(Direction::Read, cx);
                        if self.tls.has_pending() {
                            self.tls.source().park(Direction::Write, cx);
                        }
                        return Poll::Pending;
                    }
                    Some(Received::Progress) | None => {}
                }
                // A client's last message may still wait for the kernel: the stream goes on with that.
                if !self.tls.is_handshaking() {
                    return Poll::Ready(Ok(()));
                }
                if self.tls.has_early_data() {
                    // The client goes on while they are looked at.
                    self.peer_is_gone |= self.tls.flush().is_err();
                    return Poll::Ready(Ok(()));
                }
                ready!(self.permit.poll(cx));
                self.peer_is_gone |= self.tls.flush().is_err();
                self.received = Some(self.tls.receive(&mut self.input, ONE_FLIGHT));
            }
        })
        .await;
        for direction in [Direction::Read, Direction::Write] {
            self.tls.source().unpark(direction);
        }
        result
    }
}

/// The peer's side is over. A peer that has little to say may say it all, and goodbye, in one piece with the last message
/// of the handshake: then that has succeeded, and the end is the stream's.
fn ended(tls: &mut Tls, end: EndOfStream) -> Result<(), Error> {
    if tls.is_handshaking() {
        return Err(handshake_error(end));
    }
    tls.set_pending_end(end);
    Ok(())
}

fn handshake_error(end: EndOfStream) -> Error {
    match end {
        EndOfStream::Clean | EndOfStream::Cut(Cut::Fin) => TlsError::HandshakeCut { reset: false }.into(),
        EndOfStream::Cut(Cut::Reset) => TlsError::HandshakeCut { reset: true }.into(),
        EndOfStream::Failed(error) => error,
    }
}

/// A server's first flight with a chain of a few certificates fits.
const ONE_FLIGHT: usize = 16 * 1024;
