//! The end of a connection: what is pending is flushed, goodbye is said, and the peer's goodbye is waited for.
//!
//! FIN alone is not enough. If the peer has sent bytes that we never read, closing the socket makes the kernel send
//! RST, and RST destroys what the peer has not read yet: the end of our data, or the alert that explains it. So the
//! socket is read, and what arrives thrown away, until the peer ends its side or the deadline passes.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::transport::{Flushed, Transport};
use crate::error::{Cut, Error, Phase, Timeout};
use crate::runtime::{Direction, JoinHandle, Parked, Source};
use crate::time::timeout;

/// A peer that goes on sending for ever gets no more of our time than this many bytes are worth.
const MOST_DRAINED: usize = 64 * 1024 * 1024;

/// How many arenas full are drained before other tasks have their turn.
const READS_PER_POLL: usize = 4;

/// A connection on its way out. Whoever wants to know how it went waits here.
#[derive(Debug)]
pub(super) struct Farewell {
    state: RefCell<State>,
}

#[derive(Debug)]
enum State {
    UnderWay { task: Option<JoinHandle<()>>, waiting: Vec<Parked> },
    Over(Result<(), Error>),
}

impl Farewell {
    /// Ends `transport` gracefully: as far as it goes at once, the rest by a task of the machine. `unheard` says whether
    /// there is anything that the peer may still miss.
    pub(super) fn begin<T: Transport>(transport: T, deadline: Duration, unheard: Unheard) -> Rc<Self> {
        let farewell = Rc::new(Self { state: RefCell::new(State::UnderWay { task: None, waiting: Vec::new() }) });
        let core = transport.source().core().clone();
        let mut parting = Parting::new(transport, unheard);
        match parting.advance() {
            Step::Over(result) => farewell.finish(result),
            Step::Wait | Step::Again => {
                let linger = core.linger();
                let report = farewell.clone();
                let task = JoinHandle::spawn(&core, async move {
                    let _linger = linger;
                    let result = parting.within(deadline).await;
                    report.finish(result);
                });
                if let State::UnderWay { task: place, .. } = &mut *farewell.state.borrow_mut() {
                    *place = Some(task);
                }
            }
        }
        farewell
    }

    /// A connection that had failed before there could be one.
    pub(super) fn failed(reason: Error) -> Rc<Self> {
        Rc::new(Self { state: RefCell::new(State::Over(Err(reason))) })
    }

    /// Gives up what is under way.
    pub(super) fn abort(&self) {
        let task = match &mut *self.state.borrow_mut() {
            State::UnderWay { task, .. } => task.take(),
            State::Over(_) => None,
        };
        if let Some(task) = task {
            task.cancel();
            self.finish(Err(Error::Interrupted));
        }
    }

    /// Waits until it is over; says whether the peer has got everything.
    pub(super) async fn wait(&self) -> Result<(), Error> {
        poll_fn(|cx| match &mut *self.state.borrow_mut() {
            State::Over(result) => Poll::Ready(result.clone()),
            State::UnderWay { waiting, .. } => {
                // A waiter that is polled twice stands here twice; both are spent when it is over.
                if let Some(core) = crate::runtime::current() {
                    waiting.push(Parked::new(&core, core.wait_of(cx)));
                }
                Poll::Pending
            }
        })
        .await
    }

    fn finish(&self, result: Result<(), Error>) {
        if let State::UnderWay { waiting, .. } = self.state.replace(State::Over(result)) {
            waiting.into_iter().for_each(Parked::wake);
        }
    }
}

/// Ends `transport` gracefully in the background, for a connection that never became a stream: a failed handshake,
/// whose alert should arrive. As [`Stream::close`](crate::Stream::close) does for one that did.
pub fn close_transport<T: Transport>(transport: T, deadline: Duration) {
    Farewell::begin(transport, deadline, Unheard::Content);
}

/// What a peer may not have heard when the farewell begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unheard {
    /// What was written: if the connection breaks, it may be lost.
    Content,
    /// Only our goodbye: the peer has said its own, and nothing was written since. Many close without waiting for ours,
    /// and the kernel then answers it with a reset; that loses nobody anything.
    Goodbye,
}

/// The work of ending a connection.
struct Parting<T> {
    transport: T,
    unheard: Unheard,
    stage: Stage,
    drained: usize,
}

enum Stage {
    /// Bytes are pending, then FIN.
    Flush,
    /// FIN is sent; the peer's is awaited.
    Drain,
}

enum Step {
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

impl<T: Transport> Parting<T> {
    fn new(mut transport: T, unheard: Unheard) -> Self {
        transport.end_sending();
        Self { transport, unheard, stage: Stage::Flush, drained: 0 }
    }

    async fn within(mut self, deadline: Duration) -> Result<(), Error> {
        let over = timeout(deadline, poll_fn(|cx| self.poll(cx))).await;
        over.unwrap_or_else(|_| Err(Timeout::new(Phase::Close, deadline).into()))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match self.advance() {
            Step::Over(result) => return Poll::Ready(result),
            Step::Again => {
                let core = self.transport.source().core();
                core.wake(core.wait_of(cx));
            }
            Step::Wait => {
                // The peer may not read before we do, so both directions are watched while flushing.
                let source = self.transport.source();
                source.park(Direction::Read, cx);
                if matches!(self.stage, Stage::Flush) {
                    source.park(Direction::Write, cx);
                }
            }
        }
        Poll::Pending
    }

    fn advance(&mut self) -> Step {
        if matches!(self.stage, Stage::Flush) {
            match self.transport.flush() {
                Ok(Flushed::Blocked) => {}
                Ok(Flushed::Done) => {
                    // It fails only on a connection that is gone; draining finds out how.
                    let _ = self.transport.source().finish();
                    self.stage = Stage::Drain;
                }
                Err(error) => return self.broke(error),
            }
        }
        let mut budget = READS_PER_POLL;
        loop {
            match (drain(self.transport.source(), &mut self.drained), &self.stage) {
                (Drained::Failed(error), _) => return self.broke(error),
                (Drained::PeerEnded, Stage::Drain) => return Step::Over(Ok(())),
                (Drained::PeerEnded | Drained::Nothing, _) => return Step::Wait,
                (Drained::Some, Stage::Drain) if self.drained > MOST_DRAINED => {
                    return Step::Over(Ok(()));
                }
                (Drained::Some, _) if budget == 0 => return Step::Again,
                (Drained::Some, _) => budget -= 1,
            }
        }
    }
}

impl<T> Parting<T> {
    fn broke(&self, error: Error) -> Step {
        Step::Over(match self.unheard {
            Unheard::Content => Err(error),
            Unheard::Goodbye => Ok(()),
        })
    }
}

/// Reads once and throws it away.
fn drain(source: &Source, drained: &mut usize) -> Drained {
    match source.with_receive_arena(|arena| source.try_read(arena)) {
        Ok(0) => Drained::PeerEnded,
        Ok(count) => {
            *drained += count;
            source.core().charge(count);
            Drained::Some
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Drained::Nothing,
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Drained::Failed(Error::Truncated(Cut::Reset)),
        Err(error) => Drained::Failed(Error::io("close the stream", error)),
    }
}
