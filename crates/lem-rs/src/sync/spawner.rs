//! Tasks from other threads.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use super::channel::{Receiver, Sender, unbounded};
use crate::error::{Error, JoinError};
use crate::runtime::{Core, ForeignWaker, Machine, current, no_machine, spawn};

/// Starts tasks on a machine from any thread. Clones start them on the same machine.
///
/// What is sent is a function, which makes the future on the machine's own thread: so the task may use what cannot
/// leave that thread, such as `Rc` and streams.
///
/// While a spawner exists, its machine has one task more, which receives; a `main` that waits for nothing else is never
/// [stalled](Error::Stalled), since another thread may start what it waits for.
///
/// ```
/// use lem_rs::{Error, Machine, channel, sleep};
/// use std::{thread, time::Duration};
///
/// let machine = Machine::new()?;
/// let spawner = machine.spawner();
/// let (done, mut is_done) = channel::bounded(1);
/// let elsewhere = thread::spawn(move || {
///     let task = spawner.spawn(|| async {
///         sleep(Duration::from_millis(1)).await;
///         42
///     })?;
///     let answer = task.wait();
///     let _ = done.try_send(());
///     answer.map_err(Error::from)
/// });
/// machine.run(async { is_done.recv().await })??;
/// assert!(matches!(elsewhere.join(), Ok(Ok(42))));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone)]
pub struct Spawner {
    requests: Sender<StartTask>,
}

/// Starts one task, on the machine's thread.
type StartTask = Box<dyn FnOnce() + Send>;

impl Machine {
    /// A way to start tasks on this machine from other threads. They run while [`run`](Self::run) does; what comes in
    /// between waits.
    ///
    /// ```
    /// use lem_rs::{Error, Machine};
    /// use std::thread;
    ///
    /// let machine = Machine::new()?;
    /// let spawner = machine.spawner();
    /// let elsewhere = thread::spawn(move || spawner.spawn(|| async { 42 })?.wait().map_err(Error::from));
    /// machine.run(async {
    ///     while !elsewhere.is_finished() {
    ///         lem_rs::sleep(std::time::Duration::from_millis(1)).await;
    ///     }
    /// })?;
    /// assert!(matches!(elsewhere.join(), Ok(Ok(42))));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn spawner(&self) -> Spawner {
        Spawner::of(self.core())
    }
}

impl Spawner {
    /// A spawner of the running machine, to be given to another thread.
    ///
    /// # Errors
    /// [`Error::Misuse`] outside of a machine.
    pub fn current() -> Result<Self, Error> {
        let core = current().ok_or_else(no_machine)?;
        Ok(Self::of(&core))
    }

    fn of(core: &Core) -> Self {
        let (sender, requests) = unbounded();
        // On a machine that is gone the future is dropped, and the channel is closed.
        core.spawn(Box::pin(start_tasks(requests)));
        Self { requests: sender }
    }

    /// Starts a task: `make` is called on the machine's thread and gives its future.
    ///
    /// # Errors
    /// [`Error::Closed`] if the machine is gone.
    pub fn spawn<T, F>(&self, make: impl FnOnce() -> F + Send + 'static) -> Result<RemoteTask<T>, Error>
    where
        T: Send + 'static,
        F: Future<Output = T> + 'static,
    {
        let outcome = Arc::new(Outcome { state: Mutex::new(State::Running(None)), over: Condvar::new() });
        let teller = Teller(outcome.clone());
        let start = move || {
            let task = spawn(async move { make().await });
            spawn(async move { teller.tell(task.await) }).detach();
        };
        self.requests.try_send(Box::new(start)).map_err(|_| Error::Closed)?;
        Ok(RemoteTask { outcome })
    }

    /// Whether the machine is gone.
    pub fn is_closed(&self) -> bool {
        self.requests.is_closed()
    }
}

async fn start_tasks(mut requests: Receiver<StartTask>) {
    while let Ok(start) = requests.recv().await {
        start();
    }
}

impl fmt::Debug for Spawner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawner").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

/// A task on the machine of another thread: await it, or [`wait`](Self::wait) for it on a thread.
///
/// Dropping it detaches the task: it goes on. The result is [`JoinError::Cancelled`] if the machine ends before the
/// task.
pub struct RemoteTask<T> {
    outcome: Arc<Outcome<T>>,
}

struct Outcome<T> {
    state: Mutex<State<T>>,
    over: Condvar,
}

enum State<T> {
    Running(Option<ForeignWaker>),
    Ready(Result<T, JoinError>),
    Taken,
}

impl<T> Outcome<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> RemoteTask<T> {
    /// Waits for the result; the thread does nothing else meanwhile.
    ///
    /// # Errors
    /// [`JoinError`] if the task panicked, or its machine is gone.
    ///
    /// # Panics
    /// Inside of [`Machine::run`], where it would hold up all tasks: await it.
    pub fn wait(self) -> Result<T, JoinError> {
        assert!(current().is_none(), "wait would hold up the machine that runs on this thread: await the task");
        let mut state = self.outcome.lock();
        loop {
            match mem::replace(&mut *state, State::Taken) {
                State::Ready(result) => return result,
                State::Running(waker) => *state = State::Running(waker),
                State::Taken => panic!("a RemoteTask was waited for after it gave its result"),
            }
            state = self.outcome.over.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether the result is there.
    pub fn is_finished(&self) -> bool {
        !matches!(*self.outcome.lock(), State::Running(_))
    }
}

impl<T> Future for RemoteTask<T> {
    type Output = Result<T, JoinError>;

    /// # Panics
    /// When polled again after it gave the result.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let waker = ForeignWaker::new(cx.waker());
        let mut state = self.outcome.lock();
        let before = match mem::replace(&mut *state, State::Taken) {
            State::Ready(result) => return Poll::Ready(result),
            State::Running(before) => {
                *state = State::Running(Some(waker));
                before
            }
            State::Taken => panic!("a RemoteTask was polled after it gave its result"),
        };
        drop(state);
        drop(before);
        Poll::Pending
    }
}

impl<T> fmt::Debug for RemoteTask<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteTask").field("finished", &self.is_finished()).finish_non_exhaustive()
    }
}

/// Tells the result exactly once: that the task was cancelled, if it is dropped before.
struct Teller<T>(Arc<Outcome<T>>);

impl<T> Teller<T> {
    fn tell(&self, result: Result<T, JoinError>) {
        let mut state = self.0.lock();
        let State::Running(waker) = &mut *state else { return };
        let waker = waker.take();
        *state = State::Ready(result);
        drop(state);
        self.0.over.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Drop for Teller<T> {
    fn drop(&mut self) {
        self.tell(Err(JoinError::Cancelled));
    }
}
