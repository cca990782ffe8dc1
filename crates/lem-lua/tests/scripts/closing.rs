//! Coroutines that are closed while they wait, refused to wait, or resumed twice: nothing is left enrolled.

use lem_lua::Error;

use crate::support::{passes, run};

/// Whether there is `coroutine.close`.
const CLOSES: bool = cfg!(feature = "lua54");
/// Whether Lua says where it cannot yield.
const KNOWS: bool = !cfg!(feature = "lua51");

#[test]
fn a_coroutine_that_was_queued_runs_once() {
    passes(
        "local ran, got = 0
         local co = coroutine.create(function(...) ran = ran + 1 got = ... return sleep(0.01) end)
         utils.resume(co, 'queued')
         is(coroutine.resume(co, 'direct'))
           { false, 'cannot resume a coroutine that was resumed already, and has not run since' }
         contains(raised(utils.resume, co), 'it was resumed already, and has not run since')
         sleep(0.05)
         is(ran, got, coroutine.status(co)) { 1, 'queued', 'dead' }
         local inner
         local w = coroutine.wrap(function() inner = coroutine.running() coroutine.yield 'one' return 'two' end)
         is(w()) { 'one' }
         utils.resume(inner)
         contains(raised(w), 'has not run since')
         utils['yield']()
         is(coroutine.status(inner)) { 'dead' }
         done()",
    );
}

#[test]
fn a_closed_reader_leaves_its_stream_and_its_line() {
    if !CLOSES {
        return;
    }
    passes(
        "for _, make in ipairs { pair, plain_pair } do
             local a, b = make()
             local co
             spawn(function() co = coroutine.running() b:read '*l' error 'it went on' end)
             utils['yield']()
             is(b:busy()) { true }
             is(coroutine.close(co)) { true }
             is(b:busy(), coroutine.status(co)) { false, 'dead' }
             a:write 'one\\n'
             contains(b:read '*l', 'one')
         end
         local server = io_.tcp.listen('127.0.0.1', 0)
         local _, port = server:address()
         local co
         spawn(function() co = coroutine.running() server:accept() error 'it went on' end)
         utils['yield']()
         coroutine.close(co)
         is(server:busy()) { false }
         local a = io_.tcp.connect('127.0.0.1', port)
         server:accept():write 'x\\n'
         is(a:read '*l') { 'x' }
         done()",
    );
}

#[test]
fn what_resumed_a_closed_coroutine_hears_of_it() {
    if !CLOSES {
        return;
    }
    passes(
        "local a, b = pair()
         local inner, innermost
         local outer = begin(function()
             inner = coroutine.create(function()
                 innermost = coroutine.create(function() return b:read '*l' end)
                 return coroutine.resume(innermost)
             end)
             return coroutine.resume(inner)
         end)
         utils['yield']()
         is(coroutine.close(inner)) { true }
         is(outer()) { false, 'cannot resume dead coroutine' }
         is(b:busy()) { false }
         is(coroutine.resume(innermost, 'forged'))
           { false, 'cannot resume a coroutine that waits for something else' }
         is(coroutine.close(innermost)) { true }
         a:write 'line\\n'
         is(b:read '*l') { 'line\\n' }
         done()",
    );
}

