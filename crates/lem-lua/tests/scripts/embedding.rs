//! Lua in a program in Rust.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use lem_lua::{Error, Lua, mlua};
use lem_ssl_rs::sim::Sim;
use lem_ssl_rs::{Machine, sleep, spawn, timeout, yield_now};

#[test]
fn values_go_both_ways() {
    let machine = Machine::new().expect("a machine");
    let lua = Lua::new(&machine).expect("a state");
    lua.globals().set("factor", 6).expect("a global");
    let total = Rc::new(Cell::new(0));
    let seen = total.clone();
    let add = lua.create_function(move |_, number: i64| {
        seen.set(seen.get() + number);
        Ok(seen.get())
    });
    lua.globals().set("add", add.expect("a function")).expect("a global");
    let result: (i64, String) = machine
        .run(async { lua.eval("local n = ... return add(n * factor), _VERSION", 7).await })
        .expect("it ends")
        .expect("it works");
    assert_eq!((result.0, total.get()), (42, 42));
    assert!(result.1.starts_with("Lua 5."));
}

#[test]
fn a_function_of_rust_may_wait_and_others_run() {
    let machine = Machine::new().expect("a machine");
    let lua = Lua::new(&machine).expect("a state");
    let slow = lua.waiting_function(async |number: i64| {
        sleep(Duration::from_millis(10)).await;
        if number < 0 { Err("a negative number") } else { Ok(number * 2) }
    });
    lua.globals().set("slow", slow.expect("a function")).expect("a global");
    let ticks = Rc::new(Cell::new(0));
    let counted = ticks.clone();
    let script = "
        local sum = 0
        local next_one = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(slow(i)) end end)
        for i = 1, 3 do sum = sum + next_one() end
        local nothing, message = slow(-1)
        return sum, nothing == nil and message";
    let result: (i64, String) = machine
        .run(async {
            spawn(async move {
                loop {
                    sleep(Duration::from_millis(1)).await;
                    counted.set(counted.get() + 1);
                }
            })
            .detach();
            lua.eval(script, ()).await
        })
        .expect("it ends")
        .expect("it works");
    assert_eq!(result, (12, "a negative number".into()));
    assert!(ticks.get() > 0);
}

#[test]
fn errors_come_back_and_the_state_goes_on() {
    let machine = Machine::new().expect("a machine");
    let lua = Lua::new(&machine).expect("a state");
    let results = machine.run(async {
        let raised: Result<(), Error> =
            lua.eval("require 'lem.utils'.newsleeper():sleep(0.001) error 'late'", ()).await;
        let syntax: Result<(), Error> = lua.eval("syntax error", ()).await;
        let exit: Result<(), Error> = lua.eval("require 'lem.utils'.exit(3)", ()).await;
        let fine: Result<i64, Error> = lua.eval("return 1", ()).await;
        (raised, syntax, exit, fine)
    });
    let (raised, syntax, exit, fine) = results.expect("it ends");
    assert!(matches!(raised, Err(Error::Raised(text)) if text.contains("late\nstack traceback:")));
    assert!(matches!(syntax, Err(Error::Raised(text)) if text.contains(":1: ")));
    assert!(matches!(exit, Err(Error::Exit(3))));
    assert!(matches!(fine, Ok(1)));
}

#[test]
fn an_error_of_a_started_coroutine_ends_no_call_and_is_told_once() {
    let machine = Machine::new().expect("a machine");
    let lua = Lua::new(&machine).expect("a state");
    let script = "
        local utils = require 'lem.utils'
        utils.spawn(function() error 'of a started one' end)
        utils.newsleeper():sleep(0.01)
        return 1";
    let results = machine.run(async {
        let first: Result<i64, Error> = lua.eval(script, ()).await;
        let second: Result<i64, Error> = lua.eval(script, ()).await;
        (first, second, lua.finished().await, lua.finished().await, lua.eval::<i64>("return 2", ()).await)
    });
    let (first, second, finished, again, fine) = results.expect("it ends");
    assert!(matches!((&first, &second), (Ok(1), Ok(1))), "{first:?}, {second:?}");
    assert!(matches!(&finished, Err(Error::Raised(text)) if text.contains("of a started one")), "{finished:?}");
    assert!(matches!((again, fine), (Ok(()), Ok(2))));
}

