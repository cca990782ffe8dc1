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
         collectgarbage('setpause', 100)
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
