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
use crate::scheduler::{Active, Scheduler};

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
    loop {
        let thread = kept.take(lua)?;
        // A script that has closed it meanwhile wants no more of it.
        if thread.status() != ThreadStatus::Resumable {
            return Ok(None);
        }
        let (result, waiting) = poll_fn(|cx| {
            let given = next.take().unwrap_or_default();
            Poll::Ready(scheduler.enter(cx.waker(), || thread.resume::<MultiValue>(given)))
        })
        .await;
        let result = result?;
        if thread.status() != ThreadStatus::Resumable {
            return Ok(Some(result));
        }
        let mut waiting = match waiting {
            Some(waiting) if result.front() == Some(&Scheduler::pending()) => waiting,
            _ => return Ok(None),
        };
        drop(result);
        kept = Kept::new(lua, thread)?;
        // It was polled in this very poll of the task, and has left the task's waker where it waits.
        let mut polled = true;
        let answer =
            poll_fn(|cx| if std::mem::take(&mut polled) { Poll::Pending } else { waiting.as_mut().poll(cx) }).await;
        drop(waiting);
        next = Some(trimmed(answer.into_pair(lua)?));
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

/// Runs a coroutine in the background. An error that it does not catch ends everything.
pub(crate) fn spawn(scheduler: &Rc<Scheduler>, lua: &Lua, thread: Thread, arguments: MultiValue) -> mlua::Result<()> {
    // The set keeps those that are done until somebody asks.
    while scheduler.tasks.try_join_next().is_some() {}
    let active = Active::new(scheduler);
    let address = thread.to_pointer();
    let kept = Kept::new(lua, thread)?;
    let (scheduler_of_task, lua) = (scheduler.clone(), lua.clone());
    scheduler.tasks.spawn(async move {
        let scheduler = scheduler_of_task;
        let _active = active;
        scheduler.resumed.borrow_mut().remove(&address);
        if let Err(error) = drive(&scheduler, &lua, kept, arguments).await {
            failed(&scheduler, &lua, &error);
        }
    });
    Ok(())
}

/// Collects garbage in a while, once, so that streams that nobody holds any more are closed also where little is done.
pub(crate) fn collect_later(scheduler: &Rc<Scheduler>, lua: &Lua) {
    if scheduler.collects.replace(true) {
        return;
    }
    let (shared, lua) = (scheduler.clone(), lua.clone());
    scheduler.tasks.spawn(async move {
        sleep(COLLECT_AFTER).await;
        shared.collects.set(false);
        if lua.used_memory() < MAX_COLLECTED {
            // An error of a finalizer is that finalizer's.
            let _ = lua.gc_collect();
        }
    });
}

/// How long a dropped stream stays open at most where little is done; and one collection in this time costs little.
const COLLECT_AFTER: Duration = Duration::from_secs(1);

/// A heap of this size is collected in about ten milliseconds; a larger one only by Lua itself, step by step.
const MAX_COLLECTED: usize = 32 << 20;

/// Tells the script of an error, if it wants to know; else it is the end.
fn failed(scheduler: &Rc<Scheduler>, lua: &Lua, error: &mlua::Error) {
    let error = Error::raised(error);
    let handler = scheduler.on_error.borrow().clone();
    let told = handler.and_then(|handler| {
        let handling = lua.create_thread(handler).ok()?;
        let message = lua.create_string(error.to_string()).ok()?;
        spawn(scheduler, lua, handling, MultiValue::from_iter([Value::String(message)])).ok()
    });
    if told.is_none() {
        scheduler.end(error);
    }
}

/// One value, or `nil` and a message.
fn trimmed((value, message): Pair) -> MultiValue {
    if message.is_nil() { MultiValue::from_iter([value]) } else { MultiValue::from_iter([Value::Nil, message]) }
}
