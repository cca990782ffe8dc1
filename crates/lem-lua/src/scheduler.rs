//! Coroutines that wait: where a verb's rest is kept between its call and the task that waits for it.

#![forbid(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::c_void;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::SystemTime;

use lem_ssl_rs::{JoinSet, now};
use mlua::{Function, LightUserData, Lua, Table, Thread, Value};

use crate::answer::{Answer, Pair};
use crate::clock::Clock;
use crate::endings::Endings;
use crate::error::Error;

/// The rest of a verb that has to wait.
pub(crate) type Waiting = Pin<Box<dyn Future<Output = Answer>>>;

/// A verb that has begun. The coroutine that waits for it yields this, so that it gets no other one's.
pub(crate) type Token = i64;

/// What the coroutines of one Lua state share.
#[derive(Default)]
pub(crate) struct Scheduler {
    /// Of the task whose coroutine runs; `None` outside of one.
    waker: RefCell<Option<Waker>>,
    /// Left by the verbs that have said that they wait, for the tasks below them. There is more than one where a finalizer
    /// runs between the begin of a verb and its coroutine's yield.
    begun: RefCell<Vec<(Token, Waiting)>>,
    last_token: Cell<Token>,
    /// How many lines the coroutine that runs was lent since it was resumed.
    lent: Cell<usize>,
    /// The coroutines that run, or wait for something that comes from outside of Lua.
    active: Cell<usize>,
    /// What is called for an error that a coroutine does not catch; without it, that is the end.
    pub(crate) on_error: RefCell<Option<Function>>,
    endings: Endings,
    /// The coroutines that nobody may resume, as Lua keeps them.
    pub(crate) waiting_in_lua: RefCell<Option<Table>>,
    /// What the coroutines of tasks wait for, by the coroutines' addresses, so that it can be given up.
    verbs: RefCell<HashMap<*const c_void, Rc<Verb>>>,
    pub(crate) tasks: JoinSet<()>,
    clock: Cell<Clock>,
    pub(crate) is_simulated: Cell<bool>,
    /// How many streams and servers Lua has.
    pub(crate) open: Rc<Cell<usize>>,
    /// A collection of garbage stands before.
    pub(crate) collects: Cell<bool>,
    /// A script has registered for the ends of its programs, and reaps them itself.
    pub(crate) hears_children: Cell<bool>,
}

/// How many lines a coroutine gets before others run: with what a script does with each, about a millisecond. The machine
/// looks at its clock after some dozens of such turns.
const MAX_LENT: usize = 1024;

impl Scheduler {
    /// What a verb returns in the place of its result when it has to wait. No value that a script can make equals it.
    pub(crate) fn pending() -> Value {
        static PENDING: u8 = 0;
        Value::LightUserData(LightUserData((&raw const PENDING).cast_mut().cast()))
    }

    /// Begins a verb: its result, or [`pending`](Self::pending) and its token, with the rest left for the task.
    pub(crate) fn start(&self, lua: &Lua, verb: impl Future<Output = Answer> + 'static) -> mlua::Result<Pair> {
        let mut verb: Waiting = Box::pin(verb);
        self.abandon_refused();
        match self.poll(|cx| verb.as_mut().poll(cx))? {
            Poll::Ready(answer) => answer.into_pair(lua),
            Poll::Pending => {
                let token = self.last_token.get() + 1;
                self.last_token.set(token);
                self.begun.borrow_mut().push((token, verb));
                Ok((Self::pending(), Value::Integer(token)))
            }
        }
    }

    /// Polls what is not kept if it has to wait, in the name of the coroutine's task.
    pub(crate) fn poll<T>(&self, poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> mlua::Result<Poll<T>> {
        let waker = self.waker.borrow().clone();
        let waker = waker.ok_or_else(|| mlua::Error::runtime("only a coroutine that the machine runs can wait"))?;
        Ok(poll(&mut Context::from_waker(&waker)))
    }

    /// Whether the coroutine that runs may be lent lines before others have run.
    pub(crate) fn may_lend(&self) -> bool {
        self.lent.get() < MAX_LENT
    }

    pub(crate) fn lends(&self, lines: usize) {
        self.lent.set(self.lent.get() + lines);
    }

    /// Raises an error where no coroutine of the machine runs.
    pub(crate) fn check_task(&self) -> mlua::Result<()> {
        self.poll(|_cx| Poll::Ready(())).map(drop)
    }

    /// Runs a task in the background.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        // The set keeps those that are done until somebody asks.
        while self.tasks.try_join_next().is_some() {}
        self.tasks.spawn(task);
    }

