//! Lua on a machine, for programs in Rust.

#![forbid(unsafe_code)]

use std::fmt;
use std::future::Future;
use std::io::Write;
use std::marker::PhantomData;
use std::ops::Deref;
use std::rc::Rc;

use lem_ssl_rs::Machine;
use lem_ssl_rs::sim::Sim;
use mlua::chunk::AsChunk;
use mlua::{FromLuaMulti, Function, IntoLuaMulti, Table};

use crate::answer::Answer;
use crate::error::Error;
use crate::modules;
use crate::scheduler::{Active, Scheduler};
use crate::state::new_state;
use crate::task::{Kept, Origin, drive, spawn};

/// A Lua state whose coroutines run on a machine.
///
/// It is a [`mlua::Lua`] behind a reference: globals, functions and values go both ways as there. What is added are the
/// modules that scripts require (`lem.ssl`, `lem.io`, ...), and calls that may wait.
///
/// ```
/// use lem_lua::Lua;
/// use lem_ssl_rs::Machine;
///
/// let machine = Machine::new()?;
/// let lua = Lua::new(&machine)?;
/// lua.globals().set("limit", 3)?;
/// let sum: i64 = machine.run(async {
///     let script = "local utils = require 'lem.utils'; utils.newsleeper():sleep(0.01); return limit + ...";
///     let sum = lua.eval(script, 4).await?;
///     // Coroutines that the script has started may still run, and fail.
///     lua.finished().await?;
///     Ok::<_, lem_lua::Error>(sum)
/// })??;
/// assert_eq!(sum, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Dropped with an error of a coroutine that no call has returned, it writes that to standard error.
pub struct Lua<'m> {
    lua: mlua::Lua,
    scheduler: Rc<Scheduler>,
    core: Table,
    /// Its streams are the machine's: it does not outlive it.
    machine: PhantomData<&'m Machine>,
}

impl<'m> Lua<'m> {
    /// A state with Lua's own library and the modules of this crate. Its coroutines run while `machine` does.
    ///
    /// # Errors
    /// If memory is short.
    pub fn new(_machine: &'m Machine) -> Result<Self, Error> {
        let lua = new_state();
        let scheduler = Rc::new(Scheduler::default());
        let core = modules::install(&lua, &scheduler)?;
        Ok(Self { lua, scheduler, core, machine: PhantomData })
    }