#[test]
fn an_exit_ends_all_calls_under_way_and_none_that_comes_later() {
    let machine = Machine::new().expect("a machine");
    let lua = Lua::new(&machine).expect("a state");
    let started = "require 'lem.utils'.spawn(function() error 'before' end)";
    let sleeps = "require 'lem.utils'.newsleeper():sleep(60)";
    let exits = "require 'lem.utils'.newsleeper():sleep(0.01) require 'lem.utils'.exit(3)";
    machine
        .run(async {
            lua.eval::<()>(started, ()).await.expect("it works");
            let (mut one, mut other) = (pin!(lua.eval::<()>(sleeps, ())), pin!(lua.eval::<()>(exits, ())));
            let (mut ends, mut open) = (Vec::new(), (true, true));
            poll_fn(|cx| {
                for (call, is_open) in [(one.as_mut(), &mut open.0), (other.as_mut(), &mut open.1)] {
                    if *is_open && let Poll::Ready(end) = call.poll(cx) {
                        ends.push(end);
                        *is_open = false;
                    }
                }
                if ends.len() == 2 { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            assert!(ends.iter().all(|end| matches!(end, Err(Error::Exit(3)))), "{ends:?}");
            assert_eq!(lua.eval::<i64>("return 1", ()).await.expect("it works"), 1);
            let finished = lua.finished().await;
            assert!(matches!(&finished, Err(Error::Raised(text)) if text.contains("before")), "{finished:?}");
            lua.finished().await.expect("the exit was told");
        })
        .expect("it ends");
}

#[test]
fn a_dropped_call_goes_no_further() {
    // On a clock that no load of the computer moves.
    let sim = Sim::new(1);
    let lua = Lua::in_simulation(&sim).expect("a state");
    let script = "require 'lem.utils'.newsleeper():sleep(2) reached = true";
    sim.run(async {
        let call = lua.eval::<()>(script, ());
        timeout(Duration::from_secs(1), call).await.expect_err("it was still asleep");
        sleep(Duration::from_secs(5)).await;
    })
    .expect("it ends");
    assert!(lua.globals().get::<mlua::Value>("reached").expect("a value").is_nil());
}

#[test]
fn a_panic_in_a_function_of_rust_is_no_success() {
    let machine = Machine::new().expect("a machine");
    let lua = Lua::new(&machine).expect("a state");
    let broken = lua.create_function(|_, ()| -> mlua::Result<()> { panic!("expected by a test") });
    lua.globals().set("broken", broken.expect("a function")).expect("a global");
    let main = lua.load("require 'lem.utils'.newsleeper():sleep(0.001) broken()").into_function().expect("a function");
    let ended = machine.run(async {
        lua.spawn(&main, ()).expect("a coroutine");
        lua.finished().await
    });
    assert!(matches!(ended.expect("it ends"), Err(Error::Internal(text)) if text.contains("panicked")));
}

#[test]
fn a_panic_in_a_started_coroutine_ends_the_calls_under_way() {
    let machine = Machine::new().expect("a machine");
    let lua = Lua::new(&machine).expect("a state");
    let broken = lua.create_function(|_, ()| -> mlua::Result<()> { panic!("expected by a test") });
    lua.globals().set("broken", broken.expect("a function")).expect("a global");
    let script = "
        local utils = require 'lem.utils'
        utils.spawn(function() utils.newsleeper():sleep(0.001) broken() end)
        utils.newsleeper():sleep(60)";
    let (call, finished) =
        machine.run(async { (lua.eval::<()>(script, ()).await, lua.finished().await) }).expect("it ends");
    assert!(matches!(&call, Err(Error::Internal(text)) if text.contains("panicked")), "{call:?}");
    assert!(matches!(finished, Ok(())), "it was told: {finished:?}");
}

#[test]
fn calls_that_wait_for_a_coroutine_that_has_died_return_its_error() {
    let machine = Machine::new().expect("a machine");
    let lua = Lua::new(&machine).expect("a state");
    let waits = "require 'lem.queue'.new():get()";
    let script = "
        local utils, results = require 'lem.utils', require 'lem.queue'.new()
        utils.spawn(function()
            utils.newsleeper():sleep(0.01)
            results:put(nil + 1)
        end)
        return results:get()";
    machine
        .run(async {
            let (mut one, mut other) = (pin!(lua.eval::<()>(waits, ())), pin!(lua.eval::<()>(script, ())));
            let (mut first, mut second) = (None, None);
            poll_fn(|cx| {
                for (call, end) in [(one.as_mut(), &mut first), (other.as_mut(), &mut second)] {
                    if end.is_none()
                        && let Poll::Ready(result) = call.poll(cx)
                    {
                        *end = Some(result);
                    }
                }
                if first.is_some() && second.is_some() { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            for end in [first, second] {
                assert!(matches!(&end, Some(Err(Error::Raised(text))) if text.contains("arithmetic")), "{end:?}");
            }
            lua.finished().await.expect("it was told");
            assert_eq!(lua.eval::<i64>("return 1", ()).await.expect("it works"), 1);
        })
        .expect("no stall");
}

/// Polls these until each has ended.
async fn both<A, B>(one: impl Future<Output = A>, other: impl Future<Output = B>) -> (A, B) {
    let (mut one, mut other, mut first, mut second) = (pin!(one), pin!(other), None, None);
    poll_fn(|cx| {
        if first.is_none()
            && let Poll::Ready(end) = one.as_mut().poll(cx)
        {
            first = Some(end);
        }
        if second.is_none()
            && let Poll::Ready(end) = other.as_mut().poll(cx)
        {
            second = Some(end);
        }
        match (first.take(), second.take()) {
            (Some(first), Some(second)) => Poll::Ready((first, second)),
            ends => {
                (first, second) = ends;
                Poll::Pending
            }
        }
    })
    .await
}

#[test]
fn a_call_that_waits_for_a_coroutine_that_has_died_returns_its_error_also_beside_finished() {
    let waits = "
        local utils, results = require 'lem.utils', require 'lem.queue'.new()
        utils.spawn(function()
            utils.newsleeper():sleep(0.01)
            results:put(nil + 1)
        end)
        return results:get()";
    let goes_on = "
        require 'lem.utils'.newsleeper():sleep(0.1)
        return 'done'";
    let is_told = |end: &Error| matches!(end, Error::Raised(text) if text.contains("arithmetic"));
    // Whichever of them hears of it first.
    for is_finished_first in [true, false] {
        let machine = Machine::new().expect("a machine");
        let lua = Lua::new(&machine).expect("a state");
        let whole = async {
            let call = lua.eval::<()>(waits, ());
            let (finished, call) = if is_finished_first {
                // It begins to wait when the coroutine runs.
                let finished = async {
                    yield_now().await;
                    lua.finished().await
                };
                both(finished, call).await
            } else {
                let (call, finished) = both(call, lua.finished()).await;
                (finished, call)
            };
            assert!(is_told(&finished.expect_err("it has died")) && is_told(&call.expect_err("it was not put")));
            lua.finished().await.expect("it was told");

            let (finished, (call, other)) = both(
                async {
                    sleep(Duration::from_millis(1)).await;
                    lua.finished().await
                },
                both(lua.eval::<()>(waits, ()), lua.eval::<String>(goes_on, ())),
            )
            .await;
            assert!(is_told(&finished.expect_err("it has died")) && is_told(&call.expect_err("it was not put")));
            assert_eq!(other.expect("it can go on"), "done");
            // A call that begins later hears of it no more.
            let fine = lua.eval::<i64>("return 1", ());
            assert_eq!(fine.await.expect("it works"), 1);
            let stuck = lua.eval::<()>("require 'lem.queue'.new():get()", ());
            timeout(Duration::from_millis(10), stuck).await.expect_err("nobody puts anything");
        };
        machine.run(timeout(Duration::from_secs(20), whole)).expect("no stall").expect("all have ended");
    }
}

#[test]
fn an_exit_beside_an_error_is_told_after_it() {
    let machine = Machine::new().expect("a machine");
    let lua = Lua::new(&machine).expect("a state");
    let script = "
        local utils = require 'lem.utils'
        utils.spawn(function() error 'before' end)
        utils.spawn(function() utils.exit(3) end)";
    let main = lua.load(script).into_function().expect("a script");
    machine
        .run(async {
            lua.spawn(&main, ()).expect("a coroutine");
            let finished = lua.finished().await;
            assert!(matches!(&finished, Err(Error::Raised(text)) if text.contains("before")), "{finished:?}");
            let finished = lua.finished().await;
            assert!(matches!(finished, Err(Error::Exit(3))), "{finished:?}");
            lua.finished().await.expect("both were told");
        })
        .expect("it ends");
}

#[test]
fn an_error_that_no_call_has_returned_is_written_at_the_end() {
    const MARK: &str = "LEM_LUA_TEST_DROPS_A_STATE";
    if std::env::var_os(MARK).is_some() {
        let machine = Machine::new().expect("a machine");
        let lua = Lua::new(&machine).expect("a state");
        let script = "
            local utils = require 'lem.utils'
            utils.spawn(function() error 'untold' end)
            utils.newsleeper():sleep(0.01)";
        machine.run(async { lua.eval::<()>(script, ()).await }).expect("it ends").expect("it works");
        return;
    }
    let child = std::process::Command::new(std::env::current_exe().expect("a path"))
        .args(["--exact", "embedding::an_error_that_no_call_has_returned_is_written_at_the_end", "--nocapture"])
        .env(MARK, "1")
        .output()
        .expect("it runs");
    let told = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{told}");
    assert!(told.contains("lem: ") && told.contains("untold\nstack traceback:"), "{told}");
}

#[test]
fn a_verb_outside_of_a_coroutine_of_the_machine_says_so() {
    let machine = Machine::new().expect("a machine");
    let lua = Lua::new(&machine).expect("a state");
    let direct = lua.load("require 'lem.utils'.newsleeper():sleep(1)").exec().expect_err("nobody can wait here");
    assert!(direct.to_string().contains("only a coroutine that the machine runs can wait"), "{direct}");
}

#[test]
fn two_states_share_one_machine() {
    let machine = Machine::new().expect("a machine");
    let (one, two) = (Lua::new(&machine).expect("a state"), Lua::new(&machine).expect("a state"));
    let serve = "
        local server = require 'lem.io'.tcp.listen('127.0.0.1', 0)
        require 'lem.utils'.spawn(function() local s = server:accept() s:write(s:read '*l', '!\\n') s:close() end)
        return (select(2, server:address()))";
    let ask = "
        local s = require 'lem.io'.tcp.connect('127.0.0.1', ...)
        s:write 'hello\\n'
        return (s:read '*l')";
    let answer = machine.run(async {
        let port: i64 = one.eval(serve, ()).await?;
        two.eval::<String>(ask, port).await
    });
    assert_eq!(answer.expect("it ends").expect("it works"), "hello!");
}

#[test]
#[cfg(unix)]
fn programs_and_streams_that_come_and_go_leave_no_task_behind() {
    let machine = Machine::new().expect("a machine");
    let lua = Lua::new(&machine).expect("a state");
    let script = "
        local io, utils = require 'lem.io', require 'lem.utils'
        for i = 1, 20 do
            local p = io.popen 'true'
            p:read '*a'
            p:close()
            p = nil
            utils.newsleeper():sleep(0.005)
        end
        for i = 1, 3 do
            local server = io.tcp.listen('127.0.0.1', 0)
            utils.newsleeper():sleep(1.1)
        end";
    machine.run(async { lua.eval::<()>(script, ()).await }).expect("it ends").expect("it works");
    // One hears of programs, one collects garbage; one of those that are done is asked for by the next.
    let shown = format!("{lua:?}");
    let tasks: usize =
        shown.split("tasks: ").nth(1).and_then(|text| text.split([',', ' ']).next()?.parse().ok()).expect("a number");
    assert!(tasks <= 4, "{shown}");
}
