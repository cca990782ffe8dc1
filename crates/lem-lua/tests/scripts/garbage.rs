//! Streams that nobody holds any more.

use crate::support::passes;

#[test]
fn a_dropped_idle_stream_says_goodbye() {
    passes(
        "local a, b = pair()
         a:write 'last words\\n'
         a = nil
         collectgarbage() collectgarbage()
         is(b:read '*l') { 'last words\\n' }
         is(b:read '*l') { n = 2, nil, 'closed' }
         done()",
    );
}

#[test]
fn a_stream_that_an_idle_program_has_dropped_is_closed_by_itself() {
    passes(
        "local a, b = pair()
         a = nil
         is(b:read '*l') { n = 2, nil, 'closed' }
         done()",
    );
}

#[test]
fn a_stream_that_only_its_waiting_coroutine_holds_lives() {
    passes(
        "local a, b = pair()
         local line = begin(function(...) return (...):read '*l' end, b)
         b = nil
         utils['yield']()
         for i = 1, 3 do collectgarbage() end
         a:write 'it lives\\n'
         is(line()) { 'it lives\\n' }
         done()",
    );
}

#[test]
fn a_chained_temporary_lives_as_long_as_its_read() {
    passes(
        "local context, client = contexts()
         local server = context:listen '127.0.0.1:0'
         local _, port = server:address()
         begin(server.autospawn, server, function(s) sleep(0.02) s:write 'x\\n' s:close() end)
         local line = begin(function() return client:connect('localhost', port):read '*l' end)
         for i = 1, 10 do sleep(0.005) collectgarbage() end
         is(line()) { 'x\\n' }
         server:close()
         done()",
    );
}

#[test]
fn lines_that_were_lent_are_not_lost_by_a_collection() {
    passes(
        "local a, b = pair()
         a:write 'one\\ntwo\\nthree\\n'
         is(b:read '*l') { 'one\\n' }
         collectgarbage()
         is(b:read '*l') { 'two\\n' }
         is(b:read(6)) { 'three\\n' }
         done()",
    );
}

#[test]
fn closed_and_dropped_streams_leave_nothing_behind() {
    passes(
        "local context, client = contexts()
         local server = context:listen '127.0.0.1:0'
         local _, port = server:address()
         begin(server.autospawn, server, function(s) s:read '*l' end)
         local function round()
             for i = 1, 20 do
                 local s = assert(client:connect('localhost', port))
                 if i % 2 == 0 then s:close() end
             end
             sleep(0.01)
             collectgarbage() collectgarbage()
             return collectgarbage 'count'
         end
         round() round()
         local before = round()
         for i = 1, 5 do round() end
         assert(round() < before * 1.2 + 50, 'memory grows')
         server:close()
         done()",
    );
}

#[test]
fn a_stream_that_is_dropped_late_is_closed_by_itself() {
    passes(
        "local a, b = plain_pair()
         -- Longer than a second after the last stream that has come.
         local kept = begin(function(stream) stream:write 'hello\\n' sleep(1.6) stream:write 'bye\\n' end, a)
         a = nil
         is(b:read '*l', b:read '*l') { 'hello', 'bye' }
         kept = nil
         b:settimeout(20)
         is(b:read '*l') { n = 2, nil, 'closed' }
         -- By a coroutine that goes on.
         local a, b = plain_pair()
         spawn(function(held) sleep(1.6) held[1] = nil sleep(60) end, { a })
         a = nil
         b:settimeout(20)
         is(b:read '*l') { n = 2, nil, 'closed' }
         done()
         utils.exit(0)",
    );
}

