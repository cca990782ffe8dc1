//! `lem.io`: connections and servers.

use crate::support::passes;

#[test]
fn a_connection_reads_and_writes_at_once() {
    passes(
        "local a, b = plain_pair()
         is(getmetatable(a) == io_.Stream) { true }
         local line = begin(a.read, a, '*l')
         utils['yield']()
         is(a:write('x', 1, '\\n')) { true }
         is(b:read '*l') { 'x1' }
         is(a:read()) { n = 2, nil, 'busy' }
         b:write 'answer\\n'
         is(line()) { 'answer' }
         is((a:getpeer())) { '127.0.0.1' }
         is(select(2, a:getpeer()) == select(2, b:getlocal())) { true }
         is(math.type == nil or math.type(select(2, a:getpeer())) == 'integer') { true }
         is(a:uncork(), a:cork()) { true, true }
         done()",
    );
}

#[test]
fn close_wakes_reader_and_writer_with_closed() {
    passes(
        "local a, b = plain_pair()
         local read, written = begin(a.read, a, '*a'), begin(a.write, a, ('x'):rep(50000000))
         utils['yield']()
         is(a:busy()) { true }
         is(a:close()) { true }
         is(read()) { n = 2, nil, 'closed' }
         is(written()) { n = 2, nil, 'closed' }
         is(a:close()) { n = 2, nil, 'closed' }
         is(a:closed(), a:cork()) { n = 3, true, nil, 'closed' }
         is(a:interrupt()) { n = 2, nil, 'not busy' }
         done()",
    );
}

#[test]
fn after_the_end_of_input_one_may_still_write() {
    passes(
        "local a, b = plain_pair()
         a:closewrite()
         is(b:read '*a') { '' }
         is(b:write 'answer\\n') { true }
         is(a:read '*l') { 'answer' }
         done()",
    );
}

#[test]
fn modes_are_checked_and_have_the_originals_words() {
    passes(
        "local a, b = plain_pair()
         for _, mode in ipairs { '*n', '*L', 'l', '12', '*line', {}, true } do
             contains(raised(a.read, a, mode), \"bad argument #1 to 'read' (invalid format)\")
         end
         b:write 'key=value;rest\\n'
         is(a:read('*l', '=')) { 'key' }
         is(a:read('*l', ';')) { 'value' }
         contains(raised(a.read, a, '*l', 'ab'), 'a stop byte expected')
         is(a:read(0)) { '' }
         is(a:read '*l') { 'rest' }
         done()",
    );
}

#[test]
fn connecting_fails_with_what_was_tried_and_why() {
    passes(
        "contains(failed(io_.tcp.connect('127.0.0.1', '1')), \"error connecting to '127.0.0.1:1': \")
         contains(failed(io_.tcp.connect('no.such.name.invalid', 80)), \"error looking up 'no.such.name.invalid:80': \")
         contains(failed(io_.tcp.connect('127.0.0.1', 70000)), \"error looking up '127.0.0.1:70000': \")
         contains(raised(io_.tcp.connect, '127.0.0.1'), \"bad argument #2 to 'connect'\")
         contains(raised(io_.tcp.connect, '127.0.0.1', 80, 'ipv5'), \"invalid option 'ipv5'\")
         done()",
    );
}

#[test]
fn servers_listen_on_all_addresses_or_one_family() {
    passes(
        "for _, listen in ipairs { io_.tcp.listen, io_.tcp.listen4 } do
             local server = assert(listen('*', '0'))
             is(getmetatable(server) == io_.Server) { true }
             local _, port = server:address()
             local accepted = begin(server.accept, server)
             local a = assert(io_.tcp.connect('localhost', tostring(port), 'ipv4'))
             local b = accepted()
             a:write 'x\\n'
             is(b:read '*l') { 'x' }
             contains(failed(io_.tcp.listen4('127.0.0.1', port)), \"error binding to '127.0.0.1:\")
             server:close()
         end
         done()",
    );
}

#[test]
fn autospawn_ends_with_interrupted() {
    passes(
        "local server = io_.tcp.listen('127.0.0.1', 0)
         local served = begin(server.autospawn, server, function() end)
         utils['yield']()
         is(server:busy(), server:interrupt()) { true, true }
         is(served()) { n = 2, nil, 'interrupted' }
         local served = begin(server.autospawn, server, function() end)
         utils['yield']()
         is(server:close()) { true }
         is(served()) { n = 2, nil, 'interrupted' }
         is(server:close()) { n = 2, nil, 'closed' }
         is(server:interrupt()) { n = 2, nil, 'not busy' }
         is(server:autospawn(function() end)) { n = 2, nil, 'closed' }
         contains(raised(server.autospawn, server, 'f'), 'function expected')
         done()",
    );
}

#[test]
fn unix_sockets_have_paths_and_permissions() {
    passes(
        "local path = os.tmpname()
         os.remove(path)
         local server = assert(io_.unix.listen(path, 600))
         local accepted = begin(server.accept, server)
         local a = assert(io_.unix.connect(path))
         local b = accepted()
         a:write 'x\\n'
         is(b:read '*l') { 'x' }
         is((a:getpeer())) { '*unix' }
         contains(failed(io_.unix.listen(path)), \"error binding to '\" .. path)
         server:close()
         os.remove(path)
         contains(failed(io_.unix.connect(path)), \"error connecting to '\" .. path .. \"': \")
         contains(raised(io_.unix.connect, ('x'):rep(108)), 'path too long')
         contains(raised(io_.unix.listen, path, 999), 'invalid permissions')
         done()",
    );
}

#[test]
fn a_file_that_is_being_sent_keeps_other_writes_out() {
    passes(
        "local name = os.tmpname()
         local file = io_.open(name, 'w+')
         file:write(('a'):rep(2 ^ 24))
         local a, b = plain_pair()
         local sent = begin(a.sendfile, a, file, 2 ^ 24)
         utils['yield']()
         for i = 1, 50 do
             is(a:write 'X') { n = 2, nil, 'busy' }
             is(a:sendfile(file, 1)) { n = 3, nil, 'busy', 0 }
             is(a:busy()) { true }
             utils['yield']()
         end
         is(b:read(2 ^ 24)) { ('a'):rep(2 ^ 24) }
         is(sent()) { 2 ^ 24 }
         is(a:write 'X\\n', b:read '*l') { true, 'X' }
         -- What it came to.
         local before = a:written()
         a:settimeout(0.2)
         -- How much the kernel holds differs.
         local at, done_, message, count
         repeat
             at = a:written()
             done_, message, count = a:sendfile(file, 2 ^ 24)
         until not done_
         is(done_, message, count) { n = 3, nil, 'timeout', a:written() - at }
         is(a:write(('b'):rep(2 ^ 24))) { n = 2, nil, 'timeout' }
         local all = a:written() - before
         a:settimeout(nil)
         local interrupted = begin(a.sendfile, a, file, 2 ^ 24)
         sleep(0.05)
         is(a:interrupt()) { true }
         is((select(2, interrupted()))) { 'interrupted' }
         is(a:busy()) { false }
         all = a:written() - before
         a:close()
         is(#b:read '*a') { all }
         file:close()
         os.remove(name)
         done()",
    );
}
