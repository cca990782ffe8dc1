//! The handle of a spawned task, and how its result gets there.

use std::cell::RefCell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::core::Core;
use super::key::Key;
use super::parked::Parked;
use crate::error::JoinError;

/// A spawned task: await it for its result, or [`detach`](Self::detach) or [`cancel`](Self::cancel) it.
///
/// Awaiting returns the task's output, or a [`JoinError`] if it panicked or was cancelled. **Cancel safety:** dropping
/// the handle, awaited or not, detaches the task: it goes on.
///
/// ```
/// # use lem_rs::{Error, JoinError, Machine, spawn};
/// # Machine::new()?.run(async {
/// let sum = spawn(async { 1 + 2 });
/// let panic = spawn(async { panic!("on purpose") });
/// assert_eq!(sum.await, Ok(3));
/// assert!(matches!(panic.await, Err(JoinError::Panicked(_))));
/// # Ok::<(), Error>(())
/// # })??;
/// # Ok::<(), Error>(())
/// ```
#[must_use = "await it, or say .detach()"]
pub struct JoinHandle<T> {
    core: Rc<Core>,
    key: Option<Key>,
    result: Rc<Delivery<T>>,
}

impl<T: 'static> JoinHandle<T> {
    #[track_caller]
    pub(crate) fn spawn(core: &Rc<Core>, future: impl Future<Output = T> + 'static) -> Self {
        let result = Rc::new(Delivery::default());
        let key = spawn_toward(core, future, result.clone());
        Self { core: core.clone(), key, result }
    }

    /// Lets the task go on by itself; its result is dropped. A panic in it is reported by the panic hook only.
    ///
    /// It goes on as long as the machine runs, which is until its main task is done: what has to come to its end is
    /// awaited, or is in a [`JoinSet`](crate::JoinSet) that is. A task that was not polled until then never begins.
    ///
    /// ```
    /// # use lem_rs::{Error, Machine, sleep, spawn};
    /// # use std::time::Duration;
    /// # Machine::new()?.run(async {
    /// spawn(async { println!("nobody waits for this") }).detach();
    /// // Without a wait behind it, it would not be printed.
    /// sleep(Duration::from_millis(1)).await;
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn detach(self) {}

    /// Drops the task's future: at once, or after its current poll if the task cancels itself. A task that awaits the
    /// task gets [`JoinError::Cancelled`]. Does nothing to a task that is finished.
    ///
    /// ```
    /// # use lem_rs::{Error, JoinError, Machine, sleep, spawn};
    /// # use std::time::Duration;
    /// # Machine::new()?.run(async {
    /// let task = spawn(sleep(Duration::from_secs(3600)));
    /// task.cancel();
    /// assert_eq!(task.await, Err(JoinError::Cancelled));
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn cancel(&self) {
        if let Some(key) = self.key {
            self.core.cancel(key);
        }
    }

    /// The task, cancelled when what this returns is dropped.
    ///
    /// ```
    /// # use lem_rs::{Error, Machine, sleep, spawn};
    /// # use std::time::Duration;
    /// # Machine::new()?.run(async {
    /// let ticking = spawn(async {
    ///     loop {
    ///         sleep(Duration::from_secs(1)).await;
    ///     }
    /// });
    /// let ticking = ticking.cancel_on_drop();
    /// // Whatever ends this scope ends the task as well.
    /// drop(ticking);
    /// # })?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn cancel_on_drop(self) -> CancelOnDrop<T> {
        CancelOnDrop { handle: Some(self) }
    }

    /// Whether the result is there.
    pub fn is_finished(&self) -> bool {
        matches!(&*self.result.state.borrow(), State::Ready(_) | State::Taken)
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    /// # Panics
    /// When polled again after it gave the result.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let parked = Parked::new(&self.core, self.core.wait_of(cx));
        let mut state = self.result.state.borrow_mut();
        match std::mem::replace(&mut *state, State::Taken) {
            State::Ready(result) => Poll::Ready(result),
            State::Running(before) => {
                *state = State::Running(Some(parked));
                drop(state);
                drop(before);
                Poll::Pending
            }
            State::Taken => panic!("a JoinHandle was polled after it gave its result"),
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("task", &self.key).finish_non_exhaustive()
    }
}