    /// A coroutine that was resumed runs now.
    pub(crate) fn runs(&self, coroutine: &Thread) -> mlua::Result<()> {
        let waiting = self.waiting_in_lua.borrow().clone();
        waiting.map_or(Ok(()), |waiting| waiting.raw_set(coroutine, Value::Nil))
    }

    /// Gives up what the task of this coroutine waits for.
    pub(crate) fn cancel(&self, coroutine: *const c_void) {
        let verb = self.verbs.borrow().get(&coroutine).cloned();
        if let Some(verb) = verb {
            drop(verb.rest.take());
            if let Some(waker) = verb.waker.take() {
                waker.wake();
            }
        }
    }

    /// Gives up a verb that cannot be waited for where it has begun.
    pub(crate) fn abandon(&self, token: Token) {
        drop(self.take_begun(token));
    }

    /// Gives up what has begun where nothing can wait. Since 5.4 (and 5.2) Lua says so in time, and each is given up by its
    /// token. In 5.1 a refused yield is seen only by this: that something else is done.
    pub(crate) fn abandon_refused(&self) {
        if cfg!(any(feature = "lua51", feature = "luajit")) {
            let refused = self.begun.take();
            drop(refused);
        }
    }

    fn take_begun(&self, token: Token) -> Option<Waiting> {
        let mut begun = self.begun.borrow_mut();
        let at = begun.iter().position(|(of, _)| *of == token)?;
        Some(begun.swap_remove(at).1)
    }

    /// Runs `call`, which resumes a coroutine, in the name of a task; and the verb whose token `token_of` finds in its
    /// result. What else has begun meanwhile was refused, and is given up.
    pub(crate) fn enter<T>(
        &self,
        waker: &Waker,
        call: impl FnOnce() -> T,
        token_of: impl FnOnce(&T) -> Option<Token>,
    ) -> (T, Option<Waiting>) {
        let before = self.waker.replace(Some(waker.clone()));
        let first = self.last_token.get();
        self.lent.set(0);
        let result = call();
        drop(self.waker.replace(before));
        let waiting = token_of(&result).and_then(|token| self.take_begun(token));
        let refused: Vec<_> = self.begun.borrow_mut().extract_if(.., |(token, _)| *token > first).collect();
        drop(refused);
        (result, waiting)
    }

    /// A simulated world's time of day begins with the first coroutine.
    pub(crate) fn start_clock(&self) {
        if self.is_simulated.get() && self.clock.get() == Clock::System {
            self.clock.set(Clock::Simulated(now()));
        }
    }

    /// The time of day.
    pub(crate) fn seconds_since_1970(&self) -> f64 {
        self.start_clock();
        self.clock.get().seconds_since_1970(now(), SystemTime::now())
    }

    /// One more coroutine runs, or waits for something from outside.
    pub(crate) fn activate(&self) {
        self.active.set(self.active.get() + 1);
    }

    /// A coroutine is done, or waits for another coroutine.
    pub(crate) fn deactivate(&self) {
        self.active.set(self.active.get() - 1);
        if self.active.get() == 0 {
            self.endings.tell();
        }
    }

    /// Whether everything is to end, and nobody has heard of it yet.
    pub(crate) fn is_ending(&self) -> bool {
        self.endings.is_ending()
    }

    /// Everything ends; the first who says so gives the reason.
    pub(crate) fn end(&self, error: Error) {
        self.endings.add(error);
    }

