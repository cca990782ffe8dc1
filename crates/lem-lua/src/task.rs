//! One coroutine of Lua, run as one task of the machine.

#![forbid(unsafe_code)]

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use lem_ssl_rs::sleep;
use mlua::thread::ThreadStatus;
use mlua::{Lua, MultiValue, RegistryKey, Thread, Value};

use crate::answer::Pair;
use crate::error::Error;
use crate::scheduler::{Active, Scheduler, Token, VerbPlace};

/// Runs a coroutine to its end, and gives what it returns. `None`: it has yielded by itself; what it gave is lost, and
/// somebody may resume it.
pub(crate) async fn drive(
    scheduler: &Rc<Scheduler>,
    lua: &Lua,
    thread: Kept,
    arguments: MultiValue,
) -> mlua::Result<Option<MultiValue>> {
    scheduler.start_clock();
    let mut kept = thread;
    let mut next = Some(arguments);
    let mut place = None;
    loop {
        let thread = kept.take(lua)?;
        // A script that has closed it meanwhile wants no more of it.
        if thread.status() != ThreadStatus::Resumable {
            return Ok(None);
        }
        let (result, waiting) = poll_fn(|cx| {
            let given = next.take().unwrap_or_default();
            Poll::Ready(scheduler.enter(cx.waker(), || thread.resume::<MultiValue>(given), token_of))
        })
        .await;
        collect_later(scheduler, lua);
        let result = result.inspect_err(|_error| close_failed(lua, &thread))?;
        if thread.status() != ThreadStatus::Resumable {
            return Ok(Some(result));
        }
        let Some(waiting) = waiting else {
            if result.front() == Some(&Scheduler::pending()) {
                return Err(mlua::Error::runtime(GIVEN_UP));
            }
            return Ok(None);
        };
        drop(result);
        let place = place.get_or_insert_with(|| VerbPlace::new(scheduler, thread.to_pointer()));
        kept = Kept::new(lua, thread)?;
        let answer = place.answer(waiting).await;
        next = Some(trimmed(answer.into_pair(lua)?));
    }
}

/// The verb that a coroutine has yielded for.
fn token_of(result: &mlua::Result<MultiValue>) -> Option<Token> {
    let mut values = result.as_ref().ok()?.iter();
    match (values.next()?, values.next()?) {
        (first, Value::Integer(token)) if *first == Scheduler::pending() => Some(*token),
        (first, Value::Number(token)) if *first == Scheduler::pending() => Some(*token as Token),
        _ => None,
    }
}

const GIVEN_UP: &str =
    "what this coroutine waits for was given up before the wait began: a finalizer has used the modules";

/// Closes the variables of a coroutine that an error has ended. Their functions are not told which error that was: it is
/// not in the coroutine any more.
fn close_failed(lua: &Lua, thread: &Thread) {
    if cfg!(not(any(feature = "lua51", feature = "luajit")))
        && thread.status() == ThreadStatus::Error
        && let Ok(nothing) = lua.create_function(|_, ()| Ok(()))
    {
        // The error that has ended the coroutine is told by who runs it.
        let _ = thread.reset(nothing);
    }
}

/// A coroutine while it waits. In Lua 5.1 a program in Rust can refer to some thousand values at once, so there it
/// is kept by Lua.
pub(crate) enum Kept {
    Here(Thread),
    InLua(RegistryKey),
}

impl Kept {
    pub(crate) fn new(lua: &Lua, thread: Thread) -> mlua::Result<Self> {
        if FEW_REFERENCES { lua.create_registry_value(thread).map(Self::InLua) } else { Ok(Self::Here(thread)) }
    }

    fn take(self, lua: &Lua) -> mlua::Result<Thread> {
        match self {
            Self::Here(thread) => Ok(thread),
            Self::InLua(key) => {
                let thread = lua.registry_value(&key)?;
                lua.remove_registry_value(key)?;
                Ok(thread)
            }
        }
    }
}

const FEW_REFERENCES: bool = cfg!(any(feature = "lua51", feature = "luajit"));

