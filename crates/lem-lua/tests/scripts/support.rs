//! Running a script, and what scripts of tests have in common.

use std::time::Duration;

use lem_lua::{Error, Lua};
use lem_ssl_rs::{Machine, timeout};

/// What every script here starts with.
const PRELUDE: &str = include_str!("prelude.lua");

/// Runs a script until none of its coroutines can go on.
pub(crate) fn run(script: &str) -> Result<(), Error> {
    let machine = Machine::new().expect("a machine");
    let lua = Lua::new(&machine).expect("a state");
    run_in(&machine, &lua, script)
}

/// As [`run`], in a state that the test has prepared.
pub(crate) fn run_in(machine: &Machine, lua: &Lua<'_>, script: &str) -> Result<(), Error> {
    let prelude = lua.load(PRELUDE).set_name("=prelude").into_function().expect("a prelude");
    prelude.call::<()>(()).expect("it works");
    let main = lua.load(script).set_name("=script").into_function().expect("a script");
    let whole = async {
        lua.spawn(&main, ()).expect("a coroutine");
        timeout(Duration::from_secs(60), lua.finished()).await.expect("an end within a minute")
    };
    match machine.run(whole) {
        Ok(ended) => ended,
        Err(error) => panic!("the machine has stopped: {error}"),
    }
}

/// Runs a script that checks itself. It ends with `done()`, so that one that just stops is no success.
#[track_caller]
pub(crate) fn passes(script: &str) {
    let machine = Machine::new().expect("a machine");
    let lua = Lua::new(&machine).expect("a state");
    match run_in(&machine, &lua, script) {
        Ok(()) | Err(Error::Exit(0)) => {}
        Err(error) => panic!("{error}"),
    }
    let finished: bool = lua.globals().get("finished").expect("a global");
    assert!(finished, "the script has stopped before its end");
}

/// Whether yielding out of `pcall`, iterators and metamethods is Lua's own.
pub(crate) const YIELDS_EVERYWHERE: bool = !cfg!(feature = "lua51");