/// A task that is cancelled when this is dropped: what [`JoinHandle::cancel_on_drop`] returns. Await it for the result.
#[must_use = "dropping it cancels the task"]
pub struct CancelOnDrop<T: 'static> {
    /// `None` only when it was taken out.
    handle: Option<JoinHandle<T>>,
}

impl<T: 'static> CancelOnDrop<T> {
    /// The task goes on when this is dropped, from now on.
    pub fn into_inner(mut self) -> JoinHandle<T> {
        self.handle.take().expect("only into_inner takes it out")
    }

    /// As [`JoinHandle::is_finished`].
    pub fn is_finished(&self) -> bool {
        self.handle.as_ref().is_some_and(JoinHandle::is_finished)
    }
}

impl<T> Future for CancelOnDrop<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(self.handle.as_mut().expect("only into_inner takes it out")).poll(cx)
    }
}

impl<T> Drop for CancelOnDrop<T> {
    fn drop(&mut self) {
        if let Some(handle) = &self.handle {
            handle.cancel();
        }
    }
}

impl<T> fmt::Debug for CancelOnDrop<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CancelOnDrop").field(&self.handle).finish()
    }
}

/// Starts a task that leaves its result at `to`. `None` on a machine that is gone; the result is "cancelled" then.
#[track_caller]
pub(super) fn spawn_toward<T: 'static>(
    core: &Rc<Core>,
    future: impl Future<Output = T> + 'static,
    to: Rc<dyn Deliver<T>>,
) -> Option<Key> {
    let sender = Sender { core: core.clone(), to: Some(to) };
    core.spawn(Box::pin(deliver(Box::pin(future), sender)))
}

/// Where the result of a task goes.
pub(super) trait Deliver<T> {
    /// Called once, with nothing borrowed.
    fn deliver(&self, result: Result<T, JoinError>);
}

/// Where a task leaves its result.
struct Delivery<T> {
    state: RefCell<State<T>>,
}

enum State<T> {
    Running(Option<Parked>),
    Ready(Result<T, JoinError>),
    Taken,
}

impl<T> Default for Delivery<T> {
    fn default() -> Self {
        Self { state: RefCell::new(State::Running(None)) }
    }
}

impl<T> Deliver<T> for Delivery<T> {
    fn deliver(&self, result: Result<T, JoinError>) {
        let before = self.state.replace(State::Ready(result));
        if let State::Running(Some(waiter)) = before {
            waiter.wake();
        }
    }
}

/// Delivers exactly once: what the task returned, or, if it is dropped before, that it was cancelled.
struct Sender<T> {
    core: Rc<Core>,
    to: Option<Rc<dyn Deliver<T>>>,
}

impl<T> Sender<T> {
    fn send(&mut self, result: Result<T, JoinError>) {
        if let Some(to) = self.to.take() {
            to.deliver(result);
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.send(Err(JoinError::Cancelled));
    }
}

/// Runs `future` to its end or its panic. The future is dropped before the result is delivered, so that a
/// task that awaits it finds what it held released.
///
/// It comes in a box of its own: an async function has room for an argument twice, where it arrives and where it is
/// pinned, and every task would be twice as large.
async fn deliver<T>(future: Pin<Box<impl Future<Output = T>>>, mut sender: Sender<T>) {
    let result = {
        let mut slot = Some(future);
        let result = poll_fn(|cx| {
            let future = slot.as_mut().expect("it is dropped only after its end");
            match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
                Ok(poll) => poll.map(Ok),
                Err(payload) => Poll::Ready(Err(JoinError::from_panic(payload.as_ref()))),
            }
        })
        .await;
        match result {
            Ok(output) => match catch_unwind(AssertUnwindSafe(|| drop(slot.take()))) {
                Ok(()) => Ok(output),
                Err(payload) => Err(JoinError::from_panic(payload.as_ref())),
            },
            Err(panicked) => {
                sender.core.drop_after_panic(slot.take());
                Err(panicked)
            }
        }
    };
    sender.send(result);
}
