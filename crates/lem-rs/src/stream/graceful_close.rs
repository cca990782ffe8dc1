//! The end of a connection: what is pending is flushed, goodbye is said, and the peer's goodbye is waited for.
//!
//! FIN alone is not enough. If the peer has sent bytes that we never read, closing the socket makes the kernel send
//! RST, and RST destroys what the peer has not read yet: the end of our data, or the alert that explains it. So the
//! socket is read, and what arrives thrown away, until the peer ends its side or the deadline passes (a lingering
//! close, as web servers call it). Where the protocol's peer [reports its failures](Transport::reports_failures), the
//! transport goes on receiving meanwhile, so that the close can tell why the peer gave up.
//!
//! Behind the goodbye of a peer whose [end is final](Transport::end_is_final) nothing comes but FIN, which a closed socket
//! answers without RST. So after its goodbye and ours only what is there already has to be read.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::send_buffer::{SendBuffer, Step};
use super::transport::{Received, Transport};
use crate::error::{Cut, EndOfStream, Error, Phase, Timeout};
use crate::proto::InputBuffer;
use crate::runtime::{Awaited, Core, Direction, Fin, Key, Keyed, Parked, Source, current};
use crate::time::timeout;

/// A peer that goes on sending for ever gets no more of our time than this many bytes are worth.
const MAX_DRAINED: u64 = 64 * 1024 * 1024;

/// Why a close is given up then. Whether such a peer has read what it got, nobody knows.
const ENDLESS: &str = "the peer goes on sending and does not end its side";

/// How often is read before other tasks have their turn, even if that costs little.
const READS_PER_POLL: usize = 4;

/// What one call of a transport is to receive: as much as fits.
const WANTED: usize = 256 * 1024;

/// A connection on its way out, and the tasks that wait for its end.
#[derive(Debug)]
pub(super) struct GracefulClose {
    state: RefCell<State>,
}

#[derive(Debug)]
enum State {
    UnderWay { task: Option<Key>, waiting: Keyed<Parked> },
    Over(Result<(), Error>),
}

/// What a peer may not have received when the close begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Undelivered {
    /// What was written: if the connection breaks, it may be lost.
    Content,
    /// Only our goodbye: the peer has said its own, and nothing was written since. Many close without waiting for ours,
    /// and the kernel then answers it with a reset; that loses nobody anything.
    Goodbye {
        /// Its FIN is yet to be waited for: its protocol may send something before.
        awaits_fin: bool,
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
    /// What it is for `transport`, whose receiving side has ended so, if it has.
    pub(super) fn after(ended: Option<&EndOfStream>, transport: &impl Transport) -> Self {
        match ended {
            None if transport.reports_failures() => Self::Open,
            Some(EndOfStream::Failed(reason)) => Self::Ended(Some(reason.clone())),
            _ => Self::Ended(None),
        }
    }
}

impl GracefulClose {
    /// Ends `transport` behind `unsent`: as far as it goes at once, the rest by a task of the machine.
    pub(super) fn begin<T: Transport>(
        core: &Rc<Core>,
        transport: Rc<T>,
        unsent: SendBuffer,
        deadline: Duration,
        undelivered: Undelivered,
        inbound: Inbound,
    ) -> Rc<Self> {
        let close = Rc::new(Self { state: RefCell::new(State::UnderWay { task: None, waiting: Keyed::default() }) });
        let mut closing = Closing { transport, unsent, undelivered, inbound, stage: Stage::Content, drained: 0 };
        match closing.advance() {
            Advance::Over(result) => close.finish(result),
            Advance::Wait | Advance::Again => {
                let guard = core.begin_shutdown();
                let report = close.clone();
                let task = core.spawn(Box::pin(async move {
                    let _guard = guard;
                    let result = closing.within(deadline).await;
                    report.finish(result);
                }));
                if let State::UnderWay { task: place, .. } = &mut *close.state.borrow_mut() {
                    *place = task;
                }
            }
        }
        close
    }

    /// A connection that had failed before there could be one.
    pub(super) fn failed(reason: Error) -> Rc<Self> {
        Rc::new(Self { state: RefCell::new(State::Over(Err(reason))) })
    }

    /// Gives up what is under way.
    pub(super) fn abort(&self, core: &Core) {
        let task = match &mut *self.state.borrow_mut() {
            State::UnderWay { task, .. } => task.take(),
            State::Over(_) => None,
        };
        if let Some(task) = task {
            core.cancel(task);
            self.finish(Err(Error::Interrupted));
        }
    }

