//! `lem.utils`.

use lem_lua::Error;

use crate::support::{passes, run};

#[test]
fn spawned_coroutines_run_later_in_order_with_their_arguments() {
    passes(
        "local order = {}
         is(spawn(function(a, b) order[#order + 1] = a + b end, 1, 2)) { true }
         spawn(function() order[#order + 1] = 'second' end)
         is(#order) { 0 }
         utils['yield']()
         is(order[1], order[2]) { 3, 'second' }
         contains(raised(utils.spawn, {}), \"bad argument #1 to 'spawn' (function expected, got table)\")
         done()",
    );
}

#[test]
fn a_sleeper_sleeps_for_its_time_or_until_it_is_woken() {
    passes(
        "local s = utils.newsleeper()
         local before = utils.now()
         is(s:sleep(0.03)) { n = 2, nil, 'timeout' }
         assert(utils.updatenow() - before >= 0.029)
         local woken = begin(s.sleep, s, 60)
         utils['yield']()
         is(s:sleep(1)) { n = 2, nil, 'busy' }
         is(s:wakeup('a', nil, 'c')) { true }
         is(s:wakeup()) { n = 2, nil, 'not sleeping' }
         is(woken()) { n = 3, 'a', nil, 'c' }
         is(s:wakeup()) { n = 2, nil, 'not sleeping' }
         local forever = begin(s.sleep, s)
         utils['yield']()
         s:wakeup()
         is(forever()) {}
         done()",
    );
}

#[test]
fn no_time_at_all_yields_once_and_is_no_sleep() {
    passes(
        "local s, other = utils.newsleeper(), false
         spawn(function() other = true is(s:wakeup()) { n = 2, nil, 'not sleeping' } end)
         is(s:sleep(0)) { n = 2, nil, 'timeout' }
         assert(other)
         is(s:sleep(-5)) { n = 2, nil, 'timeout' }
         is(s:sleep('0.001')) { n = 2, nil, 'timeout' }
         contains(raised(s.sleep, s, 'soon'), 'number expected')
         is(getmetatable(s) == utils.Sleeper, utils.sleeper == utils.newsleeper) { true, true }
         done()",
    );
}

#[test]
fn suspend_waits_for_resume_and_its_values_once() {
    passes(
        "local me = utils.thisthread()
         spawn(function() utils.resume(me, 1, nil, 3) contains(raised(utils.resume, me), 'already') end)
         is(utils.suspend()) { n = 3, 1, nil, 3 }
         contains(raised(utils.resume, 'x'), 'thread expected')
         contains(raised(utils.resume, me), 'cannot resume')
         done()",
    );
}

#[test]
fn exit_ends_everything_with_its_status_and_cannot_be_caught() {
    let ended = run("spawn(function() while true do sleep(0.001) end end)
         pcall(function() utils.exit(7) end)
         error 'it has come back'");
    assert!(matches!(ended, Err(Error::Exit(7))), "{ended:?}");
    assert!(matches!(run("utils.exit()"), Err(Error::Exit(0))));
    let Err(Error::Raised(text)) = run("utils.exit('soon')") else { panic!("it has not raised") };
    assert!(text.contains("not an integer in proper range"), "{text}");
}

#[test]
fn coroutines_that_wait_for_each_other_are_the_end() {
    run("queue.new():get()").expect("an end");
    run("utils.suspend()").expect("an end");
    run("utils.newsleeper():sleep()").expect("an end");
    run("coroutine.yield()").expect("an end");
    run("local s = ssl.newcontext { selfsigned = 'x' }:listen '127.0.0.1:0'").expect("an end");
    run("local a, b = pair() queue.new():get()").expect("an end: idle streams keep nothing alive");
}

#[test]
fn the_pool_is_set_with_numbers_only() {
    passes(
        "is(utils.poolconfig(10, 0, 4)) {}
         is(raised(utils.poolconfig, 0.5)) { \"bad argument #1 to 'poolconfig' (not an integer in proper range)\" }
         done()",
    );
}

#[test]
fn a_timer_runs_its_function_unless_it_is_cancelled() {
    passes(
        "local ran = queue.new()
         local t = utils.timer(0.005, function() ran:put 'ran' end)
         is(ran:get()) { 'ran' }
         is(t:cancel()) { n = 2, nil, 'expired' }
         local t = utils.timer(60, function() error 'it ran' end)
         is(t:cancel()) { true }
         is(t:cancel()) { n = 2, nil, 'expired' }
         done()",
    );
}
