//! Lua on the event machine: `require 'lem.ssl'`, and the command `lem`.
//!
//! One coroutine is one task of a [`lem_ssl_rs::Machine`]. A verb that must wait lets its coroutine wait, and no
//! other; the script's own coroutines, iterators, `pcall`s and metamethods may stand in between. The modules that
//! scripts see are described in the guide beside this crate; programs in Rust embed them by [`Lua`].
//!
//! Lua is C, built in by `mlua`. The machine, the streams and TLS are not.

mod ahead;
mod answer;
mod clock;
mod endings;
mod error;
mod host;
mod io;
mod lua;
mod modules;
mod park;
mod program;
mod scheduler;
mod slot;
mod state;
mod task;

/// The examples of the readme.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use error::Error;
pub use lua::Lua;
/// Lua's values in Rust.
pub use mlua;
pub use program::{Program, Source};

/// The versions of this crate and of the Lua in it.
pub fn version() -> String {
    let lua = if cfg!(feature = "luajit") {
        "LuaJIT 2.1"
    } else if cfg!(feature = "lua51") {
        "Lua 5.1"
    } else {
        "Lua 5.4"
    };
    format!("lem {} ({lua})\n", env!("CARGO_PKG_VERSION"))
}
