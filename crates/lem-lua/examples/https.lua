#!/usr/bin/env lem
-- An HTTPS server.
--
--   lem examples/https.lua [PORT [CHAIN.pem KEY.pem]]
--   curl -k https://localhost:4433/hello/you

local ssl, hathaway, signal = require 'lem.ssl', require 'lem.hathaway', require 'lem.signal'

hathaway.import()

GET('/', function(_, res)
	res.headers['Content-Type'] = 'text/html'
	res:add '<h1>It works</h1><p><a href="/hello/you">Say hello</a></p>\n'
end)

GETM('/hello/(.+)', function(_, res, name)
	res.headers['Content-Type'] = 'text/plain'
	res:add('Hello, %s!\n', name)
end)

POST('/echo', function(req, res)
	res:add(req:body(1024 * 1024) or 'that is too much')
end)

local context = assert(ssl.newcontext(arg[2] and { cert = arg[2], key = arg[3] } or { selfsigned = 'localhost' }))
local server = assert(context:listen('*', tonumber(arg[1] or 4433)))
print('serving on port ' .. select(2, server:address()))

local function stop()
	server:close()
end
signal.register('INT', stop)
signal.register('TERM', stop)
Hathaway(server)
