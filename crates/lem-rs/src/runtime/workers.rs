//! Threads for calls that block. Few, started when needed, gone when idle.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::contain::contain;
use crate::world::Job;

/// How many threads there may be at once unless the machine's builder says otherwise. A call that hangs holds one, so
/// there are enough of them that a few such calls do not stop the others.
const MAX_THREADS: usize = 64;

/// How long an idle thread stays, in case another job comes.
const IDLE: Duration = Duration::from_secs(5);

/// How many threads there are, and how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PoolSize {
    pub(crate) threads: usize,
    pub(crate) idle: Duration,
}

impl Default for PoolSize {
    fn default() -> Self {
        Self { threads: MAX_THREADS, idle: IDLE }
    }
}

/// A machine's threads: names have their own, since a connect must not wait for as many blocking calls as there may be. A
/// lookup against a dead resolver holds one for half a minute or more.
#[derive(Debug, Default)]
pub(crate) struct Pools {
    pub(crate) calls: Arc<Workers>,
    pub(crate) lookups: Arc<Workers>,
}

impl Pools {
    pub(crate) fn new(calls: PoolSize, lookups: PoolSize) -> Self {
        Self { calls: Arc::new(Workers::new(calls)), lookups: Arc::new(Workers::new(lookups)) }
    }

    pub(crate) fn shut_down(&self) {
        self.calls.shut_down();
        self.lookups.shut_down();
    }
}

#[derive(Debug, Default)]
pub(crate) struct Workers {
    size: PoolSize,
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
    over: bool,
}

impl Workers {
    fn new(size: PoolSize) -> Self {
        Self { size, ..Self::default() }
    }

    /// One thread for one resource, which many jobs would have to wait for.
    pub(crate) fn one_thread() -> Self {
        Self::new(PoolSize { threads: 1, ..PoolSize::default() })
    }

    /// Hands a job to a thread, now or when one is free.
    ///
    /// # Errors
    /// If the first thread cannot be started; the job comes back. If only a further one cannot, the job waits.
    pub(crate) fn submit(self: &Arc<Self>, job: Job) -> Result<(), (io::Error, Job)> {
        let mut state = self.lock();
        state.jobs.push_back(job);
        if state.idle >= state.jobs.len() || state.threads >= self.size.threads {
            drop(state);
            self.work.notify_one();
            return Ok(());
        }
        let workers = self.clone();
        match thread::Builder::new().name("lem-worker".into()).spawn(move || workers.run()) {
            Ok(_) => {
                state.threads += 1;
                Ok(())
            }
            Err(_) if state.threads > 0 => Ok(()),
            Err(error) => Err((error, state.jobs.pop_back().expect("it was put there, and the lock was held since"))),
        }
    }

    /// Ends the threads when all jobs are done.
    pub(crate) fn finish(&self) {
        self.lock().over = true;
        self.work.notify_all();
    }

    /// Ends the idle threads; busy ones end after their job. Nobody waits for them: a lookup may hang for minutes.
    pub(crate) fn shut_down(&self) {
        let mut state = self.lock();
        state.over = true;
        let jobs = std::mem::take(&mut state.jobs);
        drop(state);
        self.work.notify_all();
        jobs.into_iter().for_each(|job| contain(move || drop(job)));
    }

    fn run(&self) {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                drop(state);
                // A job catches the panics of its work; what remains are those of destructors that nobody waits for.
                contain(job);
                state = self.lock();
                continue;
            }
            if state.over {
                break;
            }
            state.idle += 1;
            let (woken, timeout) =
                self.work.wait_timeout(state, self.size.idle).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if timeout.timed_out() && state.jobs.is_empty() {
                break;
            }
        }
        state.threads -= 1;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held; if it did, the counts would still be those of before.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("jobs", &self.jobs.len()).field("threads", &self.threads).finish_non_exhaustive()
    }
}
