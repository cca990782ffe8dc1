//! Signals, as calls of a function.

#![forbid(unsafe_code)]

use std::rc::Rc;

use lem_ssl_rs::signal::{Signal, Signals};
use mlua::{Function, IntoLuaMulti, Lua, Table};

use crate::answer::Answer;
use crate::scheduler::Scheduler;
use crate::task::{Origin, spawn};

/// Those that the machine can receive.
const RECEIVED: &[(&str, Signal)] = &[
    ("HUP", Signal::Hangup),
    ("INT", Signal::Interrupt),
    ("QUIT", Signal::Quit),
    ("USR1", Signal::User1),
    ("USR2", Signal::User2),
    ("ALRM", Signal::Alarm),
    ("TERM", Signal::Terminate),
    ("CHLD", Signal::Child),
    ("CONT", Signal::Continue),
    ("WINCH", Signal::WindowChange),
];

pub(super) fn install(lua: &Lua, scheduler: &Rc<Scheduler>, host: &Table) -> mlua::Result<()> {
    let shared = scheduler.clone();
    host.set(
        "signal",
        lua.create_function(move |lua, (name, dispatch): (String, Function)| {
            let Some((_, signal)) = RECEIVED.iter().find(|(known, _)| *known == name) else {
                return Answer::Fail("unknown signal".into()).into_pair(lua);
            };
            let signals = match Signals::new([*signal]) {
                Ok(signals) => signals,
                Err(error) => return Answer::Fail(error.to_string()).into_pair(lua),
            };
            if *signal == Signal::Child {
                shared.hears_children.set(true);
            }
            receive(lua, &shared, signals, dispatch);
            Answer::True.into_pair(lua)
        })?,
    )
}

/// Calls `dispatch` in a coroutine for each signal. Waiting for one keeps no program alive.
fn receive(lua: &Lua, scheduler: &Rc<Scheduler>, signals: Signals, dispatch: Function) {
    let (lua, shared) = (lua.clone(), scheduler.clone());
    scheduler.spawn(async move {
        while signals.next().await.is_ok() {
            let (Ok(thread), Ok(nothing)) = (lua.create_thread(dispatch.clone()), ().into_lua_multi(&lua)) else {
                return;
            };
            if spawn(&shared, &lua, thread, nothing, Origin::Spawned).is_err() {
                return;
            }
        }
    });
}
