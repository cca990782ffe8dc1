//! The machine's inside: what tasks, timers and sockets share.

mod budget;
mod poll;
mod timers;
mod turn;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::ptr;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::Context;
use std::thread;
use std::time::Instant;

use super::arena::Arenas;
use super::awaited::AwaitedNote;
use super::budget::Budget;
use super::contain::contain;
use super::cpu_permits::CpuPermits;
use super::direction::Direction;
use super::handler::ReadyHandler;
use super::key::Key;
use super::lost_wakeup::LostWakeupCheck;
use super::quiet::QuietStreams;
use super::remote::Remote;
use super::shutdown::{ShutdownGuard, Shutdowns};
use super::sources::Sources;
use super::task::{Body, TaskFuture, Tasks};
use super::timers::Timers;
use super::wait::{ForeignWaker, Registered, Wait};
use super::workers::Pools;
use crate::error::Error;
use crate::world::{Resolve, World};

pub(crate) struct Core {
    world: Box<dyn World>,
    remote: Arc<Remote>,
    tasks: RefCell<Tasks>,
    ready: RefCell<VecDeque<Ready>>,
    timers: RefCell<Timers<Wait>>,
    sources: RefCell<Sources>,
    pools: Pools,
    arenas: Arenas,
    resolver: Option<Rc<dyn Resolve>>,
    /// The task being polled, and the address by which its waker is recognised.
    polled: Cell<Option<(Key, *const ())>>,
    budget: Budget,
    cpu_permits: CpuPermits,
    awaited: AwaitedNote,
    lost_wakeups: LostWakeupCheck,
    quiet: QuietStreams,
    /// Streams that are being closed in the background.
    shutdowns: Rc<Shutdowns>,
    /// The machine is gone: nothing can be spawned any more.
    over: Cell<bool>,
    /// This thread is inside of the machine's `run`.
    running: Cell<bool>,
    /// A task's future is being dropped because it panicked.
    after_panic: Cell<bool>,
    turn: Cell<Option<Box<turn::Turn>>>,
}

/// An entry of the ready queue.
#[derive(Debug)]
enum Ready {
    /// A task that was woken.
    Task(Key),
    /// A stream with something to send that no task waits for.
    Flush(Weak<dyn ReadyHandler>),
}

impl Core {
    pub(crate) fn new(world: Box<dyn World>, resolver: Option<Rc<dyn Resolve>>, pools: Pools) -> Rc<Self> {
        let remote = Arc::new(Remote::new(world.notifier()));
        let timers = RefCell::new(Timers::new(world.now()));
        Rc::new(Self {
            world,
            remote,
            timers,
            resolver,
            tasks: RefCell::default(),
            ready: RefCell::default(),
            sources: RefCell::default(),
            pools,
            arenas: Arenas::default(),
            polled: Cell::new(None),
            budget: Budget::default(),
            cpu_permits: CpuPermits::default(),
            awaited: AwaitedNote::default(),
            lost_wakeups: LostWakeupCheck::default(),
            quiet: QuietStreams::default(),
            shutdowns: Rc::default(),
            over: Cell::new(false),
            running: Cell::new(false),
            after_panic: Cell::new(false),
            turn: Cell::default(),
        })
    }

    pub(crate) fn set_running(&self, running: bool) {
        self.running.set(running);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.get()
    }

    /// Whether something of this machine can be waited for now.
    ///
    /// # Errors
    /// "closed" if the machine is gone, which closes what belongs to it; [`Error::Misuse`] if it does not run: nothing
    /// would ever wake who waits.
    pub(crate) fn check_usable(&self) -> Result<(), Error> {
        match (self.over.get(), self.running.get()) {
            (true, _) => Err(Error::Closed),
            (false, true) => Ok(()),
            (false, false) => Err(Error::Misuse(
                "this belongs to a machine that does not run on this thread now: use it inside of that machine's run"
                    .into(),
            )),
        }
    }

    /// Whether what is dropped now is dropped because of a panic: while the stack unwinds, or because the task whose
    /// panic was caught held it.
    pub(crate) fn is_after_panic(&self) -> bool {
        thread::panicking() || self.after_panic.get()
    }

    /// Drops what a task that panicked has held.
    pub(super) fn drop_after_panic<F>(&self, future: F) {
        let outer = self.after_panic.replace(true);
        contain(move || drop(future));
        self.after_panic.set(outer);
    }

    pub(crate) fn world(&self) -> &dyn World {
        self.world.as_ref()
    }

    pub(crate) fn remote(&self) -> &Arc<Remote> {
        &self.remote
    }

    pub(crate) fn sources(&self) -> &RefCell<Sources> {
        &self.sources
    }

    pub(crate) fn pools(&self) -> &Pools {
        &self.pools
    }

    pub(crate) fn arenas(&self) -> &Arenas {
        &self.arenas
    }

    /// What the future that is being polled waits for.
    pub(crate) fn awaited(&self) -> &AwaitedNote {
        &self.awaited
    }

    pub(super) fn lost_wakeups(&self) -> &LostWakeupCheck {
        &self.lost_wakeups
    }

