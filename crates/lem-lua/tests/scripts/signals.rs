//! `lem.signal`.

use crate::support::passes;

#[test]
fn names_and_numbers_are_looked_up() {
    passes(
        "local signal = require 'lem.signal'
         is(signal.lookup 'SIGINT', signal.lookup 'term', signal.lookup(15)) { 2, 15, 'SIGTERM' }
         is(signal.lookup 'KILL', signal.lookup(99)) { n = 2, nil, nil }
         is(signal.register('NOSUCH', print)) { n = 2, nil, 'unknown signal' }
         contains(raised(signal.register, 2, print), 'signal should be a string')
         done()",
    );
}

#[test]
fn functions_are_called_in_their_order_and_may_wait() {
    passes(
        "local signal = require 'lem.signal'
         local got = queue.new()
         -- Waiting for a signal keeps no program alive.
         local alive = utils.timer(30, function() error 'no signal' end)
         local function first(n) sleep(0.001) got:put('first ' .. n) end
         is(signal.register('sigusr1', first)) { true }
         is(signal.register('USR1', function(n) got:put('second ' .. n) end)) { true }
         local kill = io_.popen('kill -USR1 $PPID', 'r')
         -- The shell's parent is this process.
         is(got:get(), got:get()) { 'first 10', 'second 10' }
         is(signal.unregister('USR1', first)) { true }
         io_.popen('kill -USR1 $PPID', 'r')
         is(got:get(), got:empty()) { 'second 10', true }
         alive:cancel()
         done()",
    );
}

#[test]
fn the_end_of_a_program_is_told_with_its_status() {
    passes(
        "local signal = require 'lem.signal'
         local ended = queue.new()
         local alive = utils.timer(30, function() error 'no signal' end)
         signal.register('CHLD', function(number, child) ended:put(child) end)
         local s, id = io_.popen('exit 7', 'r')
         local child = ended:get()
         is(child.type, child.status, child.pid == id) { 'exited', 7, true }
         local s, id = io_.popen('kill -9 $$', 'r')
         local child = ended:get()
         is(child.type, child.signal, child.pid == id) { 'signaled', 9, true }
         alive:cancel()
         done()",
    );
}

#[test]
fn what_is_no_function_is_refused_at_once() {
    passes(
        "local signal = require 'lem.signal'
         contains(raised(signal.register, 'USR1', nil), 'function expected, got nil')
         contains(raised(signal.register, 'USR1', {}), 'function expected, got table')
         done()",
    );
}
