//! Other programs, and what their ends are.

#![forbid(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::rc::Rc;

use lem_ssl_rs::signal::{Signal, Signals};
use mlua::{Lua, Table, Value};

use super::files::{pipe_answer, words};
use crate::answer::Answer;
use crate::io::pipe::Pipe;
use crate::scheduler::Scheduler;

/// The programs that were started.
#[derive(Default)]
struct Children {
    /// Those that have not ended.
    running: RefCell<Vec<Child>>,
    /// A task hears of their ends.
    is_watched: Cell<bool>,
}

pub(super) fn install(lua: &Lua, scheduler: &Rc<Scheduler>, host: &Table) -> mlua::Result<()> {
    let children = Rc::new(Children::default());
    let (shared, started) = (scheduler.clone(), children.clone());
    let popen = move |lua: &Lua, (command, mode): (OsString, String)| {
        // Programs that end are heard of, so that none is left as a zombie.
        if let Err(error) = started.watch(&shared) {
            return Answer::Fail(error.to_string()).into_pair(lua);
        }
        match started.start(&command, &mode) {
            Ok((pipe, id)) => pipe_answer(&shared, pipe, id),
            Err(error) => Answer::Fail(error),
        }
        .into_pair(lua)
    };
    host.set("popen", lua.create_function(popen)?)?;
    // The programs that have ended since the last call.
    host.set(
        "reap",
        lua.create_function(move |lua, ()| {
            let ended: Vec<Table> = children
                .reap()
                .into_iter()
                .map(|(id, status)| status_table(lua, id, status))
                .collect::<Result<_, _>>()?;
            Ok(ended)
        })?,
    )
}

impl Children {
    fn start(&self, command: &OsStr, mode: &str) -> Result<(Pipe, u32), String> {
        let piped = |wanted: bool| if wanted { Stdio::piped() } else { Stdio::inherit() };
        let (reads, writes) = (mode.contains('r'), mode.contains('w'));
        let child = Command::new("/bin/sh").arg("-c").arg(command).stdout(piped(reads)).stdin(piped(writes)).spawn();
        let mut child = child.map_err(|error| words(&error))?;
        let reader = child.stdout.take().map(|pipe| File::from(OwnedFd::from(pipe)));
        let writer = child.stdin.take().map(|pipe| File::from(OwnedFd::from(pipe)));
        let id = child.id();
        self.running.borrow_mut().push(child);
        let pipe = Pipe::new(reader, writer).map_err(|error| error.to_string())?;
        Ok((pipe, id))
    }

    /// Reaps by itself where the script does not listen for the signal.
    fn watch(self: &Rc<Self>, scheduler: &Rc<Scheduler>) -> Result<(), lem_ssl_rs::Error> {
        if self.is_watched.get() || scheduler.hears_children.get() {
            return Ok(());
        }
        let signals = Signals::new([Signal::Child])?;
        let (children, shared) = (self.clone(), scheduler.clone());
        self.is_watched.set(true);
        scheduler.spawn(async move {
            while signals.next().await.is_ok() {
                if !shared.hears_children.get() {
                    children.reap();
                }
            }
            children.is_watched.set(false);
        });
        Ok(())
    }

    fn reap(&self) -> Vec<(u32, ExitStatus)> {
        let mut ended = Vec::new();
        self.running.borrow_mut().retain_mut(|child| match child.try_wait() {
            Ok(Some(status)) => {
                ended.push((child.id(), status));
                false
            }
            Ok(None) => true,
            Err(_) => false,
        });
        ended
    }
}

fn status_table(lua: &Lua, id: u32, status: ExitStatus) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    table.set("pid", id)?;
    table.set("rpid", id)?;
    if let Some(code) = status.code() {
        table.set("type", "exited")?;
        table.set("status", code)?;
    } else if let Some(signal) = status.signal() {
        table.set("type", "signaled")?;
        table.set("signal", signal)?;
        table.set("coredumped", status.core_dumped())?;
    } else {
        table.set("type", Value::Nil)?;
    }
    Ok(table)
}