    pub(crate) fn resolver(&self) -> Option<&Rc<dyn Resolve>> {
        self.resolver.as_ref()
    }

    pub(crate) fn now(&self) -> Instant {
        self.world.now()
    }
}

/// Tasks and wake-ups.
impl Core {
    /// Adds a task; it is polled in this turn or the next. On a machine that is gone the future is dropped.
    #[track_caller]
    pub(crate) fn spawn(&self, future: TaskFuture) -> Option<Key> {
        self.insert(Body::Here(future))
    }

    /// Adds the main task, whose future the caller keeps.
    #[track_caller]
    pub(crate) fn insert_main(&self) -> Option<Key> {
        self.insert(Body::Main)
    }

    #[track_caller]
    fn insert(&self, body: Body) -> Option<Key> {
        if self.over.get() {
            return None;
        }
        let key = self.tasks.borrow_mut().insert(body, &self.remote);
        self.ready.borrow_mut().push_back(Ready::Task(key));
        Some(key)
    }

    /// Drops a task's future: now, or if it is being polled, as soon as that is over.
    pub(crate) fn cancel(&self, key: Key) {
        let removed = {
            let mut tasks = self.tasks.borrow_mut();
            match tasks.get_mut(key) {
                Some(task) if matches!(task.body, Body::Polled | Body::Cancelled) => {
                    task.body = Body::Cancelled;
                    None
                }
                _ => tasks.remove(key),
            }
        };
        // A panic in its destructor is not the business of the task that cancels it.
        contain(move || drop(removed));
    }

    /// Puts a task into the ready queue, unless it is there or gone.
    pub(crate) fn schedule(&self, key: Key) {
        if let Some(task) = self.tasks.borrow_mut().get_mut(key)
            && !task.queued
        {
            task.queued = true;
            self.ready.borrow_mut().push_back(Ready::Task(key));
        }
    }

    /// Lets a stream send what was accepted: next after the task that is being polled, before the loop waits.
    pub(crate) fn schedule_flush_next(&self, stream: Weak<dyn ReadyHandler>) {
        self.ready.borrow_mut().push_front(Ready::Flush(stream));
    }

    /// As [`schedule_flush_next`](Self::schedule_flush_next), behind everything else that is ready.
    pub(crate) fn schedule_flush_last(&self, stream: Weak<dyn ReadyHandler>) {
        self.ready.borrow_mut().push_back(Ready::Flush(stream));
    }

    /// Wakes who waits. Call it with no `RefCell` borrowed: a foreign waker is code of the user's, and its destructor, too.
    pub(crate) fn wake(&self, wait: Wait) {
        match wait {
            Wait::Task(key, count) => {
                count.release();
                self.schedule(key);
            }
            Wait::Foreign(waker) => waker.wake(),
        }
    }

    /// As [`wake`](Self::wake), for what was registered at a socket that is ready.
    fn wake_registered(&self, registered: Registered, direction: Direction) {
        match registered {
            Registered::Wait(wait) => self.wake(wait),
            Registered::Stream(stream) => {
                if let Some(stream) = stream.upgrade() {
                    stream.handle_ready(direction);
                }
            }
        }
    }

    /// What wakes the future that is being polled with `cx`. Call it with no `RefCell` borrowed, and before looking at what
    /// decides whether to wait: to clone a foreign waker is to run code of the user's. Drop it unborrowed as well.
    pub(crate) fn wait_of(&self, cx: &Context<'_>) -> Wait {
        match self.polled.get() {
            Some((key, data)) if ptr::eq(data, cx.waker().data()) => {
                Wait::Task(key, self.tasks.borrow().waker_count(key))
            }
            _ => Wait::Foreign(ForeignWaker::new(cx.waker())),
        }
    }
}

/// The loop.
impl Core {
    /// Keeps a `run` whose main task is not over yet from returning until the guard is dropped: a stream is closed in the
    /// background. The holder bounds its own time.
    pub(crate) fn begin_shutdown(&self) -> ShutdownGuard {
        self.shutdowns.begin()
    }

    pub(super) fn shutdowns(&self) -> &Shutdowns {
        &self.shutdowns
    }

    pub(super) fn cpu_permits(&self) -> &CpuPermits {
        &self.cpu_permits
    }

    /// The machine is dropped: every task is, and no new one can be spawned.
    pub(crate) fn shut_down(&self) {
        self.over.set(true);
        self.pools.shut_down();
        let tasks = self.tasks.borrow_mut().take_all();
        // Destructors may panic; one must not keep the others from running.
        for task in tasks {
            contain(move || drop(task));
        }
        self.ready.borrow_mut().clear();
        self.quiet.clear();
        self.remote.close();
    }

    /// What the machine holds, for tests of leaks and for curious operators.
    pub(crate) fn counts(&self) -> (usize, usize, usize) {
        (self.tasks.borrow().len(), self.timers.borrow().len(), self.sources.borrow().len())
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tasks, timers, sources) = self.counts();
        f.debug_struct("Machine").field("tasks", &tasks).field("timers", &timers).field("sockets", &sources).finish()
    }
}
