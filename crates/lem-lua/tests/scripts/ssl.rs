//! `lem.ssl`: the text that came with the original, sentence by sentence, on the client's side.

use crate::support::passes;

#[test]
fn a_context_is_shared_by_its_connections_and_metatables_are_public() {
    passes(
        "local context, client = contexts()
         is(getmetatable(client) == ssl.Context) { true }
         local server = context:listen '127.0.0.1:0'
         local _, port = server:address()
         local accepting = begin(server.autospawn, server, function(s) s:write(s:read '*a') s:close() end)
         local one, two = client:connect('localhost', port), client:connect('localhost', port)
         is(getmetatable(one) == ssl.Stream, one ~= two) { true, true }
         one:close() two:close() server:close()
         is(accepting()) { n = 2, nil, 'interrupted' }
         done()",
    );
}

#[test]
fn a_port_as_second_argument_wins_over_one_in_the_address() {
    passes(
        "local context, client = contexts()
         local server = context:listen '127.0.0.1:0'
         local _, port = server:address()
         begin(server.autospawn, server, function(s) s:close() end)
         for _, connect in ipairs {
             { 'localhost:' .. port }, { 'localhost:1', port }, { 'localhost', tostring(port) },
             { 'localhost:https', port }, { 'https://localhost:' .. port .. '/path' },
         } do
             local stream = assert(client:connect(connect[1], connect[2]))
             stream:close()
         end
         contains(raised(client.connect, client, 'localhost', 'https'), 'not an integer in proper range')
         contains(raised(client.connect, client, 'localhost', 65536 + port), 'not an integer in proper range')
         contains(raised(client.connect, client, {}), 'string expected')
         server:close()
         done()",
    );
}

#[test]
fn a_failed_connect_says_why_and_harms_no_other_stream() {
    passes(
        "local a, b = pair()
         local context, client = contexts()
         local waiting = begin(a.read, a, '*l')
         contains(failed(client:connect('127.0.0.1', 1)),
             'error establishing SSL connection: cannot connect to 127.0.0.1:1: connection refused')
         for _, address in ipairs { 'localhost', ':443', 'localhost:70000', 'localhost:', '' } do
             contains(failed(client:connect(address)), 'error establishing SSL connection: ')
         end
         b:write 'fine\\n'
         is(waiting()) { 'fine\\n' }
         done()",
    );
}

#[test]
fn closed_busy_close_and_interrupt_say_what_the_original_says() {
    passes(
        "local a, b = pair()
         is(a:closed(), a:busy()) { false, false }
         is(a:interrupt()) { n = 2, nil, 'not busy' }
         local read = begin(a.read, a, '*l')
         utils['yield']()
         is(a:busy()) { true }
         is(a:read()) { n = 2, nil, 'busy' }
         is(a:write 'x') { n = 2, nil, 'busy' }
         is(a:interrupt()) { true }
         is(read()) { n = 2, nil, 'interrupted' }
         local read = begin(a.read, a)
         utils['yield']()
         is(a:close()) { true }
         is(read()) { n = 2, nil, 'interrupted' }
         is(a:closed(), a:busy()) { true, false }
         is(a:close()) { n = 2, nil, 'already closed' }
         is(a:read()) { n = 2, nil, 'closed' }
         is(a:write 'x') { n = 2, nil, 'closed' }
         is(a:interrupt()) { n = 2, nil, 'not busy' }
         done()",
    );
}

