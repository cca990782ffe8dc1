//! The handshake: no stream exists before it is finished.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use lem_rs::{
    Cut, Deadline, Direction, EndOfStream, InputBuffer, Phase, Received, Source, StreamHandle, Transport,
    close_transport,
};

use crate::context::Inner;
use crate::error::{Error, TlsError};
use crate::meter::Metered;
use crate::session::Session;
use crate::transport::{Stream, Tls};

/// How long a failed handshake's alert may take on its way out.
const ALERT_DEADLINE: Duration = Duration::from_secs(2);

/// What a handshake begins with.
pub(crate) struct Beginning<'a> {
    pub(crate) source: Source,
    pub(crate) session: Session,
    /// What had arrived before TLS began.
    pub(crate) received: &'a [u8],
    /// With whom, for messages.
    pub(crate) target: &'a str,
    /// Under which deadline, beside the handshake's own.
    pub(crate) deadline: Deadline,
    /// Who counts it.
    pub(crate) metered: Option<Metered<StreamHandle<Tls>>>,
}

/// Shakes hands; the stream exists only if that succeeds. If it fails, the alert that says why is sent in the background.
///
/// **Cancel safety:** dropping it closes the connection.
pub(crate) async fn shake_hands(context: &Inner, beginning: Beginning<'_>) -> Result<Stream, Error> {
    let Beginning { source, session, received, target, deadline, metered } = beginning;
    let mut tls = Tls::new(source, session, context.accept_missing_close_notify, metered);
    let mut input = InputBuffer::default();
    let shake = async {
        let begun = tls.begin(received, &mut input);
        drive(&mut tls, &mut input, begun).await?;
        tls.resumed_certificates().map_or(Ok(()), |chain| context.check_client_again(chain))
    };
    let deadline = deadline.at_most(context.deadlines.handshake);
    match deadline.limit(Phase::Handshake, target, shake).await {
        Ok(()) => {
            let stream = Stream::new(tls, input, context.options);
            stream.with_transport(|tls| tls.opened(stream.handle()));
            Ok(stream)
        }
        Err(error) => {
            close_transport(tls, ALERT_DEADLINE);
            Err(error)
        }
    }
}

/// Sends and receives until the handshake is over.
async fn drive(tls: &mut Tls, input: &mut InputBuffer, begun: Received) -> Result<(), Error> {
    if let Received::Ended(end) = begun {
        return ended(tls, end);
    }
    let mut peer_is_gone = false;
    let result = poll_fn(|cx| {
        loop {
            // A client's last message may still wait for the kernel: the stream goes on with that.
            if !tls.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            // Each flight costs a signature or a key exchange, or both.
            if tls.source().poll_heavy_turn(cx).is_pending() {
                return Poll::Pending;
            }
            peer_is_gone |= tls.flush().is_err();
            match tls.receive(input, ONE_FLIGHT) {
                Received::Ended(end) => return Poll::Ready(ended(tls, end)),
                Received::Progress => {}
                // Everything that it left was received, and there was no alert in it.
                Received::Blocked if peer_is_gone => {
                    return Poll::Ready(Err(TlsError::HandshakeCut { reset: true }.into()));
                }
                Received::Blocked => {
                    tls.source().return_heavy_turn();
                    tls.source().park(Direction::Read, cx);
                    if tls.has_pending() {
                        tls.source().park(Direction::Write, cx);
                    }
                    return Poll::Pending;
                }
            }
        }
    })
    .await;
    for direction in [Direction::Read, Direction::Write] {
        tls.source().unpark(direction);
    }
    result
}

/// The peer's side is over. A peer that has little to say may say it all, and goodbye, in one piece with the last message
/// of the handshake: then that has succeeded, and the end is the stream's.
fn ended(tls: &mut Tls, end: EndOfStream) -> Result<(), Error> {
    if tls.is_handshaking() {
        return Err(handshake_error(end));
    }
    tls.hold(end);
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
