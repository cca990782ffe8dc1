-- What the scripts of the tests have in common.
package.path, package.cpath = '?.lua', '?.so'
ssl, utils, io_, queue = require 'lem.ssl', require 'lem.utils', require 'lem.io', require 'lem.queue'
spawn, unpack = utils.spawn, table.unpack or unpack
finished = false

function done()
	finished = true
end

function sleep(seconds)
	return utils.newsleeper():sleep(seconds)
end

local function shown(...)
	local texts = {}
	for i = 1, select('#', ...) do
		local value = select(i, ...)
		texts[i] = type(value) == 'string' and ('%q'):format(value) or tostring(value)
	end
	return #texts == 0 and 'nothing' or table.concat(texts, ', ')
end

-- is(f(...)) { expected... }: as many values, and the same ones.
function is(...)
	local got = { n = select('#', ...), ... }
	local text = shown(...)
	return function(expected)
		local count = expected.n or #expected
		local same = got.n == count
		for i = 1, count do
			same = same and got[i] == expected[i]
		end
		if not same then
			error(('got %s, not %s'):format(text, shown(unpack(expected, 1, count))), 2)
		end
	end
end

function failed(value, message)
	assert(value == nil, 'it has not failed')
	return message
end

-- What f(...) raises, without where.
function raised(f, ...)
	local ok, message = pcall(f, ...)
	assert(not ok, 'nothing was raised')
	return (message:gsub('^[^:]+:%d+: ', ''))
end

function contains(text, part)
	if not tostring(text):find(part, 1, true) then
		error(('%q is not in %q'):format(part, tostring(text)), 2)
	end
end

local context, client

function contexts()
	if not context then
		context = assert(ssl.newcontext { selfsigned = { 'localhost' } })
		client = assert(ssl.newcontext { ca = context:certificate() })
	end
	return context, client
end

-- Two ends of an encrypted connection: the client's, the server's.
function pair(options)
	contexts()
	local server = assert(context:listen '127.0.0.1:0')
	local _, port = server:address()
	local accepted = queue.new()
	spawn(function()
		accepted:put(server:accept() or false)
		server:close()
	end)
	local dialling = client
	if options then
		options.ca = context:certificate()
		dialling = assert(ssl.newcontext(options))
	end
	return assert(dialling:connect('localhost', port)), assert(accepted:get())
end

-- Two ends of a plain connection.
function plain_pair()
	local server = assert(io_.tcp.listen('127.0.0.1', 0))
	local _, port = server:address()
	local accepted = queue.new()
	spawn(function()
		accepted:put(server:accept() or false)
		server:close()
	end)
	return assert(io_.tcp.connect('127.0.0.1', port)), assert(accepted:get())
end

-- The result of f(...) in a coroutine of its own, once it is there: a function that waits for it.
function begin(f, ...)
	local results = queue.new()
	local function keep(...)
		results:put { n = select('#', ...), ... }
	end
	spawn(function(...)
		keep(f(...))
	end, ...)
	return function()
		local values = results:get()
		return unpack(values, 1, values.n)
	end
end

-- An HTTP server that answers by f(request, response): itself, its URL without a path, its port.
function serve(f, encrypted)
	local socket = encrypted and contexts():listen '127.0.0.1:0' or io_.tcp.listen('127.0.0.1', 0)
	local s = require 'lem.http.server'.new(socket, f)
	begin(s.run, s)
	local _, port = socket:address()
	return s, (encrypted and 'https://localhost:' or 'http://127.0.0.1:') .. port, port
end
