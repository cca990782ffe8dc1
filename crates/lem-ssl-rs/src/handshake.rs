//! The handshake: no stream exists before it is finished.

use std::fmt;
use std::future::poll_fn;
use std::task::{Poll, ready};
use std::time::Instant;

use lem_rs::transport::{CpuPermit, InputBuffer, Received, Source, Transport, close_transport};
use lem_rs::{Address, Cut, Deadline, Direction, EndOfStream, Endpoint, Phase, now, spawn, timeout};
use rustls::AlertDescription;

use crate::context::Context;
use crate::error::{Error, TlsError};
use crate::explain::explain;
use crate::meter::Metered;
use crate::session::Session;
use crate::transport::{ALERT_DEADLINE, Stream, Tls};

mod early;

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

struct UnderWay {
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

/// A client whose session is resumed showed its certificate, or none, when the session was begun, and is checked again.
#[derive(Debug)]
enum SecondCheck {
    Due,
    Passed,
    /// It is refused, and is to get this alert.
    Failed(AlertDescription),
}

impl Handshake {
    pub(crate) fn begin(context: Context, beginning: Beginning) -> Self {
        let Beginning { source, session, received, target, deadline, metered } = beginning;
        let inner = context.inner();
        let deadline = deadline.at_most(inner.deadlines.handshake);
        let permit = source.cpu_permit();
        let mut tls = Tls::new(source, session, inner.accept_missing_close_notify, metered);
        let mut input = InputBuffer::default();
        let received = Some(tls.begin(received, &mut input));
        let second_check = SecondCheck::Due;
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
            SecondCheck::Failed(alert) if self.is_over() => {
                close_transport(self.inner.tls.refuse(alert), ALERT_DEADLINE);
            }
            // It has brought early data. Its alert can only be sent when the handshake is over.
            SecondCheck::Failed(alert) => spawn(self.inner.finish_and_refuse(alert)).detach(),
            SecondCheck::Due | SecondCheck::Passed => close_transport(self.inner.tls, ALERT_DEADLINE),
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
        self.check_again()
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

    /// Checks a client of a resumed session again, once, before its early data are seen.
    fn check_again(&mut self) -> Result<(), Error> {
        if !matches!(self.second_check, SecondCheck::Due) {
            return Ok(());
        }
        self.second_check = SecondCheck::Passed;
        let context = self.context.inner();
        let checked = self.tls.resumed_certificates().map_or(Ok(()), |chain| context.check_client_again(chain));
        checked.map_err(|error| {
            self.second_check = SecondCheck::Failed(alert_of(&error));
            explain(error, true, &[]).into()
        })
    }

    /// Refuses a client when its handshake is over, which it has some time for.
    async fn finish_and_refuse(mut self: Box<Self>, alert: AlertDescription) {
        let finished = timeout(ALERT_DEADLINE, async {
            while self.tls.is_handshaking() {
                drop(self.tls.take_early());
                self.exchange().await?;
            }
            Ok::<(), Error>(())
        });
        match finished.await {
            Ok(Ok(())) => close_transport(self.tls.refuse(alert), ALERT_DEADLINE),
            _ => close_transport(self.tls, ALERT_DEADLINE),
        }
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

/// The alert that tells of a refused certificate.
fn alert_of(error: &rustls::Error) -> AlertDescription {
    match error {
        rustls::Error::InvalidCertificate(error) => error.clone().into(),
        rustls::Error::NoCertificatesPresented => AlertDescription::CertificateRequired,
        _ => AlertDescription::InternalError,
    }
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