    /// Runs a coroutine to its end, unless everything ends before. An error that another coroutine has not caught is
    /// this call's only where no coroutine can go on: what it waits for may have been the other one's to give. That others
    /// were told of that error meanwhile changes nothing.
    pub(crate) async fn or_ending<T>(&self, coroutine: impl Future<Output = mlua::Result<T>>) -> Result<T, Error> {
        let heard = self.endings.heard();
        let mut coroutine = pin!(coroutine);
        poll_fn(|cx| {
            if let Poll::Ready(result) = coroutine.as_mut().poll(cx) {
                // One that could not wait for the end was ended by an error.
                return Poll::Ready(result.map_err(|error| self.endings.since(heard).unwrap_or(Error::raised(&error))));
            }
            if self.active.get() == 0
                && !self.is_ending()
                && let Some(failure) = self.endings.failure_since(heard)
            {
                return Poll::Ready(Err(failure));
            }
            self.endings.poll(cx, heard).map(Err)
        })
        .await
    }

    /// The failure that nobody was told of. An exit is none.
    pub(crate) fn take_untold(&self) -> Option<Error> {
        self.endings.take_untold()
    }

    /// Waits until no coroutine can run any more, or one has ended everything.
    pub(crate) async fn finished(&self) -> Result<(), Error> {
        let heard = self.endings.heard();
        poll_fn(|cx| {
            // An end that came as well is left to be told.
            if let Some(failure) = self.endings.failure_since(heard) {
                return Poll::Ready(Err(failure));
            }
            match self.endings.poll(cx, heard) {
                Poll::Ready(error) => Poll::Ready(Err(error)),
                Poll::Pending if self.active.get() == 0 => Poll::Ready(Ok(())),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }
}

/// What a task waits for.
#[derive(Default)]
struct Verb {
    /// `None` while it is polled, and once it is given up.
    rest: RefCell<Option<Waiting>>,
    waker: RefCell<Option<Waker>>,
}

/// The place of a task's coroutine among those whose verb can be given up.
pub(crate) struct VerbPlace {
    scheduler: Rc<Scheduler>,
    coroutine: *const c_void,
    verb: Rc<Verb>,
}

impl VerbPlace {
    pub(crate) fn new(scheduler: &Rc<Scheduler>, coroutine: *const c_void) -> Self {
        let verb = Rc::new(Verb::default());
        scheduler.verbs.borrow_mut().insert(coroutine, verb.clone());
        Self { scheduler: scheduler.clone(), coroutine, verb }
    }

    /// Waits for the rest of a verb that was polled in this very poll of the task, and has left the task's waker where it
    /// waits.
    pub(crate) async fn answer(&self, rest: Waiting) -> Answer {
        self.verb.rest.replace(Some(rest));
        let mut was_polled = true;
        poll_fn(|cx| {
            self.verb.waker.replace(Some(cx.waker().clone()));
            if std::mem::take(&mut was_polled) {
                return Poll::Pending;
            }
            let Some(mut rest) = self.verb.rest.take() else {
                return Poll::Ready(Answer::Fail(lem_ssl_rs::Error::Interrupted.to_string()));
            };
            let answer = rest.as_mut().poll(cx);
            if answer.is_pending() {
                self.verb.rest.replace(Some(rest));
            }
            answer
        })
        .await
    }
}

impl Drop for VerbPlace {
    fn drop(&mut self) {
        let verb = self.scheduler.verbs.borrow_mut().remove(&self.coroutine);
        drop(verb);
    }
}

/// One more stream or server that Lua has; dropped, one less.
pub(crate) struct Open(Rc<Cell<usize>>);

impl Open {
    pub(crate) fn new(scheduler: &Scheduler) -> Self {
        scheduler.open.set(scheduler.open.get() + 1);
        Self(scheduler.open.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// A coroutine that counts as one that can go on; dropped, it does not.
pub(crate) struct Active(Rc<Scheduler>);

impl Active {
    pub(crate) fn new(scheduler: &Rc<Scheduler>) -> Self {
        scheduler.activate();
        Self(scheduler.clone())
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.end(Error::Internal("a function in Rust has panicked; what it says stands above".into()));
        }
        self.0.deactivate();
    }
}
