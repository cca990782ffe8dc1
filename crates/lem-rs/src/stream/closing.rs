//! The end of a connection: what is pending is flushed, goodbye is said, and the peer's goodbye is waited for.
//!
//! FIN alone is not enough. If the peer has sent bytes that we never read, closing the socket makes the kernel send
//! RST, and RST destroys what the peer has not read yet: the end of our data, or the alert that explains it. So the
//! socket is read, and what arrives thrown away, until the peer ends its side or the deadline passes (a lingering
//! close, as web servers call it). Where the protocol's peer [reports its failures](super::Transport::reports_failures), the
//! transport goes on receiving meanwhile, so that the close can tell why the peer gave up.
//!
//! Behind the goodbye of a peer whose [end is final](super::Transport::end_is_final) nothing comes but FIN, which a closed socket
//! answers without RST. So after its goodbye and ours only what is there already has to be read.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::carrier::Carrier;
use super::send_buffer::{SendBuffer, Step};
use super::transport::Received;
use crate::error::{Cut, EndOfStream, Error, Phase, Timeout};
use crate::proto::InputBuffer;
use crate::runtime::{Direction, Fin, Source};
use crate::time::timeout;

/// A peer that goes on sending for ever gets no more of our time than this many bytes are worth.
const MAX_DRAINED: u64 = 64 * 1024 * 1024;

/// So long the FIN of a peer is awaited that has said goodbye and has got ours, or less if the deadline is near. One that
/// closes for ours does it at once, and one that keeps its connection open may do so for any time.
const MAX_FIN_WAIT: Duration = Duration::from_secs(1);

/// Why a close is given up then. Whether such a peer has read what it got, nobody knows.
const ENDLESS: &str = "the peer goes on sending and does not end its side";

/// How often is read before other tasks have their turn, even if that costs little.
const READS_PER_POLL: usize = 4;

/// What one call of a transport is to receive: as much as fits.
const WANTED: usize = 256 * 1024;

/// What a peer may not have received when the close begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Undelivered {
    /// What was written: if the connection breaks, it may be lost.
    Content {
        /// It has broken, and what comes may still say why; a read behind the peer's FIN does not.
        was_reset: bool,
    },
    /// Only our goodbye: the peer has said its own, and nothing was written since. Many close without waiting for ours,
    /// and the kernel then answers it with a reset; that loses nobody anything.
    Goodbye {
        /// Its FIN is yet to be waited for: its protocol may send something before, or a caller wants to know of it.
        awaits_fin: bool,
        /// Something was written before, and the kernel has it. Whether the peer had read that when it said goodbye nobody
        /// knows.
        follows_content: bool,
    },
}

/// What becomes of what arrives meanwhile.
#[derive(Debug)]
pub(super) enum Inbound {
    /// The transport receives it: the peer may say why it gives the connection up.
    Open,
    /// The transport has nothing more to receive, and what arrives is dropped as it is. If the connection has failed, with
    /// the reason: then nobody knows whether the peer has everything.
    Ended(Option<Error>),
}

impl Inbound {
    /// What it is for a transport whose receiving side has ended so, if it has; `reports_failures` is what [it
    /// says](super::Transport::reports_failures) of that.
    pub(super) fn after(ended: Option<&EndOfStream>, reports_failures: bool) -> Self {
        match ended {
            None if reports_failures => Self::Open,
            Some(EndOfStream::Failed(reason)) => Self::Ended(Some(reason.clone())),
            _ => Self::Ended(None),
        }
    }
}

/// The work of ending a connection. Once for all transports: what is done at the end of each connection need not be
/// there for each of them.
pub(super) struct Closing {
    /// Shared only while somebody looks at it.
    transport: Rc<dyn Carrier>,
    unsent: SendBuffer,
    undelivered: Undelivered,
    inbound: Inbound,
    stage: Stage,
    /// How many bytes were received and dropped.
    drained: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Content is on its way to the kernel.
    Content,
    /// The protocol's own end is, and FIN follows it.
    Goodbye {
        /// The kernel had no room for it: content stood there before it.
        was_blocked: bool,
    },
    /// FIN is sent; the peer's is awaited.
    Drain {
        /// What was known of the peer's FIN when ours was sent. One that was known before says nothing about what the peer
        /// has received since: the next read may yet meet a reset.
        before: Fin,
    },
}

pub(super) enum Advance {
    Wait,
    /// There is more to do now, but others should have their turn.
    Again,
    Over(Result<(), Error>),
}

