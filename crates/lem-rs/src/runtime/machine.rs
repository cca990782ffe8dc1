//! The machine as its user sees it.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::core::Core;
use super::current::{current, enter};
use super::join::JoinHandle;
use super::key::Key;
use super::timers::TimerKey;
use super::workers::{PoolSize, Pools};
use crate::error::Error;
use crate::world::{OsWorld, Resolve, World};

/// A single-threaded event machine: it owns tasks, timers and sockets, and runs them on the thread that calls
/// [`run`](Self::run).
///
/// Tasks share state with `Rc`, `Cell` and `RefCell`; no lock is needed, because only one runs at a time and only
/// gives way where it awaits. Use one machine for each thread; there is no global one.
///
/// ```
/// use lem_rs::{Error, Machine, sleep, spawn};
/// use std::time::Duration;
///
/// let answer = Machine::new()?.run(async {
///     let task = spawn(async {
///         sleep(Duration::from_millis(1)).await;
///         42
///     });
///     task.await
/// })??;
/// assert_eq!(answer, 42);
/// # Ok::<(), Error>(())
/// ```
///
/// # Dropping
/// Dropping the machine drops its tasks, and with them their streams, without waiting for anything. What outlives it,
/// streams and listeners that somebody else holds, is closed: its verbs say so, and its socket goes when it is dropped.
pub struct Machine {
    core: Rc<Core>,
    /// How long streams that are being closed are waited for behind `main`, if that is limited.
    linger: Option<Duration>,
}

impl Machine {
    /// A machine on the operating system's clock, sockets and names.
    ///
    /// ```
    /// use lem_rs::{Error, Machine};
    ///
    /// let machine = Machine::new()?;
    /// assert_eq!(machine.run(async { 1 + 1 })?, 2);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`] if the operating system gives no event queue (usually because too many files are open).
    pub fn new() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// A machine with parts of the caller's choice.
    pub fn builder() -> MachineBuilder {
        MachineBuilder {
            resolver: None,
            checks_wakers: false,
            calls: PoolSize::default(),
            lookups: PoolSize::default(),
            linger: None,
        }
    }

    /// Runs `main`, and every task that is spawned meanwhile, until `main` is done; returns its output.
    ///
    /// Before it returns, streams that were closed until then but whose last bytes are still under way are finished, each
    /// under its own deadline, and all of them within the machine's [linger](MachineBuilder::linger); those that `main` held and drops at its end are among them. Other tasks run meanwhile. What
    /// they begin to close after `main`'s end is not waited for, so that the wait ends however busy they are: let `main`
    /// await a task whose last words matter. What is left then stays in the machine and goes on with the next `run`.
    ///
    /// ```
    /// use lem_rs::{Error, Machine, Queue};
    ///
    /// // Two results in one another: the machine's, and the program's.
    /// let outcome = Machine::new()?.run(async { "42".parse::<u32>() })?;
    /// assert_eq!(outcome, Ok(42));
    ///
    /// // Nobody can ever put something into that queue.
    /// let stalled = Machine::new()?.run(async { Queue::<u32>::new().get().await });
    /// assert!(matches!(stalled, Err(Error::Stalled { .. })));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Stalled`] if every task waits and nothing can wake one (a combinator that keeps a clone of its task's waker
    /// looks like somebody who can, and hides that); [`Error::Misuse`] if a machine already runs
    /// on this thread, or the check of wakers found something; [`Error::Io`] if the operating system's event queue fails.
    ///
    /// # Panics
    /// A panic of `main` goes through. One of a spawned task does not: it reaches the task that awaits it.
    #[track_caller]
    pub fn run<F: Future>(&self, main: F) -> Result<F::Output, Error> {
        self.run_with(main, |_| self.linger)
    }

    /// As [`run`](Self::run); `linger` looks at `main`'s output as soon as it is there, and says how long to wait behind it.
    #[track_caller]
    pub(super) fn run_with<F: Future>(
        &self,
        main: F,
        linger: impl FnOnce(&F::Output) -> Option<Duration>,
    ) -> Result<F::Output, Error> {
        let Some(_entered) = enter(&self.core) else {
            return Err(Error::Misuse(
                "a machine already runs on this thread: spawn a task, or use another thread".into(),
            ));
        };
        let mut main = pin!(Some(main));
        let main_task = MainTask::insert(&self.core);
        let mut output = None;
        while output.is_none() {
            self.core.run_ready(main_task.key, &mut |cx| {
                if let Some(main) = main.as_mut().as_pin_mut()
                    && let Poll::Ready(ready) = main.poll(cx)
                {
                    output = Some(ready);
                }
                output.is_some()
            });
            self.core.lost_wakeups().report()?;
            if output.is_none() && !self.wait()? {
                return Err(self.core.stalled());
            }
        }
        let linger = output.as_ref().and_then(linger);
        // Here, and not when `run` returns: it may hold streams, and drop closes them.
        main.set(None);
        self.linger(main_task.key, linger)?;
        drop(main_task);
        output.ok_or_else(|| self.core.stalled())
    }

