//! Spawning, yielding, waiting for each other, time.

#![forbid(unsafe_code)]

use std::io::Write;
use std::rc::Rc;

use mlua::thread::ThreadStatus;
use mlua::{Function, Lua, LuaString, MultiValue, Table, Thread, UserDataRef};

use crate::answer::Answer;
use crate::error::Error;
use crate::park::{Park, ParkHandle, duration};
use crate::scheduler::{Scheduler, Token};
use crate::task::{Origin, spawn};

pub(super) fn install(lua: &Lua, scheduler: &Rc<Scheduler>, host: &Table) -> mlua::Result<()> {
    let shared = scheduler.clone();
    host.set(
        "spawn",
        lua.create_function(move |lua, (function, arguments): (Function, MultiValue)| {
            let thread = lua.create_thread(function)?;
            spawn(&shared, lua, thread, arguments, Origin::Spawned)
        })?,
    )?;
    let shared = scheduler.clone();
    host.set(
        "resume",
        lua.create_function(move |lua, (thread, arguments): (Thread, MultiValue)| {
            if thread.status() != ThreadStatus::Resumable {
                return Ok(Some("it cannot be resumed: it runs, or is dead"));
            }
            spawn(&shared, lua, thread, arguments, Origin::Resumed)?;
            Ok(None)
        })?,
    )?;
    let shared = scheduler.clone();
    let keep_waiting = move |_: &Lua, waiting: Table| {
        shared.waiting_in_lua.replace(Some(waiting));
        Ok(())
    };
    host.set("keep_waiting", lua.create_function(keep_waiting)?)?;
    let shared = scheduler.clone();
    let cancel = move |_: &Lua, thread: Thread| {
        shared.cancel(thread.to_pointer());
        Ok(())
    };
    host.set("cancel", lua.create_function(cancel)?)?;
    let shared = scheduler.clone();
    let pass = async || {
        Park::pass().await;
        Answer::Nil
    };
    host.set("yield", lua.create_function(move |lua, ()| shared.start(lua, pass()))?)?;
    let shared = scheduler.clone();
    host.set("newpark", lua.create_function(move |_, ()| Ok(ParkHandle(Rc::new(Park::new(&shared)))))?)?;
    let shared = scheduler.clone();
    host.set(
        "park",
        lua.create_function(move |lua, (park, seconds): (UserDataRef<ParkHandle>, Option<f64>)| {
            let (park, limit) = (park.0.clone(), seconds.map(duration));
            shared.start(lua, async move { if park.wait(limit).await { Answer::True } else { Answer::Nil } })
        })?,
    )?;
    // A wait that could not be where it was begun is none.
    let shared = scheduler.clone();
    let unpark = move |_: &Lua, (park, is_early): (UserDataRef<ParkHandle>, Option<bool>)| {
        shared.abandon_refused();
        Ok(park.0.wake(is_early.unwrap_or(false)))
    };
    host.set("unpark", lua.create_function(unpark)?)?;
    let shared = scheduler.clone();
    let parked = move |_: &Lua, park: UserDataRef<ParkHandle>| {
        shared.abandon_refused();
        Ok(park.0.is_waiting())
    };
    host.set("parked", lua.create_function(parked)?)?;
    let shared = scheduler.clone();
    let abandon = move |_: &Lua, token: Option<Token>| {
        if let Some(token) = token {
            shared.abandon(token);
        }
        shared.check_task()
    };
    host.set("abandon", lua.create_function(abandon)?)?;
    let shared = scheduler.clone();
    host.set(
        "exit",
        lua.create_function(move |lua, status: i32| {
            shared.end(Error::Exit(status));
            shared.start(lua, std::future::pending())
        })?,
    )?;
    let shared = scheduler.clone();
    host.set("ending", lua.create_function(move |_, ()| Ok(shared.is_ending()))?)?;
    let shared = scheduler.clone();
    let on_error = move |_: &Lua, handler: Option<Function>| {
        drop(shared.on_error.replace(handler));
        Ok(())
    };
    host.set("onerror", lua.create_function(on_error)?)?;
    // An error that ends nothing is told all the same.
    let report = |_: &Lua, message: LuaString| {
        let line = [b"lem: ", &*message.as_bytes(), b"\n"].concat();
        let _ = std::io::stderr().write_all(&line);
        Ok(())
    };
    host.set("report", lua.create_function(report)?)?;
    let shared = scheduler.clone();
    host.set("now", lua.create_function(move |_, ()| Ok(shared.seconds_since_1970()))?)
}
