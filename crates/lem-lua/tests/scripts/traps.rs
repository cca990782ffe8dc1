//! What the original did wrong, each as a script that is right here.

use std::io::{Read, Write};
use std::net::TcpListener;

use crate::support::passes;

#[test]
fn what_a_peer_sends_is_no_format_string() {
    passes(
        "local a, b = pair()
         a:write 'line\\n%s%n%d\\0%s'
         is(b:read '*l') { 'line\\n' }
         is(b:read()) { '%s%n%d\\0%s' }
         done()",
    );
}

#[test]
fn every_byte_that_was_written_arrives_before_the_end() {
    passes(
        "local a, b = pair()
         local text = ('0123456789'):rep(1000000)
         spawn(function() assert(a:write(text)) a:close() end)
         is(b:read '*a' == text) { true }
         done()",
    );
}

#[test]
fn a_different_write_after_an_interrupted_one_goes_out_behind_it() {
    passes(
        "local a, b = pair()
         local written = begin(a.write, a, ('x'):rep(20000000))
         utils['yield']()
         is(a:interrupt()) { true }
         is(written()) { n = 2, nil, 'interrupted' }
         local second = begin(a.write, a, 'second\\n')
         local rest
         repeat rest = b:read() until rest:find 'second\\n$'
         is(second()) { true }
         done()",
    );
}

#[test]
fn a_write_error_leaves_what_was_received_readable() {
    passes(
        "local a, b = plain_pair()
         b:write 'the reason\\n'
         b:close()
         sleep(0.01)
         a:write(('x'):rep(1000)) sleep(0.01) a:write(('x'):rep(1000))
         local line, message = a:read '*l'
         assert(line == 'the reason' or message == 'closed', message)
         done()",
    );
}

#[test]
fn a_read_of_everything_leaves_the_other_direction_open() {
    passes(
        "local a, b = pair()
         local reader, writer = a:halves()
         writer:write 'question'
         writer:close()
         is(b:read '*a') { 'question' }
         is(b:write 'answer') { true }
         b:close()
         is(reader:read '*a') { 'answer' }
         done()",
    );
}

#[test]
fn reads_of_any_size_up_to_the_limit_are_right() {
    passes(
        "local a, b = pair()
         local text = ('abcdefg'):rep(30000)
         spawn(function() a:write(text) a:write(text) end)
         is(b:read(#text) == text) { true }
         is(b:read(#text) == text) { true }
         contains(failed(b:read(2 ^ 40)), 'limit')
         done()",
    );
}

#[test]
fn a_bare_fin_is_no_success_and_its_data_stays_readable() {
    passes(
        "local context, client = contexts()
         local server = context:listen '127.0.0.1:0'
         local _, port = server:address()
         -- A proxy that forwards one answer, and then cuts.
         local proxy = io_.tcp.listen('127.0.0.1', 0)
         local _, front = proxy:address()
         local cut = queue.new()
         begin(proxy.autospawn, proxy, function(near)
             local far = io_.tcp.connect('127.0.0.1', port)
             spawn(function() while true do local d = near:read() if not d or not far:write(d) then break end end end)
             spawn(function() cut:get() near:closewrite() end)
             while true do local d = far:read() if not d or not near:write(d) then break end end
         end)
         begin(server.autospawn, server, function(s) s:write 'whole\\npart' s:read() end)
         local s = assert(client:connect('localhost', front))
         -- What was written at once has arrived at once.
         is(s:read '*l') { 'whole\\n' }
         cut:put(true)
         contains(failed(s:read '*a'), 'error reading from SSL stream: truncated')
         is(s:read()) { 'part' }
         is(s:read()) { n = 2, nil, 'closed' }
         local tolerant = ssl.newcontext { ca = context:certificate(), accept_truncated = true }
         local s = assert(tolerant:connect('localhost', front))
         is(s:read(5)) { 'whole' }
         cut:put(true)
         is(s:read '*a') { '\\npart' }
         is(s:read '*l') { n = 2, nil, 'closed' }
         done()
         utils.exit(0)",
    );
}

#[test]
fn one_stream_with_data_does_not_stop_timers_and_others() {
    passes(
        "local a, b = pair()
         local c, d = pair()
         local going = true
         spawn(function() local t = ('x'):rep(100000) while going and a:write(t) do end end)
         spawn(function() while going and b:read() do end end)
         spawn(function() while going and d:write(d:read '*l' or '') do end end)
         local worst = 0
         for i = 1, 10 do
             local before = utils.updatenow()
             sleep(0.001)
             c:write 'x\\n'
             c:read '*l'
             worst = math.max(worst, utils.updatenow() - before)
         end
         going = false
         assert(worst < 5, 'it took ' .. worst .. ' s')
         a:close() b:close() c:close() d:close()
         done()",
    );
}

#[test]
fn a_name_whose_first_address_refuses_connects_to_the_next() {
    // Both families of `localhost`, or one of them: the server listens on one.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let peer = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        stream.write_all(b"hello\n").expect("written");
        let _ = stream.read(&mut [0]);
    });
    passes(&format!(
        "local s = assert(io_.tcp.connect('localhost', {port}))
         is(s:read '*l') {{ 'hello' }}
         s:close()
         done()"
    ));
    peer.join().expect("the peer");
}

#[test]
fn an_accept_that_has_to_wait_works() {
    passes(
        "local server = io_.tcp.listen('127.0.0.1', 0)
         local accepted = begin(server.accept, server)
         sleep(0.01)
         local _, port = server:address()
         local a = io_.tcp.connect('127.0.0.1', port)
         accepted():write 'x\\n'
         is(a:read '*l') { 'x' }
         done()",
    );
}

#[test]
fn a_reset_is_closed_in_lem_io_and_an_error_in_lem_ssl() {
    passes(
        "local a, b = plain_pair()
         b:write 'unread'
         sleep(0.01)
         a:write(('x'):rep(10)) a:abort()
         sleep(0.01)
         local text = b:read(10) or b:read(10)
         local last, message
         repeat last, message = b:read() until not last
         is(message) { 'closed' }
         done()",
    );
}
