//! Connections that may bring early data: what a client says before it has shown that it is there.

use std::fmt;

use lem_rs::transport::Transport;

use super::handshaking::{Handshaking, Unclaimed};
use super::registry::Handle;
use crate::error::Error;
use crate::info::Info;
use crate::transport::Stream;

/// Early data (0-RTT, RFC 8446 section 2.3): anyone who has recorded them may send them again, and a client whose
/// connection fails may, too. See [`ContextBuilder::early_data`](crate::ContextBuilder::early_data).
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
    UnderWay(Handshaking),
    /// Its handshake is finished, and it was not accepted yet.
    Unclaimed(Unclaimed),
    Finished(Stream),
    /// It failed, or was taken apart.
    Over,
}

impl Early {
    /// A handshake that has brought early data, and may be over.
    pub(super) fn new(mut handshaking: Handshaking) -> Self {
        let unread = handshaking.handshake.take_early();
        handshaking.monitor.count(|counters| counters.handshakes_early += 1);
        if handshaking.handshake.is_over() {
            return Self { phase: Phase::Unclaimed(handshaking.finish()), unread };
        }
        let Handshaking { handshake, id, monitor, .. } = &handshaking;
        monitor.registry.mark_early(*id, Handle::of_handshake(handshake.tls()));
        Self { phase: Phase::UnderWay(handshaking), unread }
    }

    /// An accepted stream whose handshake has brought none.
    pub(super) fn finished(stream: Stream) -> Self {
        Self { phase: Phase::Finished(stream), unread: Vec::new() }
    }

    /// It is accepted.
    pub(super) fn accept(mut self) -> Self {
        self.phase = match self.take_phase() {
            Phase::Unclaimed(stream) => Phase::Finished(stream.accept()),
            other => other,
        };
        self
    }

    /// Ends the connection of one that was not accepted, so that its client does not take nothing for a complete answer.
    pub(super) fn abort(mut self) {
        match self.take_phase() {
            // The server was closed.
            Phase::UnderWay(handshaking) => handshaking.monitor.handshake_interrupted(),
            Phase::Unclaimed(stream) => stream.abort(),
            Phase::Finished(stream) => stream.abort(),
            Phase::Over => {}
        }
    }

    fn take_phase(&mut self) -> Phase {
        std::mem::replace(&mut self.phase, Phase::Over)
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
            Phase::UnderWay(handshaking) => handshaking.handshake.write(data.as_ref()).await,
            Phase::Finished(stream) => stream.write(data).await,
            Phase::Unclaimed(_) | Phase::Over => Err(Error::Closed),
        }
    }

    /// Whether the handshake is finished: then this waits for nothing any more.
    pub fn is_finished(&self) -> bool {
        matches!(self.phase, Phase::Finished(_))
    }

    /// What was agreed so far; `None` if the handshake failed.
    pub fn info(&self) -> Option<Info> {
        match &self.phase {
            Phase::UnderWay(handshaking) => Some(handshaking.handshake.tls().info()),
            Phase::Finished(stream) => stream.info(),
            Phase::Unclaimed(_) | Phase::Over => None,
        }
    }

    /// Waits until the handshake is finished: the stream, and what came early and was [read](Self::read) by nobody.
    ///
    /// Early data are never part of what the stream reads. Once the stream is here, they came from the client at the other
    /// end of it and from no recording (RFC 8470 section 3); yet a client that saw an earlier connection fail may have
    /// sent the same in that one.
    ///
    /// # Errors
    /// As a handshake fails, with a [`TlsError`](crate::TlsError) or [`Error::Timeout`]; it is counted and reported like
    /// others. [`Error::Closed`] if the server was drained meanwhile, and its deadline has passed.
    ///
    /// **Cancel safety:** dropping it ends the connection.
    pub async fn finish(mut self) -> Result<(Stream, Replayable), Error> {
        while !self.is_finished() {
            self.advance().await?;
        }
        match self.take_phase() {
            Phase::Finished(stream) => Ok((stream, Replayable::new(std::mem::take(&mut self.unread)))),
            _ => Err(Error::Closed),
        }
    }

    /// Goes on until more has come early, or the handshake is finished.
    async fn advance(&mut self) -> Result<(), Error> {
        let Phase::UnderWay(handshaking) = &mut self.phase else {
            return if self.is_finished() { Ok(()) } else { Err(Error::Closed) };
        };
        let result = handshaking.handshake.advance().await;
        self.unread.extend(handshaking.handshake.take_early());
        if result.is_ok() && !handshaking.handshake.is_over() {
            return Ok(());
        }
        let is_drained = handshaking.monitor.registry.is_over();
        let Phase::UnderWay(handshaking) = self.take_phase() else { return Err(Error::Closed) };
        if let Err(error) = result {
            self.unread = Vec::new();
            let error = if is_drained { Error::Closed } else { error };
            handshaking.fail(&error);
            return Err(error);
        }
        let stream = handshaking.finish().accept();
        if is_drained {
            // Its client gets no answer any more, and must not take nothing for a complete one.
            stream.abort();
            return Err(Error::Closed);
        }
        self.phase = Phase::Finished(stream);
        Ok(())
    }
}

impl Drop for Early {
    fn drop(&mut self) {
        if let Phase::UnderWay(handshaking) = self.take_phase() {
            handshaking.fail(&Error::Interrupted);
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
