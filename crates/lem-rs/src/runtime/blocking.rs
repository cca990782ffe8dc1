//! `unblock`: a call that blocks, on a thread of its own, awaited like any other.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use super::contain::contain;
use super::core::Core;
use super::current::current;
use super::wait::ForeignWaker;
use super::workers::Workers;
use crate::error::JoinError;
use crate::world::Job;

/// Runs `work` on a worker thread and awaits its result, so that it does not hold up the machine: a name lookup, a
/// file, a long computation.
///
/// Threads are started when needed, at most 64, and end when they have been idle for some seconds; both can be
/// [chosen](crate::MachineBuilder::worker_threads). The machine's own lookups of names have threads of their own.
///
/// # Errors
/// [`JoinError::Panicked`] if `work` panics, [`JoinError::NoThread`] if no thread can be started,
/// [`JoinError::Cancelled`] if the machine ends before the work has begun.
///
/// **Cancel safety:** dropping the future abandons the work: it does not begin if it has not begun, and its result is
/// dropped if it has.
///
/// # Panics
/// Outside of [`Machine::run`](crate::Machine::run).
///
/// ```
/// # use lem_rs::{Error, Machine, unblock};
/// # Machine::new()?.run(async {
/// let sum = unblock(|| (1..=1000_u64).sum::<u64>()).await?;
/// assert_eq!(sum, 500_500);
/// # Ok::<(), Error>(())
/// # })??;
/// # Ok::<(), Error>(())
/// ```
#[track_caller]
pub fn unblock<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Unblock<T> {
    let core = current().expect("unblock must be called inside of Machine::run");
    start(&core, &core.pools().calls, work)
}

/// As [`unblock`], for a lookup of a name.
pub(crate) fn look_up<T: Send + 'static>(core: &Core, work: impl FnOnce() -> T + Send + 'static) -> Unblock<T> {
    start(core, &core.pools().lookups, work)
}

fn start<T: Send + 'static>(
    core: &Core,
    workers: &Arc<Workers>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Unblock<T> {
    let (promise, unblock) = promise();
    let run = move || {
        if !promise.is_abandoned() {
            promise.fulfil(work);
        }
    };
    if let Err(refused) = submit(core, workers, Box::new(run)) {
        unblock.job.finish(Err(refused.reason));
        contain(move || drop(refused.job));
    }
    unblock
}

/// Has `workers` run a job, or the world, if that is a simulated one.
///
/// # Errors
/// If no thread can be started: the job comes back, which was not begun.
pub(crate) fn submit(core: &Core, workers: &Arc<Workers>, job: Job) -> Result<(), Refused> {
    match core.world().take_over(job) {
        Some(job) => workers
            .submit(job)
            .map_err(|(error, job)| Refused { reason: JoinError::NoThread(error.to_string().into()), job }),
        None => Ok(()),
    }
}

/// A job for which there is no thread.
pub(crate) struct Refused {
    pub(crate) reason: JoinError,
    pub(crate) job: Job,
}

/// A future, and what gives it its result, on any thread.
pub(crate) fn promise<T>() -> (Promise<T>, Unblock<T>) {
    let job = Arc::new(Awaitable { state: Mutex::new(State::Waiting(None)) });
    (Promise { job: job.clone() }, Unblock { job })
}

/// Gives an [`Unblock`] its result. One that is dropped before says [`JoinError::Cancelled`]: nobody does the work any
/// more.
pub(crate) struct Promise<T> {
    job: Arc<Awaitable<T>>,
}

impl<T> Promise<T> {
    /// Whether nobody takes the result.
    fn is_abandoned(&self) -> bool {
        matches!(*self.job.lock(), State::Over)
    }

    /// Does `work`, and gives its result or its panic.
    pub(crate) fn fulfil(self, work: impl FnOnce() -> T) {
        let result = catch_unwind(AssertUnwindSafe(work));
        self.job.finish(result.map_err(|payload| JoinError::from_panic(payload.as_ref())));
    }

    /// There is no result.
    pub(crate) fn fail(self, reason: JoinError) {
        self.job.finish(Err(reason));
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        self.job.finish(Err(JoinError::Cancelled));
    }
}

/// The future of [`unblock`].
#[must_use = "futures do nothing unless awaited"]
pub struct Unblock<T> {
    job: Arc<Awaitable<T>>,
}

struct Awaitable<T> {
    state: Mutex<State<T>>,
}

enum State<T> {
    Waiting(Option<ForeignWaker>),
    Finished(Result<T, JoinError>),
    /// The result was taken, or nobody wants it.
    Over,
}

impl<T> Awaitable<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the result, unless there is one, or nobody waits for it.
    fn finish(&self, result: Result<T, JoinError>) {
        let mut state = self.lock();
        if let State::Waiting(waker) = &mut *state {
            let waker = waker.take();
            *state = State::Finished(result);
            drop(state);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

impl<T> Future for Unblock<T> {
    type Output = Result<T, JoinError>;

    /// # Panics
    /// When polled again after it gave the result.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Cloned before the lock is taken, and the one before dropped after it: a foreign waker's code may come here.
        let waker = ForeignWaker::new(cx.waker());
        let mut state = self.job.lock();
        let before = match std::mem::replace(&mut *state, State::Over) {
            State::Finished(result) => return Poll::Ready(result),
            State::Waiting(before) => {
                *state = State::Waiting(Some(waker));
                before
            }
            State::Over => panic!("Unblock was polled after it gave its result"),
        };
        drop(state);
        drop(before);
        Poll::Pending
    }
}

impl<T> Drop for Unblock<T> {
    fn drop(&mut self) {
        let before = std::mem::replace(&mut *self.job.lock(), State::Over);
        drop(before);
    }
}

impl<T> fmt::Debug for Unblock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unblock").finish_non_exhaustive()
    }
}
