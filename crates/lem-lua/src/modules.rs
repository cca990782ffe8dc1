//! The modules that scripts require, written in Lua on the host's primitives.

#![forbid(unsafe_code)]

use std::rc::Rc;

use mlua::{Function, Lua, Table, Value};

use crate::host::host;
use crate::scheduler::Scheduler;

/// What the modules share; each part gets the table of those before it, and becomes a field of it.
const PARTS: &[(&str, &str)] =
    &[("stream", include_str!("lua/stream.lua")), ("server", include_str!("lua/server.lua"))];

/// What can be required, by name.
const MODULES: &[(&str, &str)] = &[
    ("lem.ssl", include_str!("lua/ssl.lua")),
    ("lem.utils", include_str!("lua/utils.lua")),
    ("lem.queue", include_str!("lua/queue.lua")),
    ("lem.io", include_str!("lua/io.lua")),
    ("lem.io.queue", include_str!("lua/io_queue.lua")),
    ("lem.signal", include_str!("lua/signal.lua")),
    ("lem.lfs", include_str!("lua/lfs.lua")),
    ("lem.http", include_str!("lua/http/http.lua")),
    ("lem.http.client", include_str!("lua/http/client.lua")),
    ("lem.http.response", include_str!("lua/http/response.lua")),
    ("lem.http.server", include_str!("lua/http/server.lua")),
    ("lem.hathaway", include_str!("lua/http/hathaway.lua")),
];

/// Makes the modules known to `require`, whatever a script does to its paths. Returns what they share.
pub(crate) fn install(lua: &Lua, scheduler: &Rc<Scheduler>) -> mlua::Result<Table> {
    let core: Table = load(lua, "lem", include_str!("lua/core.lua"))?.call(host(lua, scheduler)?)?;
    core.set("modes", lua.create_table()?)?;
    for (name, source) in PARTS {
        let part: Value = load(lua, &format!("lem.{name}"), source)?.call(&core)?;
        core.set(*name, part)?;
    }
    let preload: Table = lua.globals().get::<Table>("package")?.get("preload")?;
    for (name, source) in MODULES {
        let shared = core.clone();
        let loader = lua.create_function(move |lua, _name: Value| -> mlua::Result<Value> {
            load(lua, name, source)?.call(&shared)
        })?;
        preload.set(*name, loader)?;
    }
    Ok(core)
}

fn load(lua: &Lua, name: &str, source: &str) -> mlua::Result<Function> {
    lua.load(source).set_name(format!("={name}")).into_function()
}