    /// Waits until the streams that are being closed now are finished, for so long if that is limited.
    fn linger(&self, main: Key, limit: Option<Duration>) -> Result<(), Error> {
        let closing = self.core.shutdowns().begun();
        // What no clock can show never comes.
        let end = limit.and_then(|limit| self.core.now().checked_add(limit));
        let mut limit = Limit { core: &self.core, end, timer: None };
        if end.is_some() {
            self.core.schedule(main);
        }
        while self.core.shutdowns().has_any_of(closing) && !limit.has_passed() {
            self.core.run_ready(main, &mut |cx| {
                limit.arm(cx);
                true
            });
            self.core.lost_wakeups().report()?;
            if self.core.shutdowns().has_any_of(closing) && !limit.has_passed() && !self.wait()? {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn linger_limit(&self) -> Option<Duration> {
        self.linger
    }

    pub(crate) fn core(&self) -> &Rc<Core> {
        &self.core
    }

    fn wait(&self) -> Result<bool, Error> {
        // A simulated world says why it ends.
        self.core
            .wait_for_events()
            .map_err(|error| error.downcast().unwrap_or_else(|error| Error::io("wait for events", error)))
    }

    /// How many tasks, armed timers and watched sockets the machine holds: for tests of leaks.
    pub fn counts(&self) -> (usize, usize, usize) {
        self.core.counts()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Destructors of tasks may use the machine's verbs.
        let _entered = enter(&self.core);
        self.core.shut_down();
    }
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Machine").field("core", &self.core).finish()
    }
}

/// Chooses a machine's parts.
#[must_use = "call build"]
pub struct MachineBuilder {
    resolver: Option<Rc<dyn Resolve>>,
    checks_wakers: bool,
    calls: PoolSize,
    lookups: PoolSize,
    linger: Option<Duration>,
}

impl MachineBuilder {
    /// Resolves names with `resolver` and not with the operating system's.
    pub fn resolver(mut self, resolver: impl Resolve + 'static) -> Self {
        self.resolver = Some(Rc::new(resolver));
        self
    }

    /// How many threads [`unblock`](crate::unblock) may use at once; further calls wait for one. Threads are started when
    /// they are needed. At least one; default 64.
    ///
    /// ```
    /// use lem_rs::{Error, Machine};
    /// use std::time::Duration;
    /// let machine = Machine::builder().worker_threads(4).worker_idle(Duration::from_secs(60)).build()?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn worker_threads(mut self, most: usize) -> Self {
        self.calls.threads = most.max(1);
        self
    }

    /// How many threads the machine's own lookups of names may use at once, beside those of
    /// [`worker_threads`](Self::worker_threads): a connect does not wait for calls that block. At least one; default 64.
    pub fn lookup_threads(mut self, most: usize) -> Self {
        self.lookups.threads = most.max(1);
        self
    }

    /// How long a thread stays when it has nothing to do. Default 5 s.
    pub fn worker_idle(mut self, idle: Duration) -> Self {
        self.calls.idle = idle;
        self.lookups.idle = idle;
        self
    }

    /// How long [`Machine::run`] waits, behind `main`'s end, for streams that are being closed: for all of them together.
    /// Default: as long as each has ([`Stream::set_close_deadline`](crate::Stream::set_close_deadline), 5 s), so that
    /// the peers get everything; [`run_main`](crate::run_main) waits half a second after an error. With zero, what the
    /// kernel has taken is still sent, unless the peer has sent what nobody has read: then the kernel resets the
    /// connection, and the end of our data may be lost.
    ///
    /// What is not finished then stays in the machine: it goes on with the next `run`, and goes with the machine.
    ///
    /// ```
    /// use lem_rs::{Error, Machine};
    /// use std::time::Duration;
    /// let machine = Machine::builder().linger(Duration::from_millis(100)).build()?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn linger(mut self, most: Duration) -> Self {
        self.linger = Some(most);
        self
    }

