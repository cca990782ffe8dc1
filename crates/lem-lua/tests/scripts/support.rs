//! Running a script, and what scripts of tests have in common.

use std::time::Duration;

use lem_lua::{Error, Lua};
use lem_ssl_rs::{Machine, timeout};

/// What every script here starts with.
const PRELUDE: &str = include_str!("prelude.lua");

/// Runs a script until none of its coroutines can go on.
pub(crate) fn run(script: &str) -> Result<(), Error> {
    ended(script).map(|_finished| ())
}

/// Runs a script that checks itself. It ends with `done()`, so that one that just stops is no success.
#[track_caller]
pub(crate) fn passes(script: &str) {
    match ended(script) {
        Ok(true) => {}
        Ok(false) => panic!("the script has stopped before its end"),
        Err(error) => panic!("{error}"),
    }
}

/// Whether it came to its end.
fn ended(script: &str) -> Result<bool, Error> {
    let machine = Machine::new().expect("a machine");
    let lua = Lua::new(&machine).expect("a state");
    let prelude = lua.load(PRELUDE).set_name("=prelude").into_function().expect("a prelude");
    prelude.call::<()>(()).expect("it works");
    let main = lua.load(script).set_name("=script").into_function().expect("a script");
    let whole = async {
        lua.spawn(&main, ()).expect("a coroutine");
        let ended = timeout(Duration::from_secs(60), lua.finished()).await.expect("an end within a minute");
        let finished = lua.globals().get("finished").expect("a global");
        lua.close().await;
        match ended {
            Err(Error::Exit(0)) if finished => Ok(finished),
            other => other.map(|()| finished),
        }
    };
    machine.run(whole).expect("no stall")
}

/// Whether yielding out of `pcall`, iterators and metamethods is Lua's own.
pub(crate) const YIELDS_EVERYWHERE: bool = !cfg!(feature = "lua51");
