//! `lem.http` and `lem.hathaway`, over plain and encrypted streams; `lem.lfs`.

use crate::support::passes;

#[test]
fn heads_are_read_from_any_stream() {
    passes(
        "require 'lem.http'
         for _, make in ipairs { pair, plain_pair } do
             local a, b = make()
             a:write 'GET /x?y HTTP/1.1\\r\\nHost: h\\r\\nX-Long: one\\r\\n  two\\r\\nACCEPT:*/*\\r\\n\\r\\nrest\\n'
             local request = b:read 'HTTPRequest'
             is(request.method, request.uri, request.version) { 'GET', '/x?y', '1.1' }
             is(request.headers.host, request.headers['x-long'], request.headers.accept) { 'h', 'one two', '*/*' }
             is(b:read(5)) { 'rest\\n' }
             b:write 'HTTP/1.0 404 \\r\\n\\r\\n'
             local response = a:read 'HTTPResponse'
             is(response.version, response.status, response.text) { '1.0', 404, '' }
             a:write 'nonsense\\r\\n\\r\\n'
             is(b:read 'HTTPRequest') { n = 2, nil, 'parse error' }
             a:write 'GET / HTTP/1.1\\r\\nContent-Length: 1\\r\\nContent-Length: 2\\r\\n\\r\\n'
             is(b:read 'HTTPRequest') { n = 2, nil, 'parse error' }
             a:close()
             is(b:read 'HTTPRequest') { n = 2, nil, 'closed' }
         end
         done()",
    );
}

#[test]
fn an_interrupted_head_goes_on_where_it_was() {
    passes(
        "require 'lem.http'
         local a, b = pair()
         local request = begin(b.read, b, 'HTTPRequest')
         a:write 'GET / HTTP/1.1\\r\\nHost: h\\r\\n'
         sleep(0.01)
         b:interrupt()
         is(request()) { n = 2, nil, 'interrupted' }
         a:write '\\r\\n'
         is(b:read 'HTTPRequest'.headers.host) { 'h' }
         done()",
    );
}

const SERVER: &str = "
    local client = require 'lem.http.client'
    local c = client.new()
    c.ssl = select(2, contexts())
";

#[test]
fn requests_are_answered_over_one_connection_kept_alive() {
    passes(&format!(
        "{SERVER}
         for _, encrypted in ipairs {{ false, true }} do
             local peers = {{}}
             local s, url = serve(function(req, res)
                 peers[select(2, req.client:getpeer())] = true
                 if req.path == '/file' then res.file = '/etc/hostname' return end
                 if req.path == '/none' then return end
                 res.headers['Content-Type'] = 'text/plain'
                 res:add('%s %s ', req.method, req.path)
                 res:add(req:body())
             end, encrypted)
             local res = assert(c:get(url .. '/a%20b?q'))
             is(res.status, res.text, res.headers['content-type']) {{ 200, 'OK', 'text/plain' }}
             is(res:body(), res:body()) {{ 'GET /a b ', 'GET /a b ' }}
             local res = c:request {{ url = url, method = 'POST', body = 'x=1' }}
             is(res:body()) {{ 'POST / x=1' }}
             is(c:get(url .. '/none').status) {{ 204 }}
             local hostname = io_.open '/etc/hostname':read '*a'
             is(c:get(url .. '/file'):body()) {{ hostname }}
             local path = os.tmpname()
             is(c:download(url .. '/file', path)) {{ true }}
             is(io_.open(path):read '*a') {{ hostname }}
             os.remove(path)
             local count = 0
             for _ in pairs(peers) do count = count + 1 end
             is(count) {{ 1 }}
             c:close() s:close()
         end
         done()"
    ));
}

#[test]
fn a_handler_that_fails_answers_500_and_serves_on() {
    passes(&format!(
        "{SERVER}
         local s, url = serve(function(req, res)
             if req.path == '/bad' then error 'expected by a test' end
             res:add 'fine'
         end)
         is(c:get(url .. '/bad').status) {{ 500 }}
         is(c:get(url .. '/good'):body()) {{ 'fine' }}
         c:close() s:close()
         done()"
    ));
}