#[test]
fn read_gives_a_number_of_bytes_a_line_everything_or_what_is_there() {
    passes(
        "local a, b = pair()
         a:write 'line one\\nabcdefghij\\rrest\\n'
         is(b:read '*l') { 'line one\\n' }
         is(b:read(0)) { '' }
         is(b:read(3)) { 'abc' }
         is(b:read('3')) { 'def' }
         is(b:read '*line') { 'ghij\\rrest\\n' }
         a:write 'some'
         is(b:read()) { 'some' }
         a:write 'more'
         is(b:read(nil)) { 'more' }
         local all = begin(b.read, b, '*a')
         for i = 1, 100 do a:write(('x'):rep(1000)) end
         a:close()
         is(#all()) { 100000 }
         is(b:read '*l') { n = 2, nil, 'closed' }
         done()",
    );
}

#[test]
fn what_is_no_mode_is_raised() {
    passes(
        "local a = pair()
         for _, mode in ipairs { 'x', '*n', 'l', 'L', 'a', true, {} } do
             contains(raised(a.read, a, mode), \"bad argument #1 to 'read' (invalid mode string)\")
         end
         contains(raised(a.read, a, -1), 'not a number of bytes')
         contains(raised(a.read, a, 0 / 0), 'not a number of bytes')
         done()",
    );
}

#[test]
fn write_takes_texts_and_numbers_and_waits_until_all_is_out() {
    passes(
        "local a, b = pair()
         is(a:write('a', 1, 2.5, 'b\\n')) { true }
         is(b:read '*l') { 'a12.5b\\n' }
         local text = ('0123456789'):rep(1000000)
         local written = begin(a.write, a, text)
         is(b:read(10000000) == text) { true }
         is(written()) { true }
         contains(raised(a.write, a), 'string expected, got no value')
         contains(raised(a.write, a, {}), 'string expected, got table')
         is(a:write '') { true }
         done()",
    );
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused_with_the_reason() {
    passes(
        "local context = contexts()
         local server = context:listen '127.0.0.1:0'
         local _, port = server:address()
         begin(server.autospawn, server, function() end)
         local strict = ssl.newcontext()
         contains(failed(strict:connect('localhost', port)), 'is self-signed and not among the trusted roots')
         local wrong = ssl.newcontext { ca = context:certificate() }
         contains(failed(wrong:connect('127.0.0.1', port)), 'is not valid for the name 127.0.0.1')
         is(type((wrong:connect('127.0.0.1', port, 'localhost')))) { 'table' }
         local blind = ssl.newcontext { verify = false, reason = 'a test' }
         is(type((blind:connect('127.0.0.1', port)))) { 'table' }
         contains(raised(ssl.newcontext, { verify = false }), 'verify = false needs a reason')
         contains(failed(ssl.newcontext { ca = '/no/such/file' }), 'unable to initialize SSL context: ')
         server:close()
         done()",
    );
}

#[test]
fn a_handshake_and_a_connect_have_their_deadlines() {
    passes(
        "local silent = io_.tcp.listen('127.0.0.1', 0)
         local _, port = silent:address()
         local kept = {}
         begin(silent.autospawn, silent, function(s) kept[#kept + 1] = s end)
         local context = ssl.newcontext { handshake_timeout = 0.05 }
         contains(failed(context:connect('localhost', port)), 'timed out after')
         silent:close()
         done()",
    );
}

#[test]
fn halves_let_one_coroutine_read_while_another_one_writes() {
    passes(
        "local a, b = pair()
         local reader, writer = a:halves()
         local line = begin(reader.read, reader, '*l')
         utils['yield']()
         is(reader:busy()) { true }
         is(writer:write 'to b\\n') { true }
         is(b:read '*l') { 'to b\\n' }
         b:write 'to a\\n'
         is(line()) { 'to a\\n' }
         is(writer:close()) { true }
         is(b:read '*a') { '' }
         is(b:write 'still\\n') { true }
         is(reader:read '*l') { 'still\\n' }
         local line = begin(reader.read, reader, '*l')
         utils['yield']()
         is(reader:interrupt()) { true }
         is(line()) { n = 2, nil, 'interrupted' }
         is(reader.write, writer.read) { n = 2, nil, nil }
         done()",
    );
}

#[test]
fn both_ends_may_write_large_data_first() {
    passes(
        "local a, b = pair()
         local text = ('x'):rep(8000000)
         local done_with = {}
         for i, stream in ipairs { a, b } do
             local reader, writer = stream:halves()
             local written = begin(writer.write, writer, text)
             done_with[i] = begin(function()
                 local got = reader:read(#text)
                 return got == text, written()
             end)
         end
         is(done_with[1]()) { true, true }
         is(done_with[2]()) { true, true }
         done()",
    );
}

#[test]
fn info_tells_what_the_handshake_has_agreed_on() {
    passes(
        "local a, b = pair { alpn = { 'x/1' }, versions = { '1.3' } }
         local info = a:info()
         is(info.version, info.names[1]) { 'TLS 1.3', 'localhost' }
         is(b:info().server_name) { 'localhost' }
         is((a:getpeer())) { '127.0.0.1' }
         is(select(2, a:getpeer()) == select(2, b:getlocal())) { true }
         done()",
    );
}

#[test]
fn a_plain_connection_goes_over_to_tls_and_loses_nothing() {
    passes(
        "local context, client = contexts()
         local a, b = plain_pair()
         local secure = begin(function()
             is(b:read '*l') { 'STARTTLS' }
             b:write 'go ahead\\n'
             return context:upgradeserver(b)
         end)
         a:write 'STARTTLS\\n'
         is(a:read '*l') { 'go ahead' }
         local s = assert(client:upgrade(a, 'localhost'))
         local t = assert(secure())
         s:write 'encrypted\\n'
         is(t:read '*l') { 'encrypted\\n' }
         is(a:closed(), a:busy(), failed(a:read '*l'), failed(a:write 'x'), failed(a:close()))
           { true, false, 'closed', 'closed', 'closed' }
         contains(raised(client.upgrade, client, a, 'localhost'), 'a connection of lem.io expected')
         contains(raised(client.upgrade, client, s, 'localhost'), 'a connection of lem.io expected')
         local a, b = plain_pair()
         local read = begin(a.read, a)
         utils['yield']()
         is(client:upgrade(a, 'localhost')) { n = 2, nil, 'busy' }
         b:write 'still plain'
         is(read()) { 'still plain' }
         -- An answer that somebody has slipped in before the handshake is none of the encrypted ones.
         b:write 'go\\nslipped in\\n'
         is(a:read '*l') { 'go' }
         contains(failed(client:upgrade(a, 'localhost')), 'error establishing SSL connection: ')
         done()",
    );
}

#[test]
fn a_list_that_is_empty_or_has_holes_is_no_list_that_was_not_given() {
    passes(
        "local text = contexts():certificate()
         for _, name in ipairs { 'ca', 'pins', 'clientca', 'selfsigned', 'alpn', 'versions', 'identities' } do
             contains(raised(ssl.newcontext, { [name] = {} }), name .. ' is an empty list')
             contains(raised(ssl.newcontext, { [name] = { nil, text } }), name .. ' is a list without a first element')
             contains(raised(ssl.newcontext, { [name] = { text, nil, text, text } }), name .. ' is a list with holes')
         end
         contains(raised(ssl.newcontext, { ca = { 1 } }), 'ca is a list of strings')
         contains(raised(ssl.newcontext, { verify = 'no' }), 'verify is true or false')
         contains(raised(ssl.newcontext, { accept_truncated = 0 }), 'accept_truncated is true or false')
         assert(ssl.newcontext { ca = { text, text }, alpn = 'h2', versions = { '1.3' } })
         done()",
    );
}

#[test]
fn an_upgrade_right_after_an_interrupt_keeps_the_connection() {
    passes(
        "local a, b = plain_pair()
         local context, client = contexts()
         local line = begin(a.read, a, '*l')
         utils['yield']()
         is(a:interrupt()) { true }
         is(client:upgrade(a, 'localhost')) { n = 2, nil, 'busy' }
         is(line()) { n = 2, nil, 'interrupted' }
         local served = begin(context.upgradeserver, context, b)
         assert(client:upgrade(a, 'localhost'))
         assert(served())
         done()",
    );
}
