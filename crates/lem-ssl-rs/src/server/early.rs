//! Connections that may bring early data: what a client says before it has shown that it is there.

use std::fmt;
use std::rc::Rc;

use lem_rs::{Endpoint, Transport};

use super::admission::{Admission, Permit};
use super::options::ServerEvent;
use super::peers::Admitted;
use crate::error::Error;
use crate::handshake::Handshake;
use crate::info::Info;
use crate::transport::{Ender, Stream, Tls};

/// Early data (0-RTT, RFC 8446 section 2.3): whoever has recorded them may send them again, and a client whose connection
/// fails may, too. See [`ContextBuilder::early_data`](crate::ContextBuilder::early_data).
///
/// They are of no type that anything else takes, so that no code takes them for content by mistake.
#[derive(Clone, PartialEq, Eq)]
pub struct Replayable {
    data: Vec<u8>,
}

impl Replayable {
    pub(super) fn new(data: Vec<u8>) -> Self {
        Self { data }
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The bytes, to find out what they ask for. What they ask for may have been carried out before.
    pub fn look(&self) -> &[u8] {
        &self.data
    }

    /// The bytes, from somebody who knows that what they ask for may be carried out more than once: it reads and changes
    /// nothing, or says the same however often it is said.
    pub fn accept_replay(self) -> Vec<u8> {
        self.data
    }
}

/// Shows how much it is; not what.
impl fmt::Debug for Replayable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replayable").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// A connection that may bring early data: handed out by [`Server::accept_early`](crate::Server::accept_early) as soon as
/// some have come, or the handshake is finished.
///
/// [`read`](Self::read) what came early, [`write`](Self::write) an answer to it if it may be answered more than once, and
/// [`finish`](Self::finish) to have the stream. Until then nothing is known but that somebody had a session here: the
/// client may be a recording. Whether it has a certificate was checked when the session was begun, and whether that is
/// still good is checked again before anything is handed out.
///
/// The handshake keeps its deadline, and its place among those that are limited
/// ([`ServerOptions::handshakes`](crate::ServerOptions::handshakes)).
///
/// # Dropping
/// Dropping it ends the connection.
#[must_use = "dropping it ends the connection"]
pub struct Early {
    phase: Phase,
    /// What came early and was not read.
    unread: Vec<u8>,
}

enum Phase {
    UnderWay(UnderWay),
    /// Its place is kept until somebody accepts it.
    Finished(Stream, Option<Permit>),
    /// It failed, or was taken apart.
    Over,
}

/// A handshake, and what it has of its server.
pub(super) struct UnderWay {
    pub(super) handshake: Handshake,
    pub(super) admission: Rc<Admission>,
    pub(super) peer: Endpoint,
    pub(super) permit: Permit,
    pub(super) admitted: Admitted,
}

impl UnderWay {
    /// Goes on until the handshake is finished or has brought early data. Whatever happens is counted and told.
    pub(super) async fn advance(mut self) -> Option<Early> {
        let result = self.handshake.advance().await;
        match result {
            Ok(()) => Some(Early::of(self)),
            Err(error) => {
                self.fail(&error);
                None
            }
        }
    }

    fn fail(self, error: &Error) {
        let Self { handshake, admission, peer, .. } = self;
        handshake.give_up();
        admission.meter.count_failure(error);
        admission.tell(&ServerEvent::HandshakeFailed { peer: &peer, error });
    }

    /// The server was closed.
    fn abort(self) {
        self.admission.meter.count_failure(&Error::Interrupted);
    }

    /// The stream of a handshake that is over.
    fn into_stream(self) -> (Stream, Permit) {
        let Self { handshake, admission, permit, admitted, .. } = self;
        let stream = handshake.into_stream();
        let resumed = stream.with_transport(Tls::is_resumed) == Some(true);
        admission.meter.count(|counters| {
            counters.handshakes_finished += 1;
            counters.handshakes_resumed += u64::from(resumed);
        });
        drop(admitted);
        (stream, permit)
    }
}

impl Early {
    /// After a handshake got on.
    pub(super) fn of(mut under_way: UnderWay) -> Self {
        let unread = under_way.handshake.take_early();
        if under_way.handshake.is_over() {
            let (stream, permit) = under_way.into_stream();
            stream.with_transport(|tls| tls.tell_meter(|metered| metered.waits(Ender::of_stream(tls, &stream))));
            return Self { phase: Phase::Finished(stream, Some(permit)), unread };
        }
        under_way.admission.meter.count(|counters| counters.handshakes_early += 1);
        let tls = under_way.handshake.tls();
        tls.tell_meter(|metered| metered.early(Ender::of_handshake(tls)));
        Self { phase: Phase::UnderWay(under_way), unread }
    }

    /// Somebody has accepted it.
    pub(super) fn accepted(mut self) -> Self {
        if let Phase::Finished(stream, permit) = &mut self.phase {
            open(stream);
            *permit = None;
        }
        self
    }