#[test]
fn chunks_bodies_without_length_and_refusals_are_understood() {
    passes(&format!(
        "{SERVER}
         local function raw(answer)
             local socket = io_.tcp.listen('127.0.0.1', 0)
             begin(socket.autospawn, socket, function(s) s:read 'HTTPRequest' s:write(answer) s:close() end)
             return 'http://127.0.0.1:' .. select(2, socket:address()), socket
         end
         local url, s = raw('HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n'
             .. '3\\r\\nabc\\r\\n2;x=y\\r\\nde\\r\\n0\\r\\n\\r\\n')
         is(c:get(url):body()) {{ 'abcde' }}
         s:close()
         local url, s = raw 'HTTP/1.0 200 OK\\r\\n\\r\\nuntil the end'
         is(c:get(url):body()) {{ 'until the end' }}
         s:close()
         local url, s = raw 'HTTP/1.1 200 OK\\r\\nContent-Length: 10\\r\\n\\r\\nshort'
         is(c:get(url):body()) {{ n = 2, nil, 'closed' }}
         s:close()
         local url, s = raw 'HTTP/1.1 200 OK\\r\\nContent-Length: -1\\r\\n\\r\\n'
         is(c:get(url)) {{ n = 2, nil, 'invalid content length' }}
         s:close()
         is(raised(c.get, c, 'gopher://x/')) {{ 'Unknown protocol' }}
         is(raised(c.get, c, 'x')) {{ 'Invalid URL' }}
         c:close()
         local s, url = serve(function(req, res)
             local body, problem = req:body(10)
             res:add(body or problem)
         end)
         is(c:request {{ url = url, method = 'PUT', body = ('x'):rep(11) }}:body()) {{ 'oversized' }}
         local expecting = {{ Expect = '100-continue' }}
         is(c:request {{ url = url, method = 'PUT', body = 'x', headers = expecting }}:body()) {{ 'x' }}
         is(c:request {{ url = url, headers = {{ Expect = 'more' }} }}.status) {{ 417 }}
         c:close() s:close()
         done()"
    ));
}

#[test]
fn paths_and_patterns_have_their_functions() {
    passes(
        "local hathaway, client = require 'lem.hathaway', require 'lem.http.client'
         local env = {}
         hathaway.import(env)
         env.GET('/', function(req, res) res:add 'index' end)
         env.POST('/', function(req, res) res:add('posted ' .. req:body()) end)
         env.GETM('/items/(%d+)/(%a+)', function(req, res, number, name) res:add('%s and %s', number, name) end)
         env.GET('/quit', function(req, res) res:add 'bye' hathaway.server:close() end)
         local path = os.tmpname() os.remove(path)
         local socket = io_.tcp.listen('127.0.0.1', 0)
         local url = 'http://127.0.0.1:' .. select(2, socket:address())
         local ended = begin(env.Hathaway, socket)
         local c = client.new()
         is(c:get(url .. '/'):body()) { 'index' }
         is(c:request { url = url .. '/', method = 'POST', body = 'x' }:body()) { 'posted x' }
         is(c:get(url .. '/items/12/box'):body()) { '12 and box' }
         is(c:get(url .. '/nothing').status) { 404 }
         local res = c:request { url = url .. '/', method = 'DELETE' }
         is(res.status, res.headers.allow) { 405, 'GET, POST' }
         is(c:request { url = url .. '/', method = 'HEAD' }.headers['content-length']) { '5' }
         is(c:get(url .. '/quit'):body()) { 'bye' }
         is(ended()) {}
         c:close()
         done()",
    );
}

#[test]
fn folders_and_attributes_are_what_the_system_says() {
    passes(
        "local lfs = require 'lem.lfs'
         local base = os.tmpname()
         is(lfs.remove(base)) { true }
         is(lfs.mkdir(base)) { true }
         is(lfs.mkdir(base)) { n = 2, nil, 'File exists' }
         is(lfs.attributes(base, 'mode')) { 'directory' }
         io_.open(base .. '/a', 'w', 640):write 'text'
         is(lfs.rename(base .. '/a', base .. '/b')) { true }
         is(lfs.touch(base .. '/b', 1000, 2000)) { true }
         local all = lfs.attributes(base .. '/b')
         is(all.mode, all.size, all.permissions, all.access, all.modification)
           { 'file', 4, 'rw-r-----', 1000, 2000 }
         contains(raised(lfs.attributes, base, 'colour'), \"invalid option 'colour'\")
         local names = {}
         for name in lfs.dir(base) do names[#names + 1] = name end
         table.sort(names)
         is(table.concat(names, ' ')) { '. .. b' }
         is(lfs.dir(base .. '/none')) { n = 2, nil, 'No such file or directory' }
         local lock = lfs.lock_dir(base)
         is(lfs.lock_dir(base)) { n = 2, nil, 'File exists' }
         is(lock:free()) { true }
         is(failed(lfs.rmdir(base))) { 'Directory not empty' }
         is(lfs.remove(base .. '/b'), lfs.rmdir(base)) { true, true }
         is(type(lfs.currentdir())) { 'string' }
         done()",
    );
}
