//! What a peer may make `lem.http` do: bounded time, bounded memory, and errors that end nothing.

use crate::support::passes;

const SERVER: &str = "
    local client = require 'lem.http.client'
    -- A server that answers every request by these bytes, written by f(stream).
    local function raw(f)
        local socket = io_.tcp.listen('127.0.0.1', 0)
        begin(socket.autospawn, socket, function(s) s:read 'HTTPRequest' f(s) s:close() end)
        return 'http://127.0.0.1:' .. select(2, socket:address()) .. '/', socket
    end
    local c = client.new()
";

#[test]
fn blanks_within_a_head_cost_no_more_time_than_other_bytes() {
    passes(
        "require 'lem.http'
         local a, b = plain_pair()
         local blanks = (' '):rep(16000)
         local head = { 'GET / HTTP/1.1\\r\\n' }
         for i = 1, 6 do head[#head + 1] = ('X-%d: a%sb%s\\r\\n'):format(i, blanks:sub(1, 8000), blanks:sub(1, 8000)) end
         head[#head + 1] = ' ' .. blanks .. 'c\\r\\n'
         spawn(function() a:write(table.concat(head), '\\r\\n') end)
         local before = os.clock()
         local request = assert(b:read 'HTTPRequest')
         local took = os.clock() - before
         is(request.headers['x-1']) { 'a' .. blanks:sub(1, 8000) .. 'b' }
         is(request.headers['x-6']) { 'a' .. blanks:sub(1, 8000) .. 'b c' }
         assert(took < 0.5, 'it took ' .. took .. ' s')
         done()",
    );
}

#[test]
fn a_head_has_a_limit_for_all_of_it_and_begins_before_long() {
    passes(
        "require 'lem.http'
         local a, b = plain_pair()
         a:write 'GET / HTTP/1.1\\r\\n'
         spawn(function() for i = 1, 12 do a:write('X: ', ('x'):rep(16000), '\\r\\n') end a:write '\\r\\n' end)
         is(b:read 'HTTPRequest') { n = 2, nil, 'out of buffer space' }
         local a, b = plain_pair()
         a:write(('\\r\\n'):rep(5), 'GET / HTTP/1.1\\r\\n\\r\\n')
         is(b:read 'HTTPRequest'.method) { 'GET' }
         a:write(('\\r\\n'):rep(50))
         is(b:read 'HTTPRequest') { n = 2, nil, 'parse error' }
         done()",
    );
}

#[test]
fn a_chunk_is_as_long_as_it_says_or_refused() {
    passes(&format!(
        "{SERVER}
         for _, size in ipairs {{ '8000000000000000', 'ffffffffffffffff', '1000000000000000000', '-1', '', '3x' }} do
             local url, s = raw(function(s)
                 s:write('HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n', size, '\\r\\n\\r\\n')
                 s:write '5\\r\\nabcde\\r\\n0\\r\\n\\r\\n'
             end)
             is(c:get(url):body()) {{ n = 2, nil, 'parse error' }}
             s:close()
         end
         local s, _, port = serve(function(req, res) res:add(select(2, req:body(10)) or 'it was read') end)
         for _, size in ipairs {{ '8000000000000000', '7fffffffffffffff', 'fffffffffffffff' }} do
             local a = io_.tcp.connect('127.0.0.1', port)
             a:write('POST / HTTP/1.1\\r\\nHost: x\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n', size, '\\r\\n\\r\\n')
             local body = a:read '*a'
             assert(body:find 'parse error$' or body:find 'oversized$', body)
         end
         s:close()
         done()"
    ));
}

#[test]
fn trailers_and_interim_answers_have_an_end() {
    passes(&format!(
        "{SERVER}
         local url, s = raw(function(s)
             s:write 'HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n1\\r\\na\\r\\n0\\r\\nX: y\\r\\n\\r\\n'
         end)
         is(c:get(url):body()) {{ 'a' }}
         s:close()
         local url, s = raw(function(s)
             s:write 'HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n'
             while s:write(('X: y\\r\\n'):rep(100)) do end
         end)
         is(c:get(url):body()) {{ n = 2, nil, 'out of buffer space' }}
         s:close()
         local url, s = raw(function(s) while s:write 'HTTP/1.1 100 Continue\\r\\n\\r\\n' do end end)
         is(c:get(url)) {{ n = 2, nil, 'parse error' }}
         s:close()
         done()"
    ));
}

#[test]
fn a_body_in_the_hands_of_a_client_has_a_limit() {
    passes(&format!(
        "{SERVER}
         local text = ('x'):rep(100)
         for _, head in ipairs {{ 'Content-Length: 100\\r\\n\\r\\n', '\\r\\n',
             'Transfer-Encoding: chunked\\r\\n\\r\\n64\\r\\n' }} do
             local url, s = raw(function(s)
                 s:write('HTTP/1.1 200 OK\\r\\n', head, text, head:find 'chunked' and '\\r\\n0\\r\\n\\r\\n' or '')
             end)
             is(c:get(url):body(99)) {{ n = 2, nil, 'oversized' }}
             is(c:get(url):body(100)) {{ text }}
             is(c:get(url):body()) {{ text }}
             s:close()
         end
         local url, s = raw(function(s)
             s:write 'HTTP/1.1 200 OK\\r\\n\\r\\n'
             while s:write(('x'):rep(1000000)) do end
         end)
         is(c:get(url):body()) {{ n = 2, nil, 'oversized' }}
         s:close()
         done()"
    ));
}

#[test]
fn a_body_of_single_bytes_takes_no_more_memory_than_its_text() {
    passes(&format!(
        "{SERVER}
         local url, s = raw(function(s)
             s:write 'HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n'
             for i = 1, 60 do s:write(('1\\r\\nx\\r\\n'):rep(1000)) end
             collectgarbage() collectgarbage()
             -- Nobody has all of the body yet: what is there are its parts.
             before = collectgarbage 'count'
             s:write '0\\r\\n\\r\\n'
         end)
         collectgarbage() collectgarbage()
         local start = collectgarbage 'count'
         is(#c:get(url):body()) {{ 60000 }}
         assert(before - start < 700, before - start)
         s:close()
         done()"
    ));
}

#[test]
fn a_response_that_is_none_is_a_500_and_ends_nothing() {
    passes(&format!(
        "{SERVER}
         local broken = {{
             status = function(res) res.status = {{}} end,
             half = function(res) res.status = 200.5 end,
             split = function(res) res.status = '200 OK\\r\\nX: y' end,
             file = function(res) res.file = {{}} end,
             headers = function(res) res.headers = nil end,
             text = function(res) res[1] = setmetatable({{}}, {{ __tostring = function() error 'expected' end }}) end,
             silent = function() error(setmetatable({{}}, {{ __tostring = function() return {{}} end }})) end,
             bytes = function() error 'not UTF-8: \\255' end,
         }}
         local s, url = serve(function(req, res)
             local f = broken[req.path:sub(2)]
             if f then f(res) else res:add 'fine' end
         end)
         for name in pairs(broken) do
             is(name, c:get(url .. '/' .. name).status) {{ name, 500 }}
             is(c:get(url):body()) {{ 'fine' }}
         end
         s.debug = function() error 'expected by a test' end
         c:close()
         is(c:get(url):body()) {{ 'fine' }}
         s:close()
         done()"
    ));
}

#[test]
fn a_request_whose_end_others_see_elsewhere_is_refused() {
    passes(
        "local handled = {}
         local s, _, port = serve(function(request, response)
             handled[#handled + 1] = request.path
             response.status = tonumber(request.path:match '%d+')
             response:add 'body'
         end)
         local function answer(text)
             local c = io_.tcp.connect('127.0.0.1', port)
             c:write(text)
             c:settimeout(20)
             local head = c:read 'HTTPResponse'
             c:closewrite()
             return head.status, c:read '*a', head.headers
         end
         local host, chunked = 'Host: x\\r\\n', 'Transfer-Encoding: chunked\\r\\n'
         local rest = '\\r\\n0\\r\\n\\r\\nGET /smuggled HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'
         local function refused(status, text)
             local got, body = answer(text .. rest)
             is(got) { status }
             assert(not body:find 'HTTP/1.1', 'it goes on')
         end
         refused(400, 'POST /a HTTP/1.1\\r\\nContent-Length: 5\\r\\n' .. host .. chunked)
         refused(501, 'POST /a HTTP/1.1\\r\\nTransfer-Encoding: xyz\\r\\n' .. host .. chunked)
         refused(400, 'POST /a HTTP/1.0\\r\\nConnection: keep-alive\\r\\n' .. chunked)
         refused(400, 'POST /a HTTP/1.1\\r\\n' .. chunked)
         refused(400, 'POST /a HTTP/1.1\\r\\n' .. host .. host .. chunked)
         refused(400, 'POST /a HTTP/1.1\\r\\nX: a\\0b\\r\\n' .. host .. chunked)
         refused(400, 'POST /a HTTP/1.1\\r\\nX: a\\rb\\r\\n' .. host .. chunked)
         is(#handled) { 0 }
         for _, status in ipairs { 204, 304 } do
             local got, body, headers = answer('GET /' .. status .. ' HTTP/1.1\\r\\n' .. host .. '\\r\\n')
             is(got, body, headers['content-length']) { n = 3, status, '', nil }
         end
         s:close()
         done()",
    );
}

#[test]
fn a_client_that_sends_no_head_is_let_go() {
    passes(
        "local s, _, port = serve(function(_, response) sleep(0.3) response:add 'slow' end)
         is(s.head_timeout) { 60 }
         s.head_timeout = 0.1
         local c = io_.tcp.connect('127.0.0.1', port)
         c:write 'GET / HTTP/1.1\\r\\nHost: x\\r\\n'
         c:settimeout(20)
         is(c:read '*l') { n = 2, nil, 'closed' }
         -- The program's function may take its time.
         local c = io_.tcp.connect('127.0.0.1', port)
         c:write 'GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'
         is(c:read 'HTTPResponse'.status) { 200 }
         s:close()
         done()",
    );
}

#[test]
fn a_head_that_has_not_come_whole_is_not_taken() {
    passes(
        "require 'lem.http'
         for _, ends in ipairs { pair, plain_pair } do
             local a, b = ends()
             a:write 'GET / HTTP/1.1\\r\\nHo'
             b:settimeout(0.1)
             is(b:read 'HTTPRequest') { n = 2, nil, 'timeout' }
             a:write 'st: h\\r\\n\\r\\nrest'
             b:settimeout(20)
             is(b:read 'HTTPRequest'.headers.host) { 'h' }
             is(b:read(4)) { 'rest' }
             a:write 'GET / HTTP/1.1\\r\\n'
             a:close()
             is(b:read 'HTTPRequest') { n = 2, nil, 'closed' }
             is(b:read '*a') { 'GET / HTTP/1.1\\r\\n' }
         end
         done()",
    );
}

#[test]
fn a_body_that_is_cut_off_is_not_whole() {
    passes(
        "local client = require 'lem.http.client'
         local socket = io_.tcp.listen('127.0.0.1', 0)
         local _, port = socket:address()
         spawn(function()
             local s = socket:accept()
             s:read(100)
             s:write 'HTTP/1.0 200 OK\\r\\n\\r\\nhalf'
             sleep(0.2)
             -- What has come and was not read makes a reset of this.
             s:abort()
         end)
         local c = client.new()
         local response = c:request { url = 'http://127.0.0.1:' .. port, method = 'POST', body = ('x'):rep(1000000) }
         if response then
             is(response:body()) { n = 2, nil, 'connection lost' }
         end
         done()
         utils.exit(0)",
    );
}

#[test]
fn a_request_is_sent_again_only_where_a_kept_connection_has_ended() {
    passes(
        "local client = require 'lem.http.client'
         local socket = io_.tcp.listen('127.0.0.1', 0)
         local _, port = socket:address()
         local seen, answers = 0, {}
         spawn(function()
             socket:autospawn(function(s)
                 while s:read 'HTTPRequest' do
                     seen = seen + 1
                     local answer = table.remove(answers, 1)
                     if answer == false then break end
                     s:write(answer)
                 end
                 s:close()
             end)
         end)
         local ok = 'HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok'
         local url = 'http://127.0.0.1:' .. port .. '/'
         local function second(answer)
             answers, seen = { ok, answer, ok }, 0
             local c = client.new()
             is(c:get(url):body()) { 'ok' }
             c.stream:settimeout(0.2)
             local response, problem = c:get(url)
             local limit = c.stream and c.stream.limit
             c:close()
             return response and response.status or problem, seen, limit
         end
         is(second(false)) { 200, 3, 0.2 }
         is(second '') { n = 3, 'timeout', 2, nil }
         is(second 'HTTP/1.1 2') { n = 3, 'timeout', 2, nil }
         is(second 'nonsense\\r\\n\\r\\n') { n = 3, 'parse error', 2, nil }
         socket:close()
         done()
         utils.exit(0)",
    );
}
