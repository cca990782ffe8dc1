//! Where a coroutine can wait: everywhere that Lua can yield.

use crate::support::{YIELDS_EVERYWHERE, passes};

#[test]
fn a_verb_that_finds_its_data_does_not_yield() {
    passes(
        "local a, b = pair()
         assert(a:write 'one\\ntwo\\n')
         is(b:read '*l') { 'one\\n' }
         local other = false
         spawn(function() other = true end)
         is(b:read '*l') { 'two\\n' }
         assert(not other, 'others have run')
         done()",
    );
}

#[test]
fn others_run_while_a_coroutine_waits() {
    passes(
        "local a, b = pair()
         local read = begin(b.read, b, '*l')
         utils['yield']()
         assert(b:busy())
         a:write 'x\\n'
         is(read()) { 'x\\n' }
         assert(not b:busy())
         done()",
    );
}

#[test]
fn a_scripts_own_generator_waits_inside_of_wrap() {
    passes(
        "local a, b = pair()
         spawn(function() for i = 1, 5 do sleep(0.001) a:write(i .. '\\n') end a:close() end)
         local lines = coroutine.wrap(function()
             while true do
                 local line = b:read '*l'
                 if not line then return end
                 coroutine.yield(line)
             end
         end)
         local got = {}
         while true do
             local line = lines()
             if not line then break end
             got[#got + 1] = line
         end
         is(table.concat(got)) { '1\\n2\\n3\\n4\\n5\\n' }
         done()",
    );
}

#[test]
fn resume_gives_the_scripts_own_values_through_waits_within_waits() {
    passes(
        "local inner = coroutine.create(function(x)
             sleep(0.001)
             local y = coroutine.yield(x + 1)
             sleep(0.001)
             return y * 2, nil, 'last'
         end)
         local outer = coroutine.create(function()
             local a, b = coroutine.resume(inner, 1)
             assert(a == true)
             return b, select(2, coroutine.resume(inner, 21))
         end)
         is(coroutine.resume(outer)) { n = 5, true, 2, 42, nil, 'last' }
         is(coroutine.status(inner)) { 'dead' }
         is(coroutine.resume(inner)) { false, 'cannot resume dead coroutine' }
         done()",
    );
}

#[test]
fn pcall_may_hold_a_wait_and_catches_what_comes_behind_it() {
    passes(
        "is(pcall(function() sleep(0.001) return 1, 2 end)) { true, 1, 2 }
         local ok, message = pcall(function() sleep(0.001) error('later', 0) end)
         is(ok, message) { false, 'later' }
         local ok, message = xpcall(function() sleep(0.001) error('handled', 0) end, function(m) return m .. '!' end)
         is(ok, message) { false, 'handled!' }
         is(pcall(pcall, function() sleep(0.001) error('deep', 0) end)) { true, false, 'deep' }
         done()",
    );
}

#[test]
fn an_error_in_a_wrapped_generator_reaches_its_caller() {
    passes(
        "local w = coroutine.wrap(function() sleep(0.001) error('broken', 0) end)
         is(pcall(w)) { false, 'broken' }
         local w = coroutine.wrap(function() sleep(0.001) error({ code = 7 }) end)
         local ok, value = pcall(w)
         is(ok, value.code) { false, 7 }
         done()",
    );
}

#[test]
fn iterators_and_metamethods_may_wait() {
    if !YIELDS_EVERYWHERE {
        return;
    }
    passes(
        "local t = setmetatable({}, {
             __index = function(_, k) sleep(0.001) return k .. '?' end,
             __add = function(a, b) sleep(0.001) return 'sum' end,
             __call = function(_, x) sleep(0.001) return x end,
             __concat = function() sleep(0.001) return 'joined' end,
             __lt = function() sleep(0.001) return true end,
         })
         is(t.name, t + 1, t(5), t .. 'x', t < setmetatable({}, getmetatable(t)))
           { 'name?', 'sum', 5, 'joined', true }
         local function iterate(n, i) sleep(0.001) if i < n then return i + 1 end end
         local sum = 0
         for i in iterate, 4, 0 do sum = sum + i end
         is(sum) { 10 }
         done()",
    );
}

