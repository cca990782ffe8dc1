-- lem.http.server: requests to a function, over plain or encrypted streams.
local core = ...
require 'lem.http'
local host, message = core.host, core.http
local io, response = require 'lem.io', require 'lem.http.response'

local Server, Request = core.class(), core.class()
local server = { Server = Server, Request = Request }

function server.debug() end

-- How many seconds a client may take to send the head of a request, from the end of the request before; false: for ever.
Server.head_timeout = 60

function server.urldecode(text)
	return (text:gsub('+', ' '):gsub('%%(%x%x)', function(digits)
		return string.char(tonumber(digits, 16))
	end))
end

-- What a client can make a server store that does not say how much it wants.
local MAX_BODY = 16 * 2 ^ 20

-- The body of a request as a text: '' if there is none; nil and 'oversized' if it is longer than `max` bytes.
function Request:body(max)
	if self.text_of_body then
		return self.text_of_body
	end
	if self.expects then
		self.expects = nil
		local done, problem = self.client:write 'HTTP/1.1 100 Continue\r\n\r\n'
		if not done then
			return nil, problem
		end
	end
	local text, problem = '', nil
	if self.length ~= 0 then
		text, problem = message.text_of_body(self.client, self.length, max or MAX_BODY)
	end
	if not text then
		self.failed = true
		return nil, problem
	end
	self.length, self.text_of_body = 0, text
	return text
end

-- Opens what is to be sent as a file: its length; a file that is not there is a 404.
local function open_file(request, res)
	local file = res.file
	if type(file) == 'string' then
		file = io.open(file)
		if not file or getmetatable(file) ~= io.File then
			response.not_found(request, res)
			return nil
		end
		res.opened = file
	end
	local size = file:size()
	if not size then
		response.not_found(request, res)
		return nil
	end
	return file, size
end

local DAYS = { 'Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat' }
local MONTHS = { 'Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec' }

-- HTTP's form of a time, whatever the locale.
local function date(seconds)
	local t = os.date('!*t', math.floor(seconds))
	return ('%s, %02d %s %04d %02d:%02d:%02d GMT'):format(
		DAYS[t.wday], t.day, MONTHS[t.month], t.year, t.hour, t.min, t.sec)
end

-- What is to be sent: the text in front, and the file behind it with its size. It raises if the response is none.
local function prepare(request, res, keeps)
	local file, size
	if res.file then
		file, size = open_file(request, res)
	end
	local headers = res.headers
	size = size or res:contentlength()
	local status = res.status and tonumber(response.status_string(res.status):match '^%d+') or 200
	local has_body = message.has_body(request.method, status)
	if not message.has_body(nil, status) then
		if status ~= 304 then
			headers['Content-Length'] = nil
		end
	elseif not headers['Content-Length'] and (size > 0 or res.status or file) then
		headers['Content-Length'] = ('%d'):format(size)
	end
	headers.Date = headers.Date or date(host.now())
	headers.Server = headers.Server or 'lem'
	headers.Connection = headers.Connection or (keeps and 'keep-alive' or 'close')
	local texts = {}
	res:appendheader(texts)
	if has_body and not file then
		res:appendbody(texts)
	end
	return table.concat(texts), has_body and file or nil, size
end

local function text_of(problem)
	local ok, text = pcall(tostring, problem)
	return ok and type(text) == 'string' and text or 'an error without a text'
end

-- Calls f: whether that went well, and what it returns. What it raises is told, and ends nothing.
local function guarded(f, ...)
	local arguments = core.pack(...)
	local function call()
		return f(core.unpack(arguments, 1, arguments.n))
	end
	local results = core.pack(xpcall(call, function(problem)
		return debug.traceback(text_of(problem), 2)
	end))
	if not results[1] then
		host.report(text_of(results[2]))
	end
	return core.unpack(results, 1, results.n)
end

local function server_error(request)
	local res = response.new(request)
	response.server_error(request, res)
	return res
end

-- Sends a response, or 500 in the place of one that is none. Whether all of it was sent, and another one may follow.
local function send(client, request, res, keeps)
	local ok, text, file, size = guarded(prepare, request, res, keeps)
	if not ok then
		keeps = false
		text, file = prepare(request, server_error(request), keeps), nil
	end
	local done = client:write(text)
	if done and file then
		local sent, count = guarded(client.sendfile, client, file, size)
		done = sent and count == size
	end
	if res.opened then
		res.opened:close()
	end
	return done and keeps
end

-- The response of the program's function; whether that went well.
local function answer(self, request)
	local res = response.new(request)
	if guarded(self.handler, request, res) then
		return res, true
	end
	return server_error(request), false
end

local function refuse(client, refusal)
	local res = response.new {}
	refusal(nil, res)
	send(client, {}, res, false)
end

-- One request and its answer; whether another one may follow.
local function serve_one(self, client)
	client:settimeout(self.head_timeout or nil)
	local request, problem = client:read 'HTTPRequest'
	client:settimeout(nil)
	if not request then
		if problem == 'parse error' or problem == 'out of buffer space' then
			refuse(client, response.bad_request)
		end
		return false
	end
	setmetatable(request, Request)
	request.client = client
	request.path = server.urldecode(request.uri:match '^[^?]*')
	if not request.version:find '^1%.' then
		refuse(client, response.version_not_supported)
		return false
	end
	local length
	length, problem = message.length_of(request.headers, request.version)
	if not length or request.version ~= '1.0' and not request.headers.host then
		refuse(client, problem == message.UNKNOWN_CODING and response.not_implemented or response.bad_request)
		return false
	end
	request.length = length == 'none' and 0 or length
	local expects = request.headers.expect
	if expects then
		if expects:lower() ~= '100-continue' then
			refuse(client, response.expectation_failed)
			return false
		end
		request.expects = true
	end
	local connection = (request.headers.connection or ''):lower()
	local keeps = not connection:find('close', 1, true)
		and (request.version ~= '1.0' or connection:find('keep-alive', 1, true) ~= nil)
	local res, went_well = answer(self, request)
	keeps = keeps and went_well
	-- A body that nobody wanted stands in front of the next request.
	if request.length ~= 0 and not request.failed then
		if request.expects or not request:body() then
			keeps = false
		end
	end
	keeps = keeps and not request.failed
	local ok, closes = pcall(function()
		return res.headers.Connection:lower() == 'close'
	end)
	if ok and closes then
		keeps = false
	end
	return send(client, request, res, keeps)
end

-- A server at a host and a port, or on a listening socket of lem.io or lem.ssl. f(request, response) is called.
function server.new(where, port, f)
	local socket = where
	if type(where) == 'string' then
		local problem
		socket, problem = io.tcp.listen(where, port)
		if not socket then
			return nil, problem
		end
	else
		f = port
	end
	return setmetatable({ socket = socket, handler = f, debug = server.debug }, Server)
end

function Server:run()
	return self.socket:autospawn(function(client)
		guarded(self.debug, 'info', 'new client')
		while serve_one(self, client) do end
		client:close()
	end)
end

function Server:close()
	return self.socket:close()
end

return server