#[test]
fn a_finalizer_that_reads_a_stream_takes_its_own_lines_only() {
    if cfg!(not(feature = "lua54")) {
        return;
    }
    passes(
        "local a, b = plain_pair()
         local count = 6000
         spawn(function()
             local t = {}
             for i = 1, count do
                 t[#t + 1] = i .. '\\n'
                 if #t == 1000 then a:write(table.concat(t)) t = {} end
             end
             a:close()
         end)
         local seen, finalized, armed = {}, 0, true
         local function arm()
             setmetatable({}, { __gc = function()
                 local ok, text = pcall(b.read, b, finalized % 2 == 0 and '*l' or 6)
                 if ok and text then
                     finalized = finalized + 1
                     seen[#seen + 1] = #text == 6 and text or text .. '\\n'
                 end
                 if armed then arm() end
             end })
         end
         for i = 1, 20 do arm() end
         -- The pause counts from the end of a cycle on.
         collectgarbage('setpause', 100) collectgarbage()
         local bytes = 0
         while true do
             local line = b:read '*l'
             if not line then break end
             bytes = bytes + #line + 1
         end
         armed = false
         for _, text in ipairs(seen) do bytes = bytes + #text end
         local sent = 0
         for i = 1, count do sent = sent + #tostring(i) + 1 end
         bytes = bytes + #(b:read() or '')
         is(finalized > 0) { true }
         -- A finalizer's read of six bytes cannot be told from a line of five by its length.
         is(bytes) { sent }
         done()
         utils.exit(0)",
    );
}

#[test]
fn a_heap_stays_below_two_and_a_half_times_what_lives() {
    passes(
        "local live = {}
         for i = 1, 50 do live[i] = string.rep(string.char(64 + i), 2 ^ 20) end
         for i = 1, 3 do collectgarbage() end
         local lives, peak = collectgarbage 'count', 0
         for i = 1, 3000000 do
             local t = { i }
             if i % 1000 == 0 then peak = math.max(peak, collectgarbage 'count') end
         end
         assert(peak < 2.5 * lives, peak .. ' of ' .. lives .. ' KB')
         done()",
    );
}

#[test]
fn a_dropped_stream_is_closed_by_itself_beside_a_large_heap() {
    passes(
        "local live = {}
         for i = 1, 40 do live[i] = string.rep(string.char(64 + i), 2 ^ 20) end
         local a, b = plain_pair()
         a = nil
         b:settimeout(20)
         is(b:read '*l') { n = 2, nil, 'closed' }
         assert(#live[40] == 2 ^ 20)
         done()",
    );
}

#[test]
fn a_finalizer_leaves_the_wait_that_it_runs_in_alone() {
    if cfg!(not(feature = "lua54")) {
        return;
    }
    // A stack that grows collects garbage, also between the begin of a wait and its yield: at one of these depths it does.
    passes(
        "local q, other, a, b = queue.new(), utils.newsleeper(), plain_pair()
         spawn(function() while true do q:get() end end)
         spawn(function() while true do other:sleep() end end)
         spawn(function() while b:read() do end end)
         sleep(0.01)
         local finalized, armed = 0, 0
         local verbs = {
             function() a:busy() end,
             function() q:put(1) end,
             function() other:wakeup() end,
             function() pcall(a.write, a, 'x') end,
             function() pcall(sleep, 1) end,
         }
         local function deep(n, f)
             if n == 0 then f() return 1 end
             return (deep(n - 1, f))
         end
         local function grow(n) return n > 0 and 1 + grow(n - 1) or 0 end
         for _, verb in ipairs(verbs) do
             local meta = { __gc = function()
                 finalized = finalized + 1
                 if armed > 0 then armed = armed - 1 verb() end
             end }
             for depth = 0, 45 do
                 local ended = false
                 spawn(function()
                     local sleeper = utils.newsleeper()
                     local wait = coroutine.wrap(function()
                         local t = {}
                         grow(30)
                         coroutine.yield()
                         for i = 1, 3000 do t[i] = i end
                         armed = 20
                         sleeper:sleep(0.001)
                         armed = 0
                         return 1
                     end)
                     wait()
                     for i = 1, 20000 do setmetatable({}, meta) end
                     local before = finalized
                     repeat collectgarbage 'step' until finalized > before
                     deep(depth, wait)
                     ended = true
                 end)
                 for i = 1, 200 do
                     if not ended then sleep(0.005) end
                 end
                 assert(ended, 'a wait was lost at depth ' .. depth)
             end
         end
         done()
         utils.exit(0)",
    );
}