    /// Lets [`Machine::run`] fail as soon as a task waits although nothing is left that could wake it: its future said
    /// `Pending` and kept no waker. For tests; [`std::future::pending`] is such a future, too.
    #[cfg(feature = "sim")]
    pub fn check_wakers(self, on: bool) -> Self {
        Self { checks_wakers: on, ..self }
    }

    /// The machine.
    ///
    /// # Errors
    /// As [`Machine::new`].
    pub fn build(self) -> Result<Machine, Error> {
        let world = OsWorld::new().map_err(|error| Error::io("make an event queue", error))?;
        Ok(self.build_in(Box::new(world)))
    }

    pub(crate) fn build_in(self, world: Box<dyn World>) -> Machine {
        let core = Core::new(world, self.resolver, Pools::new(self.calls, self.lookups));
        core.lost_wakeups().enable(self.checks_wakers);
        Machine { core, linger: self.linger }
    }
}

impl std::fmt::Debug for MachineBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MachineBuilder").finish_non_exhaustive()
    }
}

/// A point in time, and the timer that wakes the main task then.
struct Limit<'a> {
    core: &'a Core,
    end: Option<Instant>,
    timer: Option<TimerKey>,
}

impl Limit<'_> {
    fn has_passed(&self) -> bool {
        self.end.is_some_and(|end| self.core.now() >= end)
    }

    fn arm(&mut self, cx: &Context<'_>) {
        if let Some(end) = self.end
            && self.timer.is_none()
        {
            self.timer = Some(self.core.arm(end, cx));
        }
    }
}

impl Drop for Limit<'_> {
    fn drop(&mut self) {
        if let Some(timer) = self.timer {
            self.core.disarm(timer);
        }
    }
}

/// The main task's entry, gone when `run` ends in whatever way.
struct MainTask<'a> {
    core: &'a Core,
    key: Key,
}

impl<'a> MainTask<'a> {
    #[track_caller]
    fn insert(core: &'a Core) -> Self {
        let key = core.insert_main().expect("a machine that can be run is not over");
        Self { core, key }
    }
}

impl Drop for MainTask<'_> {
    fn drop(&mut self) {
        self.core.cancel(self.key);
    }
}

/// Starts a task on the running machine. It runs when the current task next gives way.
///
/// ```
/// # use lem_rs::{Error, Machine, spawn};
/// # Machine::new()?.run(async {
/// let task = spawn(async { 6 * 7 });
/// assert_eq!(task.await?, 42);
/// # Ok::<(), Error>(())
/// # })??;
/// # Ok::<(), Error>(())
/// ```
///
/// # Panics
/// Outside of [`Machine::run`].
#[track_caller]
pub fn spawn<T: 'static>(future: impl Future<Output = T> + 'static) -> JoinHandle<T> {
    let core = current().expect("spawn must be called inside of Machine::run");
    JoinHandle::spawn(&core, future)
}

/// As [`spawn`], for a future whose end nobody waits for: there is no place for its result. A panic ends it only, and is
/// reported by the panic hook.
#[track_caller]
pub(crate) fn spawn_detached(future: impl Future + 'static) {
    let core = current().expect("spawn must be called inside of Machine::run");
    core.spawn(Box::pin(future));
}

/// Lets every other ready task run once.
///
/// ```
/// # lem_rs::Machine::new()?.run(async {
/// lem_rs::yield_now().await;
/// # })?;
/// # Ok::<(), lem_rs::Error>(())
/// ```
///
/// **Cancel safety:** dropping it loses nothing; the task is polled once more all the same.
///
/// # Panics
/// Outside of [`Machine::run`].
pub async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        let core = current().expect("yield_now must be awaited inside of Machine::run");
        core.wake(core.wait_of(cx));
        Poll::Pending
    })
    .await;
}

/// The longest that a single task has held the loop since it is measured; from the first call on, on this machine. The
/// other tasks' latency cannot be better than this. `None` outside of a machine.
pub fn longest_poll() -> Option<Duration> {
    Some(current()?.longest_poll())
}

/// The machine's time; the operating system's outside of a machine. In a simulated world it is the simulated time,
/// so use it rather than `Instant::now`.
pub fn now() -> Instant {
    current().map_or_else(Instant::now, |core| core.now())
}