/// Who has started a coroutine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Spawned,
    /// It was there before: until it runs, nobody else may resume it.
    Resumed,
    /// It is told of an error. One of its own it is not told of.
    OnError,
}

/// Runs a coroutine in the background. An error that it does not catch ends everything, or is told to who wants to know.
pub(crate) fn spawn(
    scheduler: &Rc<Scheduler>,
    lua: &Lua,
    thread: Thread,
    arguments: MultiValue,
    origin: Origin,
) -> mlua::Result<()> {
    let active = Active::new(scheduler);
    let kept = Kept::new(lua, thread)?;
    let (scheduler_of_task, lua) = (scheduler.clone(), lua.clone());
    scheduler.spawn(async move {
        let scheduler = scheduler_of_task;
        let _active = active;
        let ended = async {
            let mut kept = kept;
            if origin == Origin::Resumed {
                let thread = kept.take(&lua)?;
                scheduler.runs(&thread)?;
                kept = Kept::new(&lua, thread)?;
            }
            drive(&scheduler, &lua, kept, arguments).await
        };
        if let Err(error) = ended.await {
            failed(&scheduler, &lua, &error, origin);
        }
    });
    Ok(())
}

/// Collects garbage in a while, once, so that streams that nobody holds any more are closed also where little is done.
/// What runs may drop streams: this is called whenever a coroutine has run.
fn collect_later(scheduler: &Rc<Scheduler>, lua: &Lua) {
    if scheduler.open.get() == 0 || scheduler.collects.replace(true) {
        return;
    }
    let (shared, lua) = (scheduler.clone(), lua.clone());
    scheduler.spawn(async move {
        sleep(COLLECT_AFTER).await;
        let before = shared.open.get();
        // An error of a finalizer is that finalizer's.
        if lua.used_memory() < MAX_COLLECTED {
            shared.collects.set(false);
            let _ = lua.gc_collect();
        } else {
            // What was dropped while a cycle was under way is found by the next one.
            collect_by_steps(&lua).await;
            shared.collects.set(false);
            collect_by_steps(&lua).await;
        }
        if shared.open.get() < before {
            // What was freed may have held others.
            collect_later(&shared, &lua);
        }
    });
}

/// Ends the collector's cycle by steps of about a millisecond, for a twentieth of the time.
async fn collect_by_steps(lua: &Lua) {
    // A generational collector knows no end of a cycle.
    for _ in 0..lua.used_memory() / MIN_STEP {
        if !matches!(lua.gc_step(), Ok(false)) {
            return;
        }
        sleep(STEP_EVERY).await;
    }
}

/// How long a dropped stream stays open at most where little is done; and one collection in this time costs little.
const COLLECT_AFTER: Duration = Duration::from_secs(1);

/// A heap of this size is collected in about ten milliseconds; a larger one step by step.
const MAX_COLLECTED: usize = 32 << 20;

/// What a step looks at, at least.
const MIN_STEP: usize = 64 << 10;

/// How long a large heap is left alone between two steps.
const STEP_EVERY: Duration = Duration::from_millis(20);

/// Tells the script of an error, if it wants to know; else it is the end.
fn failed(scheduler: &Rc<Scheduler>, lua: &Lua, error: &mlua::Error, origin: Origin) {
    let error = Error::raised(error);
    let handler = scheduler.on_error.borrow().clone();
    let is_for_handler = origin != Origin::OnError && !scheduler.is_ending();
    let told = handler.filter(|_| is_for_handler).and_then(|handler| {
        let handling = lua.create_thread(handler).ok()?;
        let message = lua.create_string(error.to_string()).ok()?;
        let arguments = MultiValue::from_iter([Value::String(message)]);
        spawn(scheduler, lua, handling, arguments, Origin::OnError).ok()
    });
    if told.is_none() {
        scheduler.end(error);
    }
}

/// One value, or `nil` and a message.
fn trimmed((value, message): Pair) -> MultiValue {
    if message.is_nil() { MultiValue::from_iter([value]) } else { MultiValue::from_iter([Value::Nil, message]) }
}
