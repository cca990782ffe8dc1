//! The primitives that the modules in Lua are written on.

#![forbid(unsafe_code)]

mod context;
mod coroutine;
mod files;
mod folders;
#[cfg(unix)]
mod limit;
mod options;
mod process;
mod sendfile;
mod serving;
mod signals;
mod sockets;
mod streams;

use std::rc::Rc;

use mlua::{Lua, Table};

use crate::scheduler::Scheduler;

/// All of them, as one table.
pub(crate) fn host(lua: &Lua, scheduler: &Rc<Scheduler>) -> mlua::Result<Table> {
    let host = lua.create_table()?;
    host.set("PENDING", Scheduler::pending())?;
    coroutine::install(lua, scheduler, &host)?;
    streams::install(lua, scheduler, &host)?;
    sockets::install(lua, scheduler, &host)?;
    context::install(lua, scheduler, &host)?;
    files::install(lua, scheduler, &host)?;
    folders::install(lua, scheduler, &host)?;
    signals::install(lua, scheduler, &host)?;
    #[cfg(unix)]
    process::install(lua, scheduler, &host)?;
    Ok(host)
}