enum Drained {
    Nothing,
    Some,
    PeerEnded,
    Failed(Error),
}

impl Closing {
    pub(super) fn new(
        transport: Rc<dyn Carrier>,
        unsent: SendBuffer,
        undelivered: Undelivered,
        inbound: Inbound,
    ) -> Self {
        Self { transport, unsent, undelivered, inbound, stage: Stage::Content, drained: 0 }
    }

    pub(super) async fn within(mut self, deadline: Duration) -> Result<(), Error> {
        let core = self.transport.source().core().clone();
        let latest = core.now().checked_add(deadline);
        let over = timeout(deadline, poll_fn(|cx| self.poll_but_for_fin(cx))).await;
        match over {
            Ok(Some(result)) => result,
            // Both have said goodbye: nothing can be lost by not waiting for the rest.
            Ok(None) => {
                let left = latest.map_or(deadline, |latest| latest.saturating_duration_since(core.now()));
                let over = timeout(left.min(MAX_FIN_WAIT), poll_fn(|cx| self.poll(cx))).await;
                over.unwrap_or_else(|_| self.verdict(Ok(())))
            }
            Err(_) => self.verdict(Err(Timeout::new(Phase::Close, deadline).into())),
        }
    }

    /// As [`poll`](Self::poll), but `None` as soon as nothing else is awaited than the FIN of a peer that has said goodbye.
    fn poll_but_for_fin(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<(), Error>>> {
        let polled = self.poll(cx);
        let is_goodbye = matches!(self.undelivered, Undelivered::Goodbye { .. });
        if polled.is_pending() && is_goodbye && self.is_draining() {
            return Poll::Ready(None);
        }
        polled.map(Some)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match self.advance() {
            Advance::Over(result) => return Poll::Ready(result),
            Advance::Again => {
                let core = self.transport.source().core();
                core.wake(core.wait_of(cx));
            }
            Advance::Wait => {
                // The peer may not read before we do, so both directions are watched while flushing.
                let source = self.transport.source();
                source.park(Direction::Read, cx);
                if !self.is_draining() {
                    source.park(Direction::Write, cx);
                }
            }
        }
        Poll::Pending
    }

    fn is_draining(&self) -> bool {
        matches!(self.stage, Stage::Drain { .. })
    }

    /// Goes on as far as it can without waiting.
    pub(super) fn advance(&mut self) -> Advance {
        match self.step() {
            Advance::Over(result) => Advance::Over(self.verdict(result)),
            other => other,
        }
    }

    /// What is said of an end: a reason that was received explains all that follows from it.
    fn verdict(&self, result: Result<(), Error>) -> Result<(), Error> {
        match &self.inbound {
            Inbound::Ended(Some(reason)) => Err(reason.clone()),
            _ => result,
        }
    }

    fn step(&mut self) -> Advance {
        if !self.is_draining() {
            match self.flush() {
                Ok(Step::Blocked) => {
                    if let Stage::Goodbye { was_blocked } = &mut self.stage {
                        *was_blocked = true;
                    }
                }
                Ok(Step::Moved(_)) => return Advance::Again,
                Ok(Step::Done) => {
                    let source = self.transport.source();
                    // It fails only on a connection that is gone; draining finds out how.
                    let _ = source.finish();
                    self.stage = Stage::Drain { before: source.fin() };
                }
                Err(error) => {
                    self.look_for_reason();
                    return self.broke(error);
                }
            }
        }
        self.drain()
    }

    /// Sends content and goodbye; [`Step::Moved`] if others should have their turn in between.
    fn flush(&mut self) -> Result<Step, Error> {
        // Somebody looks at it, up on the stack.
        let Some(transport) = Rc::get_mut(&mut self.transport) else { return Ok(Step::Moved(0)) };
        if !self.unsent.is_empty() {
            return self.unsent.step(transport);
        }
        if self.stage == Stage::Content {
            transport.end_sending();
            transport.source().begin_ending();
            self.stage = Stage::Goodbye { was_blocked: false };
        }
        self.unsent.step(transport)
    }

    fn drain(&mut self) -> Advance {
        let mut content = InputBuffer::default();
        let advance = self.drain_into(&mut content);
        self.transport.source().return_spare(content.release());
        advance
    }

    fn drain_into(&mut self, content: &mut InputBuffer) -> Advance {
        let is_goodbye = matches!(self.undelivered, Undelivered::Goodbye { .. });
        if is_goodbye && self.is_draining() && self.transport.source().fin() == Fin::Reached {
            return Advance::Over(Ok(()));
        }
        let awaits_fin = !matches!(self.undelivered, Undelivered::Goodbye { awaits_fin: false, .. });
        let mut budget = READS_PER_POLL;
        loop {
            let drained = match &self.inbound {
                Inbound::Open => self.receive(content),
                Inbound::Ended(_) => drop_received(self.transport.source(), &mut self.drained),
            };
            let source = self.transport.source();
            match (drained, &self.stage) {
                (Drained::Failed(error), _) => return self.broke(error),
                (Drained::PeerEnded, Stage::Drain { .. }) => return self.ended(),
                (Drained::Nothing, Stage::Drain { .. }) if !awaits_fin => return Advance::Over(Ok(())),
                (Drained::PeerEnded | Drained::Nothing, _) => return Advance::Wait,
                (Drained::Some, Stage::Drain { before: Fin::Unknown })
                    if source.fin() == Fin::Reached && matches!(self.inbound, Inbound::Ended(_)) =>
                {
                    return self.ended();
                }
                // What comes behind its goodbye has no meaning.
                (Drained::Some, Stage::Drain { .. }) if self.drained > MAX_DRAINED && is_goodbye => {
                    return Advance::Over(Ok(()));
                }
                (Drained::Some, Stage::Drain { .. }) if self.drained > MAX_DRAINED => {
                    return Advance::Over(Err(Error::io("close the stream", io::Error::other(ENDLESS))));
                }
                (Drained::Some, _) if budget == 0 || source.core().must_give_way() => return Advance::Again,
                (Drained::Some, _) => budget -= 1,
            }
        }
    }

    /// What was received before the connection broke may say why it did. How much is read is bounded.
    fn look_for_reason(&mut self) {
        let mut content = InputBuffer::default();
        for _ in 0..READS_PER_POLL {
            if !matches!(self.inbound, Inbound::Open) || !matches!(self.receive(&mut content), Drained::Some) {
                break;
            }
        }
        self.transport.source().return_spare(content.release());
    }

    /// Has the transport receive once, and drops the content.
    fn receive(&mut self, content: &mut InputBuffer) -> Drained {
        // Somebody looks at it, up on the stack: it is tried again.
        let Some(transport) = Rc::get_mut(&mut self.transport) else { return Drained::Some };
        let before = transport.source().received();
        content.ensure_memory(|| transport.source().take_spare());
        let outcome = transport.receive(content, WANTED);
        self.drained += transport.source().received() - before;
        content.clear();
        let end = match outcome {
            Received::Progress => return Drained::Some,
            Received::Blocked => return Drained::Nothing,
            Received::Ended(end) => end,
        };
        self.inbound = Inbound::Ended(None);
        match end {
            EndOfStream::Clean => Drained::Some,
            EndOfStream::Cut(Cut::Fin) => Drained::PeerEnded,
            EndOfStream::Cut(Cut::Reset) => Drained::Failed(Error::Truncated(Cut::Reset)),
            EndOfStream::Failed(reason) => {
                // Nobody takes it any more. What the protocol itself has to say of the failure goes out.
                self.unsent = SendBuffer::default();
                self.inbound = Inbound::Ended(Some(reason));
                Drained::Some
            }
        }
    }

    /// The peer has ended its side, and we ours.
    fn ended(&self) -> Advance {
        Advance::Over(match self.undelivered {
            Undelivered::Content { was_reset: true } => Err(Error::Truncated(Cut::Reset)),
            Undelivered::Content { was_reset: false } | Undelivered::Goodbye { .. } => Ok(()),
        })
    }

    fn broke(&self, error: Error) -> Advance {
        let Undelivered::Goodbye { follows_content, .. } = self.undelivered else { return Advance::Over(Err(error)) };
        // Many leave behind their goodbye, and the kernel answers ours with a reset. What stands before a goodbye that had no
        // room was not taken.
        let may_lose = matches!(self.stage, Stage::Goodbye { was_blocked: true });
        Advance::Over(if follows_content && may_lose { Err(error) } else { Ok(()) })
    }
}

/// Reads once and drops it.
fn drop_received(source: &Source, drained: &mut u64) -> Drained {
    match source.with_receive_arena(|arena| source.try_read(arena)) {
        Ok(0) => Drained::PeerEnded,
        Ok(count) => {
            *drained += count as u64;
            Drained::Some
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Drained::Nothing,
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Drained::Failed(Error::Truncated(Cut::Reset)),
        Err(error) => Drained::Failed(Error::io("close the stream", error)),
    }
}
