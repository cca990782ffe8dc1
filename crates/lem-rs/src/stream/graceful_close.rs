//! A close under way, for those who wait for it: [`Closing`] does the work.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::thread::panicking;
use std::time::Duration;

use super::carrier::Carrier;
use super::closing::{Advance, Closing, Inbound, Undelivered};
use super::send_buffer::SendBuffer;
use super::transport::Transport;
use crate::error::{Error, JoinError, Phase};
use crate::runtime::{Awaited, Core, Key, Keyed, Parked, current};

/// What those are told who wait for a close whose transport has panicked. The panic hook has reported it.
const PANICKED: &str = "the transport has panicked while it was closed";

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

impl GracefulClose {
    /// One that has not begun.
    pub(super) fn new() -> Rc<Self> {
        Rc::new(Self { state: RefCell::new(State::UnderWay { task: None, waiting: Keyed::default() }) })
    }

    /// Ends `transport` behind `unsent`: as far as it goes at once, the rest by a task of the machine.
    pub(super) fn begin(
        self: &Rc<Self>,
        core: &Rc<Core>,
        transport: Rc<dyn Carrier>,
        unsent: SendBuffer,
        deadline: Duration,
        undelivered: Undelivered,
        inbound: Inbound,
    ) {
        if !self.is_under_way() {
            return;
        }
        let report = Report(self.clone());
        let mut closing = Closing::new(transport, unsent, undelivered, inbound);
        match closing.advance() {
            Advance::Over(result) => report.finish(result),
            Advance::Wait | Advance::Again => {
                let guard = core.begin_shutdown();
                let task = core.spawn(Box::pin(async move {
                    let _guard = guard;
                    let result = closing.within(deadline).await;
                    report.finish(result);
                }));
                if let State::UnderWay { task: place, .. } = &mut *self.state.borrow_mut() {
                    *place = task;
                }
            }
        }
    }

    /// A connection that had failed before there could be one.
    pub(super) fn failed(reason: &Error) -> Rc<Self> {
        Rc::new(Self { state: RefCell::new(State::Over(Err(reason.clone()))) })
    }

    /// Gives up what is under way.
    pub(super) fn abort(&self, core: &Core) {
        let task = match &mut *self.state.borrow_mut() {
            State::UnderWay { task, .. } => task.take(),
            State::Over(_) => return,
        };
        self.finish(Err(Error::Interrupted));
        if let Some(task) = task {
            core.cancel(task);
        }
    }

    fn is_under_way(&self) -> bool {
        matches!(*self.state.borrow(), State::UnderWay { .. })
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

/// Says how a close has ended; that it was given up, if its work is dropped before: the transport has panicked, or the
/// machine has ended.
struct Report(Rc<GracefulClose>);

impl Report {
    fn finish(&self, result: Result<(), Error>) {
        if self.0.is_under_way() {
            self.0.finish(result);
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        self.finish(Err(if panicking() {
            JoinError::Panicked(PANICKED.into()).into()
        } else {
            JoinError::Cancelled.into()
        }));
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
    let (undelivered, inbound) = (Undelivered::Content { was_reset: false }, Inbound::Ended(None));
    GracefulClose::new().begin(&core, Rc::new(transport), SendBuffer::default(), deadline, undelivered, inbound);
}
