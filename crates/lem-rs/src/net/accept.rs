//! The future of a listener's accept.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::backoff::Backoff;
use super::listener::{Listener, State};
use super::shortage::is_shortage;
use crate::endpoint::Endpoint;
use crate::error::{Error, Phase};
use crate::proto::Place;
use crate::runtime::{Awaited, Core, Direction, Registered, Source, refuse};
use crate::time::{Sleep, sleep};

impl Listener {
    /// Waits for the next connection, for a library that puts its own transport on it; also says who it is.
    /// Unstable, as [`transport`](crate::transport) is.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    ///
    /// **Cancel safety:** as [`accept`](Self::accept).
    pub fn accept_source(&self) -> Accept<'_> {
        Accept::new(self)
    }
}

/// The future of [`Listener::accept_source`].
///
/// **Cancel safety:** dropping it loses no connection.
#[must_use = "futures do nothing unless awaited"]
pub struct Accept<'a> {
    listener: &'a Listener,
    place: Place,
    pause: Option<Sleep>,
}

impl<'a> Accept<'a> {
    pub(super) fn new(listener: &'a Listener) -> Self {
        Self { listener, place: Place::default(), pause: None }
    }

    fn admit(&mut self) -> Result<(), Error> {
        self.listener.state.borrow().slot.admit(&mut self.place)
    }

    /// Waits in the slot, with the waker of `cx`; for the socket as well, if `watches`.
    fn wait(&mut self, core: &Core, watches: bool, cx: &Context<'_>) -> Poll<Result<(Source, Endpoint), Error>> {
        // Before the borrow, and dropped after it: a foreign waker's code may come here, and end this wait.
        let wait = core.wait_of(cx);
        let watching = watches.then(|| Registered::Wait(core.wait_of(cx)));
        self.admit()?;
        let mut state = self.listener.state.borrow_mut();
        let State { slot, open: Some(open), .. } = &mut *state else { return Poll::Ready(Err(Error::Closed)) };
        let parked = watching.and_then(|watching| open.watched().replace_waiter(Direction::Read, watching));
        let before = slot.wait(&mut self.place, wait);
        drop(state);
        drop((parked, before));
        core.awaited().note(|| Awaited::Phase(Phase::Accept, Some(self.listener.local_addr().to_string().into())));
        Poll::Pending
    }

    fn closed(&mut self, cx: &Context<'_>) -> Poll<Result<(Source, Endpoint), Error>> {
        if self.place.is_taken() { self.finish(Err(Error::Closed)) } else { refuse(cx, Error::Closed) }
    }

    fn finish<T>(&mut self, result: T) -> Poll<T> {
        self.listener.leave(&mut self.place);
        Poll::Ready(result)
    }
}

impl Future for Accept<'_> {
    type Output = Result<(Source, Endpoint), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.listener.core().map_or(Ok(()), |core| core.check_usable())?;
        match self.admit() {
            Ok(()) => {}
            Err(Error::Busy) => return refuse(cx, Error::Busy),
            Err(error) => return Poll::Ready(Err(error)),
        }
        loop {
            let Some(core) = self.listener.core() else { return self.closed(cx) };
            if let Some(pause) = &mut self.pause {
                if Pin::new(pause).poll(cx).is_pending() {
                    return self.wait(&core, false, cx);
                }
                self.pause = None;
            }
            if core.must_give_way() {
                core.wake(core.wait_of(cx));
                return self.wait(&core, false, cx);
            }
            core.charge(COST);
            let error = match self.listener.try_accept() {
                Some(Ok(accepted)) => {
                    self.listener.state.borrow_mut().backoff = Backoff::default();
                    return self.finish(Ok(accepted));
                }
                Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => return self.wait(&core, true, cx),
                Some(Err(error)) => error,
                None => return self.closed(cx),
            };
            let pause = match Failure::of(&error) {
                Failure::Connection => self.listener.state.borrow_mut().backoff.note_failure(),
                Failure::Resources => Some(self.listener.state.borrow_mut().backoff.pause()),
                Failure::Listener => {
                    let doing = format!("accept on {}", self.listener.local_addr());
                    return self.finish(Err(Error::io(doing, error)));
                }
            };
            if let Some(pause) = pause {
                if pause.is_first {
                    self.listener.report_pause(error);
                }
                self.pause = Some(sleep(pause.duration));
            }
        }
    }
}

/// Whose failure an error of accept(2) is.
enum Failure {
    /// A connection that was gone before it was accepted; the next one is none the worse.
    Connection,
    /// No descriptors or memory: later.
    Resources,
    Listener,
}

impl Failure {
    fn of(error: &io::Error) -> Self {
        if is_shortage(error) {
            Self::Resources
        } else if error.kind() == io::ErrorKind::InvalidInput {
            // Refused before it began: what a listener that is no socket, or is not listening, says.
            Self::Listener
        } else {
            // accept(2): pending network errors of the new connection are to be treated like "try again".
            Self::Connection
        }
    }
}

/// What accepting one connection costs its task, of what it may move in a turn: about thirty at once.
const COST: usize = 16 * 1024;

impl Drop for Accept<'_> {
    fn drop(&mut self) {
        self.listener.leave(&mut self.place);
    }
}

impl fmt::Debug for Accept<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accept").field("listener", &self.listener).finish_non_exhaustive()
    }
}