    /// Somebody has accepted the stream of a finished handshake that brought nothing early.
    pub(super) fn into_stream(self) -> Option<Stream> {
        debug_assert!(self.unread.is_empty());
        match std::mem::replace(&mut self.accepted().phase, Phase::Over) {
            Phase::Finished(stream, _) => Some(stream),
            Phase::UnderWay(_) | Phase::Over => None,
        }
    }

    /// Ends the connection of one that nobody has accepted, so that its client does not take nothing for a complete
    /// answer.
    pub(super) fn abort(mut self) {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Finished(stream, _) => stream.abort(),
            Phase::UnderWay(under_way) => under_way.abort(),
            Phase::Over => {}
        }
    }

    /// Reads what came early: the next piece of it, or `None` when there is no more, which the client says when it
    /// finishes the handshake. A client without early data has none at once.
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    ///
    /// **Cancel safety:** dropping it loses nothing.
    pub async fn read(&mut self) -> Result<Option<Replayable>, Error> {
        if self.unread.is_empty() {
            self.advance().await?;
        }
        let data = std::mem::take(&mut self.unread);
        Ok(if data.is_empty() { None } else { Some(Replayable::new(data)) })
    }

    /// Answers before the client has shown that it is there. A client that is none cannot read it, but whatever led to the
    /// answer may have been done before.
    ///
    /// # Errors
    /// [`Error::Closed`] if the connection takes nothing any more; [`Error::Timeout`] at the handshake's deadline;
    /// otherwise as [`Stream::write`](crate::Stream::write).
    ///
    /// **Cancel safety:** dropping it takes nothing back: what was accepted is delivered, the rest never was begun.
    pub async fn write(&mut self, data: &(impl AsRef<[u8]> + ?Sized)) -> Result<(), Error> {
        match &mut self.phase {
            Phase::UnderWay(under_way) => under_way.handshake.write(data.as_ref()).await,
            Phase::Finished(stream, _) => stream.write(data).await,
            Phase::Over => Err(Error::Closed),
        }
    }

    /// Whether the handshake is finished: then this waits for nothing any more.
    pub fn is_finished(&self) -> bool {
        matches!(self.phase, Phase::Finished(..))
    }

    /// What was agreed so far; `None` if the handshake failed.
    pub fn info(&self) -> Option<Info> {
        match &self.phase {
            Phase::UnderWay(under_way) => Some(under_way.handshake.tls().info()),
            Phase::Finished(stream, _) => stream.info(),
            Phase::Over => None,
        }
    }

    /// Waits until the handshake is finished: the stream, and what came early and was [read](Self::read) by nobody.
    ///
    /// Early data are never part of what the stream reads. Once the stream is here, they came from the client at the other
    /// end of it and from no recording (RFC 8470 section 3); yet a client that saw an earlier connection fail may have
    /// sent the same in that one.
    ///
    /// # Errors
    /// As a handshake fails, with a [`TlsError`](crate::TlsError) or [`Error::Timeout`]; it is counted and told like
    /// others. [`Error::Closed`] if the server was drained meanwhile, and its deadline has passed.
    ///
    /// **Cancel safety:** dropping it ends the connection.
    pub async fn finish(mut self) -> Result<(Stream, Replayable), Error> {
        while !self.is_finished() {
            self.advance().await?;
        }
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Finished(stream, _) => Ok((stream, Replayable::new(std::mem::take(&mut self.unread)))),
            Phase::UnderWay(_) | Phase::Over => Err(Error::Closed),
        }
    }

    /// Goes on until more has come early, or the handshake is finished.
    async fn advance(&mut self) -> Result<(), Error> {
        let Phase::UnderWay(under_way) = &mut self.phase else {
            return if self.is_finished() { Ok(()) } else { Err(Error::Closed) };
        };
        let result = under_way.handshake.advance().await;
        self.unread.extend(under_way.handshake.take_early());
        let is_over = under_way.handshake.is_over();
        if result.is_ok() && !is_over {
            return Ok(());
        }
        let Phase::UnderWay(under_way) = std::mem::replace(&mut self.phase, Phase::Over) else {
            return Err(Error::Closed);
        };
        let drained = under_way.admission.meter.is_over();
        if let Err(error) = result {
            self.unread = Vec::new();
            let error = if drained { Error::Closed } else { error };
            under_way.fail(&error);
            return Err(error);
        }
        let (stream, _permit) = under_way.into_stream();
        if drained {
            // Nobody answers: the client must not take nothing for a complete answer.
            stream.abort();
            return Err(Error::Closed);
        }
        open(&stream);
        self.phase = Phase::Finished(stream, None);
        Ok(())
    }
}

/// The stream is in somebody's hands.
fn open(stream: &Stream) {
    stream.with_transport(|tls| tls.tell_meter(|metered| metered.accepted(Ender::of_stream(tls, stream))));
}

impl Drop for Early {
    fn drop(&mut self) {
        if let Phase::UnderWay(under_way) = std::mem::replace(&mut self.phase, Phase::Over) {
            under_way.fail(&Error::Interrupted);
        }
    }
}

impl fmt::Debug for Early {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Early")
            .field("finished", &self.is_finished())
            .field("unread", &self.unread.len())
            .finish_non_exhaustive()
    }
}
