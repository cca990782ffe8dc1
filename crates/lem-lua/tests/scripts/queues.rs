//! `lem.queue` and `lem.io.queue`.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use lem_lua::Lua;
use lem_ssl_rs::{Machine, spawn, timeout, unblock};

use crate::support::{YIELDS_EVERYWHERE, passes};

#[test]
fn values_come_in_order_and_readers_too() {
    passes(
        "local q = queue.new()
         q:put(1) q:put(nil) q:put(3)
         is(q.n, q:empty()) { 3, false }
         is(q:get()) { 1 }
         is(q:get()) { n = 1, nil }
         is(q:get()) { 3 }
         is(q:empty()) { true }
         local first, second = begin(q.get, q), begin(q.get, q)
         utils['yield']()
         is(q.n, q:empty()) { -2, true }
         q:put 'a' q:put 'b' q:put 'c'
         is(first()) { 'a' }
         is(second()) { 'b' }
         is(q:get()) { 'c' }
         is(getmetatable(q) == queue.Queue) { true }
         done()",
    );
}

#[test]
fn consuming_ends_at_a_nil() {
    if !YIELDS_EVERYWHERE {
        return;
    }
    passes(
        "local q = queue.new()
         spawn(function() for i = 1, 3 do q:put(i) end sleep(0.001) q:signal(nil) end)
         local sum = 0
         for v in q:consume() do sum = sum + v end
         is(sum) { 6 }
         done()",
    );
}

#[test]
fn a_signal_reaches_all_who_wait_and_nobody_else() {
    passes(
        "local q = queue.new()
         q:signal 'nobody'
         local a, b = begin(q.get, q), begin(q.get, q)
         utils['yield']()
         q:signal('x', 'y')
         is(a()) { 'x', 'y' }
         is(b()) { 'x', 'y' }
         is(q.n) { 0 }
         done()",
    );
}

#[test]
fn a_reset_tells_readers_and_drops_values() {
    passes(
        "local q = queue.new()
         local reader = begin(q.get, q)
         utils['yield']()
         q:reset()
         is(reader()) { n = 2, nil, 'reset' }
         q:put(1) q:put(2)
         q:reset()
         is(q.n, q:empty()) { 0, true }
         q:put(3)
         is(q:get()) { 3 }
         done()",
    );
}

#[test]
fn writers_wait_in_order_and_each_write_stays_whole() {
    passes(
        "local io_queue = require 'lem.io.queue'
         local a, b = pair()
         local w = io_queue.wrap(a)
         local block = ('x'):rep(100000)
         local left = 5
         for i = 1, 5 do
             spawn(function()
                 is(w:write(tostring(i), block, '\\n')) { true }
                 left = left - 1
                 if left == 0 then w:close() end
             end)
         end
         for i = 1, 5 do
             is(b:read(1)) { tostring(i) }
             is(b:read(100000)) { block }
             is(b:read '*l') { '\\n' }
         end
         is(b:read '*l') { n = 2, nil, 'closed' }
         is(w:closed()) { true }
         done()",
    );
}

#[test]
fn a_write_that_raises_lets_the_others_write() {
    passes(
        "local io_queue = require 'lem.io.queue'
         local w = io_queue.wrap { write = function(_, what)
             sleep(0.001)
             if what == 'bad' then error('raised', 0) end
             return what
         end }
         local bad, good = begin(pcall, w.write, w, 'bad'), begin(w.write, w, 'good')
         is(bad()) { false, 'raised' }
         is(good()) { 'good' }
         done()",
    );
}