    /// As [`new`](Self::new), in a simulated world: the time of day begins at one and the same, so that a seed's run is
    /// the same on every day.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn in_simulation(sim: &'m Sim) -> Result<Self, Error> {
        let lua = Self::new(sim.machine())?;
        lua.scheduler.is_simulated.set(true);
        Ok(lua)
    }

    /// Runs a script as a coroutine, and returns what it returns. Inside of [`Machine::run`].
    ///
    /// # Errors
    /// [`Error::Raised`] with the message and a traceback; [`Error::Exit`] if a script ends the program;
    /// [`Error::Internal`] if a function in Rust has panicked, in whichever coroutine. An error that another coroutine
    /// has raised, also one that this script has started, is [`finished`](Self::finished)'s. Only when no coroutine can
    /// go on, all calls that still wait return it, too: what they wait for was perhaps its to give. As long as one can, a
    /// server that accepts or a coroutine that sleeps, a call goes on waiting, also for one that has died: put a
    /// [`timeout`](lem_ssl_rs::timeout) around it.
    ///
    /// **Cancel safety:** dropped, the script is left where it waits, and goes no further.
    pub async fn eval<R: FromLuaMulti>(&self, chunk: impl AsChunk, arguments: impl IntoLuaMulti) -> Result<R, Error> {
        let main = self.lua.load(chunk).into_function()?;
        self.call(&main, arguments).await
    }

    /// Calls a function as a coroutine, and returns what it returns. Inside of [`Machine::run`].
    ///
    /// # Errors
    /// As [`eval`](Self::eval).
    ///
    /// **Cancel safety:** as [`eval`](Self::eval).
    pub async fn call<R: FromLuaMulti>(&self, function: &Function, arguments: impl IntoLuaMulti) -> Result<R, Error> {
        let _active = Active::new(&self.scheduler);
        let thread = self.lua.create_thread(function.clone())?;
        let arguments = arguments.into_lua_multi(&self.lua)?;
        let ended = drive(&self.scheduler, &self.lua, Kept::new(&self.lua, thread)?, arguments);
        let values = self.scheduler.or_ending(ended).await?.unwrap_or_default();
        Ok(R::from_lua_multi(values, &self.lua)?)
    }

    /// Starts a function as a coroutine of its own. An error in it is [`finished`](Self::finished)'s, or that of calls
    /// that wait when no coroutine can go on.
    ///
    /// # Errors
    /// If memory is short, or an argument cannot be made a value of Lua.
    ///
    /// # Panics
    /// Outside of [`Machine::run`].
    pub fn spawn(&self, function: &Function, arguments: impl IntoLuaMulti) -> Result<(), Error> {
        let thread = self.lua.create_thread(function.clone())?;
        let arguments = arguments.into_lua_multi(&self.lua)?;
        Ok(spawn(&self.scheduler, &self.lua, thread, arguments, Origin::Spawned)?)
    }

    /// Waits until no coroutine can go on: all are done, or wait for each other. Inside of [`Machine::run`].
    ///
    /// # Errors
    /// The first error that a started coroutine did not catch, or [`Error::Exit`], each told once to all who wait for
    /// it; coroutines that are left do not go on.
    ///
    /// **Cancel safety:** dropping it loses nothing.
    pub async fn finished(&self) -> Result<(), Error> {
        let ended = self.scheduler.finished().await;
        if ended.is_err() {
            self.scheduler.tasks.shutdown().await;
        }
        ended
    }

    /// A function for scripts that may wait: the coroutine that calls it waits for what `function` returns, and nobody
    /// else does. It gives one value, or `nil` and the error's text.
    ///
    /// # Errors
    /// If memory is short.
    pub fn waiting_function<A, F, R, E>(&self, function: impl Fn(A) -> F + 'static) -> Result<Function, Error>
    where
        A: FromLuaMulti + 'static,
        F: Future<Output = Result<R, E>> + 'static,
        R: mlua::IntoLua + 'static,
        E: fmt::Display,
    {
        let shared = self.scheduler.clone();
        let begin = self.lua.create_function(move |lua, arguments: A| {
            let waiting = function(arguments);
            shared.start(lua, async move {
                match waiting.await {
                    Ok(value) => Answer::made(move |lua| value.into_lua(lua)),
                    Err(error) => Answer::Fail(error.to_string()),
                }
            })
        })?;
        let finish: Function = self.core.get("finish")?;
        let whole = "local begin, finish = ... return function(...) return finish(begin(...)) end";
        Ok(self.lua.load(whole).set_name("=waiting_function").call((begin, finish))?)
    }

    /// Cancels what still runs and frees everything, so that open streams say goodbye while the machine runs.
    ///
    /// **Cancel safety:** dropped, the state is freed all the same.
    pub async fn close(self) {
        self.scheduler.tasks.shutdown().await;
    }

    pub(crate) fn scheduler(&self) -> &Scheduler {
        &self.scheduler
    }

    pub(crate) fn core(&self) -> &Table {
        &self.core
    }
}

impl Deref for Lua<'_> {
    type Target = mlua::Lua;

    fn deref(&self) -> &mlua::Lua {
        &self.lua
    }
}

/// What nobody was told of is told at the end.
impl Drop for Lua<'_> {
    fn drop(&mut self) {
        if let Some(error) = self.scheduler.take_untold() {
            let _ = writeln!(std::io::stderr(), "lem: {error}");
        }
    }
}

impl fmt::Debug for Lua<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lua").field("tasks", &self.scheduler.tasks.len()).finish_non_exhaustive()
    }
}
