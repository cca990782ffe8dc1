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