#[test]
fn a_closed_reader_of_a_queue_loses_no_value() {
    if !CLOSES {
        return;
    }
    passes(
        "local q = queue.new()
         local threads = {}
         local function reader()
             local value = begin(function() threads[#threads + 1] = coroutine.running() return q:get() end)
             utils['yield']()
             return value
         end
         reader()
         local second = reader()
         reader()
         is(q.n) { -3 }
         coroutine.close(threads[3])
         coroutine.close(threads[1])
         is(q.n) { -1 }
         q:put 'first'
         is(second()) { 'first' }
         q:put 'stored'
         is(q.n, q:get()) { 1, 'stored' }
         -- Closed after the value was handed over, and before it has run.
         reader()
         local fifth = reader()
         q:put 'handed'
         coroutine.close(threads[4])
         is(fifth()) { 'handed' }
         reader()
         q:put 'back'
         q:put 'behind'
         coroutine.close(threads[6])
         is(q.n, q:get(), q:get()) { 2, 'back', 'behind' }
         done()",
    );
}

#[test]
fn a_closed_writer_that_has_sent_nothing_lets_the_others_write() {
    if !CLOSES {
        return;
    }
    passes(
        "local a, b = plain_pair()
         local w = require 'lem.io.queue'.wrap(a)
         local threads = {}
         local function writer(text)
             local written = begin(function() threads[#threads + 1] = coroutine.running() return w:write(text) end)
             utils['yield']()
             return written
         end
         -- Until nothing more fits.
         local before
         a:settimeout(0.05)
         repeat before = a:written() a:write(('x'):rep(1000000)) until a:written() == before
         a:settimeout(nil)
         writer 'first'
         writer 'second'
         local third = writer 'third'
         coroutine.close(threads[2])
         coroutine.close(threads[1])
         local rest = begin(function()
             local last = ''
             repeat last = (last .. b:read()):sub(-10) until last:find 'third$'
             return last
         end)
         is(third()) { true }
         is(rest()) { 'xxxxxthird' }
         is(w:write '!') { true }
         done()",
    );
}

#[test]
fn a_closed_sleeper_may_sleep_again() {
    if !CLOSES {
        return;
    }
    passes(
        "local s, co = utils.newsleeper()
         spawn(function() co = coroutine.running() s:sleep(60) end)
         utils['yield']()
         coroutine.close(co)
         is(s:wakeup()) { n = 2, nil, 'not sleeping' }
         is(s:sleep(0.001)) { n = 2, nil, 'timeout' }
         spawn(function() co = coroutine.running() utils.suspend() end)
         utils['yield']()
         coroutine.close(co)
         contains(raised(utils.resume, co), 'dead')
         done()",
    );
}

#[test]
fn what_cannot_wait_is_enrolled_nowhere() {
    passes(
        "local function in_sort(f) return select(2, pcall(table.sort, { 3, 2, 1 }, function() f() return false end)) end
         local q, s = queue.new(), utils.newsleeper()
         local refused = KNOWS and 'cannot wait here' or 'attempt to yield'
         contains(in_sort(function() q:get() end), refused)
         contains(in_sort(function() s:sleep(60) end), refused)
         contains(in_sort(function() utils.suspend() end), refused)
         q:put 'kept'
         is(q:get(), q.n) { 'kept', 0 }
         is(s:sleep(0.001)) { n = 2, nil, 'timeout' }
         local a, b = plain_pair()
         local w = require 'lem.io.queue'.wrap(a)
         local big = begin(w.write, w, ('x'):rep(20000000))
         utils['yield']()
         contains(in_sort(function() w:write 'never' end), refused)
         local second = begin(w.write, w, 'second\\n')
         is(#b:read(20000000)) { 20000000 }
         is(b:read '*l', big(), second()) { 'second', true, true }
         done()"
            .replace("KNOWS", if KNOWS { "true" } else { "false" })
            .as_str(),
    );
}

#[test]
fn a_coroutine_within_a_callback_is_refused_its_wait_and_goes_on() {
    if !KNOWS {
        return;
    }
    passes(
        "local q = queue.new()
         local co = coroutine.create(function()
             local ok, message = pcall(sleep, 0.01)
             contains(message, 'cannot wait here')
             ok, message = pcall(q.get, q)
             contains(message, 'cannot wait here')
             coroutine.yield 'out'
             return sleep(0.001)
         end)
         local once
         is(pcall(table.sort, { 2, 1 }, function()
             if not once then once = { coroutine.resume(co) } end
             return false
         end)) { true }
         is(once[1], once[2], q.n) { true, 'out', 0 }
         is(coroutine.resume(co)) { n = 3, true, nil, 'timeout' }
         done()",
    );
}

#[test]
fn a_write_that_cannot_wait_sends_nothing() {
    if !KNOWS {
        return;
    }
    passes(
        "local path = os.tmpname()
         local f = io_.open(path, 'w')
         for _, make in ipairs { pair, plain_pair } do
             local a, b = make()
             contains(raised(string.gsub, 'x', 'x', function() a:write(('x'):rep(30000000)) end), 'cannot wait here')
             contains(raised(string.gsub, 'x', 'x', function() f:write 'x' end), 'cannot wait here')
             a:write 'END'
             a:close()
             is(b:read '*a') { 'END' }
         end
         contains(raised(string.gsub, 'x', 'x', function() require 'lem.lfs'.remove(path) end), 'cannot wait here')
         is(f:size(), f:close()) { 0, true }
         is(require 'lem.lfs'.attributes(path, 'size')) { 0 }
         os.remove(path)
         done()",
    );
}

#[test]
fn exit_ends_what_cannot_wait_too() {
    if !KNOWS {
        return;
    }
    for script in [
        "pcall(string.gsub, 'x', 'x', function() pcall(utils.exit, 7) error 'it went on' end) error 'it went on'",
        "local co = coroutine.wrap(function() string.gsub('x', 'x', function() utils.exit(7) end) end)
         pcall(co)
         print 'it went on'
         error 'it went on'",
        "utils.onerror(function() utils.exit(8) end)
         pcall(table.sort, { 2, 1 }, function() utils.exit(7) end)
         error 'it went on'",
    ] {
        let ended = run(script);
        assert!(matches!(ended, Err(Error::Exit(7))), "{ended:?}");
    }
}