    /// Waits until it is over; says whether the peer has got everything.
    pub(super) fn wait(self: Rc<Self>) -> impl Future<Output = Result<(), Error>> {
        Closed { close: self, place: None }
    }

    fn finish(&self, result: Result<(), Error>) {
        let before = self.state.replace(State::Over(result));
        if let State::UnderWay { waiting, .. } = before {
            waiting.into_values().for_each(Parked::wake);
        }
    }
}

/// Waits for the end of a close, in one place of its list, however often it is polled.
struct Closed {
    close: Rc<GracefulClose>,
    place: Option<Key>,
}

impl Future for Closed {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(core) = current() else { return Poll::Pending };
        let parked = Parked::new(&core, core.wait_of(cx));
        let Self { close, place } = &mut *self;
        let before = match &mut *close.state.borrow_mut() {
            State::Over(result) => return Poll::Ready(result.clone()),
            State::UnderWay { waiting, .. } => match place {
                Some(place) => waiting.get_mut(*place).map(|waiting| std::mem::replace(waiting, parked)),
                None => {
                    *place = Some(waiting.insert(parked));
                    None
                }
            },
        };
        drop(before);
        core.awaited().note(|| Awaited::Phase(Phase::Close, None));
        Poll::Pending
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        let Some(place) = self.place else { return };
        let left = match &mut *self.close.state.borrow_mut() {
            State::UnderWay { waiting, .. } => waiting.remove(place),
            State::Over(_) => None,
        };
        drop(left);
    }
}

/// Ends `transport` gracefully in the background, for a connection that never became a stream: a failed handshake,
/// whose alert should arrive. As [`Stream::close`](crate::Stream::close) does for one that did.
pub fn close_transport<T: Transport>(transport: T, deadline: Duration) {
    let core = transport.source().core().clone();
    let (undelivered, inbound) = (Undelivered::Content, Inbound::Ended(None));
    GracefulClose::begin(&core, Rc::new(transport), SendBuffer::default(), deadline, undelivered, inbound);
}

/// The work of ending a connection.
struct Closing<T> {
    /// Shared only while somebody looks at it.
    transport: Rc<T>,
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
    Goodbye,
    /// FIN is sent; the peer's is awaited.
    Drain {
        /// What was known of the peer's FIN when ours was sent. One that was known before says nothing about what the peer
        /// has received since: the next read may yet meet a reset.
        before: Fin,
    },
}

enum Advance {
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

impl<T: Transport> Closing<T> {
    async fn within(mut self, deadline: Duration) -> Result<(), Error> {
        let over = timeout(deadline, poll_fn(|cx| self.poll(cx))).await;
        over.unwrap_or_else(|_| self.verdict(Err(Timeout::new(Phase::Close, deadline).into())))
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

    fn advance(&mut self) -> Advance {
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
                Ok(Step::Blocked) => {}
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
            self.stage = Stage::Goodbye;
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
        let awaits_fin = self.undelivered != Undelivered::Goodbye { awaits_fin: false };
        let mut budget = READS_PER_POLL;
        loop {
            let drained = match &self.inbound {
                Inbound::Open => self.receive(content),
                Inbound::Ended(_) => drop_received(self.transport.source(), &mut self.drained),
            };
            let source = self.transport.source();
            match (drained, &self.stage) {
                (Drained::Failed(error), _) => return self.broke(error),
                (Drained::PeerEnded, Stage::Drain { .. }) => return Advance::Over(Ok(())),
                (Drained::Nothing, Stage::Drain { .. }) if !awaits_fin => return Advance::Over(Ok(())),
                (Drained::PeerEnded | Drained::Nothing, _) => return Advance::Wait,
                (Drained::Some, Stage::Drain { before: Fin::Unknown })
                    if source.fin() == Fin::Reached && matches!(self.inbound, Inbound::Ended(_)) =>
                {
                    return Advance::Over(Ok(()));
                }
                (Drained::Some, Stage::Drain { .. }) if self.drained > MAX_DRAINED => {
                    return self.broke(Error::io("close the stream", io::Error::other(ENDLESS)));
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

    fn broke(&self, error: Error) -> Advance {
        Advance::Over(match self.undelivered {
            Undelivered::Content => Err(error),
            Undelivered::Goodbye { .. } => Ok(()),
        })
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