#[test]
fn behind_a_write_that_has_failed_half_way_nothing_is_written() {
    passes(
        "local io_queue = require 'lem.io.queue'
         local block = ('a'):rep(2 ^ 20)
         local function check(fail, expected)
             local a, b = plain_pair()
             local w = io_queue.wrap(a)
             is(w:write 'first\\n') { true }
             -- It is written until nothing more fits.
             local co, result
             spawn(function()
                 co = utils.thisthread()
                 local done_, message
                 repeat done_, message = w:write(block) until not done_
                 result = message
             end)
             local before
             repeat before = a:written() sleep(0.05) until a:written() == before
             local waiting, another = begin(w.write, w, 'second\\n'), begin(w.write, w, 'third\\n')
             utils['yield']()
             fail(w, co)
             is(waiting()) { n = 2, nil, expected }
             is(another()) { n = 2, nil, expected }
             is(w:write 'fourth\\n') { n = 2, nil, expected }
             is(result or expected) { expected }
             w:close()
             local got = b:read '*a'
             is(#got, (got:find('second', 1, true))) { n = 2, a:written(), nil }
         end
         check(function(w) is(w:interrupt()) { true } end, 'interrupted')
         if coroutine.close then
             check(function(_, co) coroutine.close(co) end, 'interrupted')
         end
         -- Where nothing of it was sent, the others go on.
         local a, b = plain_pair()
         local w = io_queue.wrap(a)
         a:settimeout(0.05)
         local done_, message
         repeat done_, message = a:write(block) until not done_
         is(message) { 'timeout' }
         local before = a:written()
         is(w:write(block)) { n = 2, nil, 'timeout' }
         if a:written() == before then
             a:settimeout(nil)
             local rest = begin(b.read, b, '*a')
             is(w:write 'next') { true }
             w:close()
             is(rest():sub(-5)) { 'anext' }
         end
         done()",
    );
}

#[test]
fn behind_a_write_that_has_failed_and_is_accepted_whole_others_are_written() {
    passes(
        "local io_queue = require 'lem.io.queue'
         local function check(fail, limit)
             local a, b = pair()
             local w = io_queue.wrap(a)
             a:settimeout(limit)
             -- Each is accepted whole. The last one is not sent before the peer reads.
             local count, before, co, result = 0, nil, nil, nil
             spawn(function()
                 co = utils.thisthread()
                 repeat
                     before, count = a:written(), count + 1
                     local done_, message = w:write(('x'):rep(49990), 1234567, 890)
                 until not done_
                 result = message
             end)
             local last
             repeat last = count sleep(0.1) until result or count == last
             fail(w, co)
             is(a:written() - before) { 50000 }
             if limit then
                 is(w:write 'not yet') { n = 2, nil, 'timeout' }
                 is(a:written() - before) { 50000 }
             end
             a:settimeout(nil)
             local got = begin(b.read, b, '*a')
             is(w:write 'next') { true }
             w:close()
             local all = got()
             is(#all, all:sub(-14)) { count * 50000 + 4, '1234567890next' }
         end
         check(function() end, 0.3)
         check(function(w) is(w:interrupt()) { true } utils['yield']() end)
         if coroutine.close then
             check(function(_, co) coroutine.close(co) end)
         end
         done()",
    );
}

/// Work that keeps a thread of the machine until it is let go.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// The next thread that is free does nothing else.
    fn hold(&self) {
        let gate = self.clone();
        let held = unblock(move || {
            let (is_open, opened) = &*gate.0;
            drop(opened.wait_while(is_open.lock().expect("a lock"), |is_open| !*is_open));
        });
        spawn(held).detach();
    }

    fn open(&self) {
        *self.0.0.lock().expect("a lock") = true;
        self.0.1.notify_all();
    }
}

#[test]
fn what_a_given_up_write_to_a_file_has_written_is_not_taken_for_a_part_of_the_next_one() {
    let machine = Machine::builder().worker_threads(1).build().expect("a machine");
    let lua = Lua::new(&machine).expect("a state");
    let path = std::env::temp_dir().join(format!("lem-queue-{}", std::process::id()));
    // The first has the thread while the first write is given up, the second one while the second write is.
    let (first, second) = (Gate::default(), Gate::default());
    let (held, opened) = (first.clone(), first.clone());
    let hold = lua.create_function(move |_, ()| {
        held.hold();
        Ok(())
    });
    let behind = second.clone();
    let next = lua.create_function(move |_, ()| {
        behind.hold();
        opened.open();
        Ok(())
    });
    let last = second.clone();
    let open = lua.create_function(move |_, ()| {
        last.open();
        Ok(())
    });
    for (name, function) in [("hold", hold), ("next_gate", next), ("open", open)] {
        lua.globals().set(name, function.expect("a function")).expect("a global");
    }
    let script = "
        local utils, io_queue = require 'lem.utils', require 'lem.io.queue'
        local function sleep(seconds) utils.newsleeper():sleep(seconds) end
        local file = assert(require 'lem.io'.open(..., 'w'))
        local w = io_queue.wrap(file)
        hold()
        file:settimeout(0.01)
        local done, message = w:write 'first\\n'
        assert(not done and message == 'timeout', message)
        assert(file:written() == 0)
        -- It waits until the first one is written, and then for the thread, which has something else to do.
        file:settimeout(0.5)
        local ended
        utils.spawn(function()
            local _, message = w:write(('second'):rep(100))
            ended = message or 'written'
        end)
        utils['yield']()
        next_gate()
        repeat sleep(0.01) until ended
        assert(ended == 'timeout', ended)
        open()
        file:settimeout(nil)
        assert(w:write 'third')
        file:close()";
    let file = path.to_str().expect("a path of text");
    let whole = async { timeout(Duration::from_secs(60), lua.eval::<()>(script, file)).await };
    let ended = machine.run(whole);
    // The thread has to end, whatever has become of the script.
    [first, second].iter().for_each(Gate::open);
    ended.expect("it ends").expect("within a minute").expect("it works");
    let text = std::fs::read_to_string(&path).expect("it was written");
    std::fs::remove_file(path).expect("it is there");
    assert!(text.starts_with("first\n") && text.ends_with("third"), "{text}");
}

#[test]
fn what_is_no_stream_is_passed_through() {
    passes(
        "local io_queue = require 'lem.io.queue'
         is(io_queue.wrap(nil, 'no such file')) { n = 2, nil, 'no such file' }
         function io_queue.Stream:shout(text) return self:write(text:upper()) end
         local a, b = plain_pair()
         is(io_queue.wrap(a):shout 'hello\\n') { true }
         is(b:read '*l') { 'HELLO' }
         done()",
    );
}

#[test]
fn a_value_that_a_finalizer_puts_reaches_the_reader_that_is_about_to_wait() {
    if cfg!(not(feature = "lua54")) {
        return;
    }
    passes(
        "for k = 1, 30 do
             local q, finalized, armed, put, got = queue.new(), 0, false, 0, nil
             local meta = { __gc = function()
                 finalized = finalized + 1
                 if armed and put == 0 then put = 1 q:put 'first' end
             end }
             for i = 1, 3000 do setmetatable({}, meta) end
             spawn(function()
                 repeat collectgarbage 'step' until finalized > 0
                 local t = {}
                 for i = 1, 3000 do t[i] = i end
                 armed = true
                 got = q:get()
                 armed = false
             end)
             for i = 1, 4 do utils['yield']() end
             if put == 0 then q:put 'first' utils['yield']() utils['yield']() end
             armed = false
             is(got, q.n) { 'first', 0 }
         end
         done()",
    );
}
