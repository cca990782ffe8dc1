//! `lem.ssl`, the side that accepts.

use crate::support::passes;

#[test]
fn accept_gives_streams_after_their_handshake() {
    passes(
        "local context, client = contexts()
         local server = assert(context:listen('127.0.0.1', 0))
         is(getmetatable(server) == ssl.Server) { true }
         local ip, port = server:address()
         is(ip) { '127.0.0.1' }
         is(server:busy(), server:closed()) { false, false }
         local accepted = begin(server.accept, server)
         utils['yield']()
         is(server:busy()) { true }
         local a = client:connect('localhost', port)
         local b = accepted()
         is(getmetatable(b) == ssl.Stream) { true }
         b:write 'hello\\n'
         is(a:read '*l') { 'hello\\n' }
         done()",
    );
}

#[test]
fn interrupt_and_close_end_a_wait_for_connections() {
    passes(
        "local server = contexts():listen '127.0.0.1:0'
         is(server:interrupt()) { n = 2, nil, 'not busy' }
         local accepted = begin(server.accept, server)
         utils['yield']()
         is(server:accept()) { n = 2, nil, 'busy' }
         is(server:interrupt()) { true }
         is(accepted()) { n = 2, nil, 'interrupted' }
         local served = begin(server.autospawn, server, function() end)
         utils['yield']()
         is(server:close()) { true }
         is(served()) { n = 2, nil, 'interrupted' }
         is(server:close()) { n = 2, nil, 'closed' }
         is(server:accept()) { n = 2, nil, 'closed' }
         is(server:closed()) { true }
         done()",
    );
}

#[test]
fn clients_that_fail_reach_the_log_and_no_function() {
    passes(
        "local context = contexts()
         local log = queue.new()
         local server = context:listen('127.0.0.1:0', function(text) sleep(0.001) log:put(text) end)
         local _, port = server:address()
         begin(server.autospawn, server, function() error 'it was called' end)
         failed(ssl.newcontext():connect('localhost', port))
         contains(log:get(), '127.0.0.1')
         local plain = io_.tcp.connect('127.0.0.1', port)
         plain:write 'GET / HTTP/1.0\\r\\n\\r\\n'
         contains(log:get(), 'HTTP')
         server:close()
         done()",
    );
}

#[test]
fn listening_has_options_and_no_others() {
    passes(
        "local context = contexts()
         contains(raised(context.listen, context, '127.0.0.1:0', { backlok = 1 }), \"unknown option 'backlok'\")
         contains(raised(context.listen, context, '127.0.0.1:0', { backlog = 'long' }), 'backlog')
         done()",
    );
}

#[test]
fn an_address_in_use_is_refused() {
    passes(
        "local context = contexts()
         local server = context:listen '127.0.0.1:0'
         local _, port = server:address()
         contains(failed(context:listen('127.0.0.1', port)), 'address already in use')
         contains(failed(ssl.newcontext():listen '127.0.0.1:0'), 'identity')
         done()",
    );
}

#[test]
fn a_server_may_ask_its_clients_for_certificates() {
    passes(
        "local own = ssl.newcontext { selfsigned = { 'client' } }
         local context = ssl.newcontext {
             selfsigned = 'localhost', clients = 'required', clientca = own:certificate(),
         }
         local server = context:listen '127.0.0.1:0'
         local _, port = server:address()
         local names = queue.new()
         begin(server.autospawn, server, function(s) names:put(s:info().names[1]) s:close() end)
         local nobody = ssl.newcontext { ca = context:certificate() }
         local stream, message = nobody:connect('localhost', port)
         if stream then stream, message = stream:read() end
         is(stream) { n = 1, nil }
         contains(message, 'certificate')
         contains(raised(ssl.newcontext, { clients = 'sometimes' }), \"neither 'required' nor 'optional'\")
         contains(raised(ssl.newcontext, { cert = 'chain.pem' }), 'an identity is a certificate and its key')
         server:close()
         done()",
    );
}

#[test]
fn five_hundred_clients_are_served_at_once() {
    passes(
        "local context, client = contexts()
         local server = context:listen('127.0.0.1:0', { handshakes_per_peer = 1000, backlog = 1000 })
         local _, port = server:address()
         begin(server.autospawn, server, function(s)
             local line = s:read '*l'
             if line then s:write(line) end
             s:close()
         end)
         local answers, count = queue.new(), 500
         for i = 1, count do
             spawn(function()
                 local s = assert(client:connect('localhost', port))
                 s:write(i .. '\\n')
                 answers:put(s:read '*l' == i .. '\\n')
                 s:close()
             end)
         end
         for i = 1, count do assert(answers:get()) end
         server:close()
         done()",
    );
}