#[test]
fn what_cannot_wait_says_so_and_leaves_the_stream_as_it_was() {
    let raised = if YIELDS_EVERYWHERE { "cannot wait here: a function of C" } else { "attempt to yield across" };
    passes(&format!(
        "local a, b = pair()
         contains(raised(table.sort, {{ 3, 2, 1 }}, function() b:read(1) return false end), {raised:?})
         assert(not b:busy())
         contains(raised(string.gsub, 'abc', '%w', function() return b:read(1) end), {raised:?})
         assert(not b:busy())
         a:write 'xy'
         is(b:read(1)) {{ 'x' }}
         is(('ab'):gsub('a', function() return b:read(1) end)) {{ 'yb', 1 }}
         done()"
    ));
}

#[test]
fn a_coroutine_that_waits_cannot_be_resumed_by_others() {
    passes(
        "local co
         local one, two = utils.newsleeper(), utils.newsleeper()
         local finished = begin(function()
             co = coroutine.running()
             return one:sleep(60)
         end)
         utils['yield']()
         is(coroutine.resume(co, 'forged'))
           { false, 'cannot resume a coroutine that waits for something else' }
         contains(raised(utils.resume, co), 'it waits for something else')
         local gen = coroutine.wrap(function() two:sleep(60) coroutine.yield 'value' end)
         local first = begin(gen)
         utils['yield']()
         contains(raised(gen), 'waits for something else')
         one:wakeup 'one'
         two:wakeup()
         is(first()) { 'value' }
         is(finished()) { 'one' }
         done()",
    );
}

#[test]
fn a_closed_coroutine_goes_no_further_and_disturbs_nobody() {
    if cfg!(not(feature = "lua54")) {
        return;
    }
    passes(
        "local a, b = pair()
         local co
         spawn(function() co = coroutine.running() b:read(1) error 'it went on' end)
         utils['yield']()
         is(coroutine.close(co)) { true }
         a:write 'x'
         sleep(0.02)
         done()",
    );
}

#[test]
fn a_plain_yield_of_a_machines_coroutine_stops_it_until_somebody_resumes_it() {
    passes(
        "local co, got
         spawn(function() co = coroutine.running() got = coroutine.yield('lost') end)
         utils['yield']()
         utils.resume(co, 'found')
         is(got) { n = 1, nil }
         utils['yield']()
         is(got) { 'found' }
         contains(raised(utils.resume, co), 'dead')
         done()",
    );
}

#[test]
fn a_hundred_thousand_coroutines_wait_at_once() {
    passes(
        "local count, all = 0, queue.new()
         for i = 1, 100000 do
             spawn(function()
                 sleep(0.01)
                 count = count + 1
                 if count == 100000 then all:put(true) end
             end)
         end
         is(all:get()) { true }
         is(count) { 100000 }
         done()",
    );
}

#[test]
fn tail_calls_and_deep_recursion_may_wait() {
    passes(
        "local function down(n)
             if n == 0 then sleep(0.001) return 'bottom' end
             return down(n - 1)
         end
         is(down(5000)) { 'bottom' }
         local function deep(n)
             if n == 0 then sleep(0.001) return 0 end
             return 1 + deep(n - 1)
         end
         is(deep(500)) { 500 }
         done()",
    );
}

#[test]
fn variables_are_closed_when_an_error_ends_their_coroutine() {
    if cfg!(not(feature = "lua54")) {
        return;
    }
    passes(
        "local closed = {}
         local function closes(name)
             return setmetatable({}, { __close = function() closed[#closed + 1] = name end })
         end
         is(raised(coroutine.wrap(function() local x <close> = closes 'wrap' error 'x' end))) { 'x' }
         is(#closed, closed[1]) { 1, 'wrap' }
         local told
         utils.onerror(function(message) told = message end)
         spawn(function() local x <close> = closes 'task' sleep(0) error 'y' end)
         sleep(0.01)
         is(#closed, closed[2]) { 2, 'task' }
         contains(told, 'y')
         local replaced = coroutine.wrap(function()
             local x <close> = setmetatable({}, { __close = function() error('from close', 0) end })
             error 'z'
         end)
         is(raised(replaced)) { 'from close' }
         done()",
    );
}
