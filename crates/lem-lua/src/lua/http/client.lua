-- lem.http.client: requests, over one connection as long as they go to one place.
local core = ...
require 'lem.http'
local message = core.http
local io, ssl = require 'lem.io', require 'lem.ssl'

local Client, Response = core.class(), core.class()
local client = { Client = Client, Response = Response }

-- `ssl`: the context for https; without one, servers are verified by Mozilla's roots.
function client.new(context)
	return setmetatable({ ssl = context }, Client)
end

-- The parts of a URL: scheme, host, port, path with query.
local function parse(url)
	local scheme, authority, path = url:match '^(%a[%w+.-]*)://([^/?#]*)([^#]*)'
	if not scheme then
		core.raise 'Invalid URL'
	end
	scheme = scheme:lower()
	if scheme ~= 'http' and scheme ~= 'https' then
		core.raise 'Unknown protocol'
	end
	authority = authority:gsub('^.*@', '')
	local host, port = authority:match '^(%[[%x:.]+%]):?(%d*)$'
	if not host then
		host, port = authority:match '^([^:]+):?(%d*)$'
	end
	if not host or path:find '[%c ]' then
		core.raise 'Invalid URL'
	end
	if not path:find '^/' then
		path = '/' .. path
	end
	return scheme, host, port ~= '' and port or nil, path
end

local function open(self, scheme, host, port)
	if scheme == 'https' then
		self.ssl = self.ssl or assert(ssl.newcontext())
		return self.ssl:connect(host .. ':' .. (port or 443))
	end
	return io.tcp.connect(host, port or 80)
end

local function let_go(self)
	if self.stream then
		self.stream:close()
		self.stream, self.place, self.last = nil, nil, nil
	end
end

local function head(request, method, host, port, path, body)
	local headers = { Host = host .. (port and ':' .. port or ''), ['User-Agent'] = 'lem' }
	if body then
		headers['Content-Length'] = #body
	end
	for name, value in pairs(request.headers or {}) do
		headers[name] = value
	end
	local lines = {}
	for name, value in pairs(headers) do
		local line = ('%s: %s'):format(name, value)
		if line:find '[\r\n]' then
			core.raise 'a header has a line break'
		end
		lines[#lines + 1] = line
	end
	-- The order of a table is another one in each run: with it, what is sent would not follow from a world's seed.
	table.sort(lines)
	table.insert(lines, 1, ('%s %s HTTP/1.1'):format(method, path))
	return table.concat(lines, '\r\n') .. '\r\n\r\n'
end

-- How many answers that are none yet ("100 Continue") may stand in front of one.
local MAX_INTERIM = 16

-- Whether the server has ended the connection, and nothing else has gone wrong.
local function has_ended(stream, problem)
	return problem == 'closed' or stream.verbs.was_cut(stream[1])
end

-- The response, or nil, a message, and whether the server has ended the connection before a byte of an answer.
local function send(self, text)
	local stream = self.stream
	local done, problem = stream:write(text)
	if not done then
		return nil, problem, has_ended(stream, problem)
	end
	for i = 0, MAX_INTERIM do
		local response
		response, problem = stream:read 'HTTPResponse'
		if not response then
			return nil, problem, i == 0 and has_ended(stream, problem) and not stream:read()
		elseif response.status >= 200 or response.status == 101 then
			return response
		end
	end
	return nil, 'parse error'
end

-- Sends { url =, method =, headers =, body = }: the response, or nil and a message.
function Client:request(request)
	local scheme, host, port, path = parse(core.check_string(request.url, 1, 'request'))
	local method, body = request.method or 'GET', request.body
	local text = head(request, method, host, port, path, body) .. (body or '')
	local place = scheme .. '://' .. host .. ':' .. (port or '')
	-- What was not read of the answer before stands in front of this one.
	if self.stream and (self.place ~= place or self.last and not self.last.is_read or self.stream:closed()) then
		let_go(self)
	end
	local reused = self.stream ~= nil
	local limit = reused and self.stream.limit
	local response, problem, has_nothing
	for _ = 1, 2 do
		if not self.stream then
			local stream
			stream, problem = open(self, scheme, host, port)
			if not stream then
				return nil, problem
			end
			self.stream, self.place = stream, place
			if limit then
				stream:settimeout(limit)
			end
		end
		response, problem, has_nothing = send(self, text)
		if response then
			break
		end
		let_go(self)
		-- A server may end a connection that was kept; only then, and only if nothing can have happened, once more.
		if not reused or not has_nothing or (method ~= 'GET' and method ~= 'HEAD') then
			return nil, problem
		end
		reused = false
	end
	if not response then
		return nil, problem
	end
	response.client, response.stream = self, self.stream
	local length
	if not message.has_body(method, response.status) then
		length = 0
	else
		length, problem = message.length_of(response.headers, response.version)
		if not length then
			let_go(self)
			return nil, problem
		elseif length == 'none' then
			length = 'close'
		end
	end
	response.length = length
	response.is_read = length == 0
	local connection = (response.headers.connection or ''):lower()
	response.closes = length == 'close' or connection:find('close', 1, true) ~= nil
		or response.version == '1.0' and not connection:find('keep-alive', 1, true)
	self.last = response
	return setmetatable(response, Response)
end

function Client:get(url)
	return self:request { url = core.check_string(url, 1, 'get') }
end

function Client:close()
	let_go(self)
	return true
end

-- Reads the body by `read(stream, length, ...)`. Behind one that was not read to its end nothing else can be read.
local function consume(response, read, ...)
	local result, problem = read(response.stream, response.length, ...)
	response.is_read = result ~= nil
	if not result or response.closes then
		if response.client.stream == response.stream then
			let_go(response.client)
		end
	end
	return result, problem
end

-- What a server can make a program store that does not say how much it wants.
local MAX_BODY = 64 * 2 ^ 20

-- The body as a text, also when it is asked for again; nil and 'oversized' if it is longer than `max` bytes.
function Response:body(max)
	if max ~= nil then
		max = core.check_number(max, 1, 'body')
	end
	if self.text_of_body then
		return self.text_of_body
	elseif self.is_read and self.length ~= 0 then
		return nil, 'closed'
	end
	local text, problem = '', nil
	if not self.is_read then
		text, problem = consume(self, message.text_of_body, max or MAX_BODY)
	end
	if not text then
		return nil, problem
	end
	self.text_of_body = text
	return text
end

-- Writes the body of a URL into a file, or a file of that name.
function Client:download(url, file)
	local response, problem = self:get(url)
	if not response then
		return nil, problem
	elseif response.status ~= 200 then
		return nil, ('%d %s'):format(response.status, response.text)
	end
	local target = file
	if type(file) == 'string' then
		target, problem = io.open(file, 'w')
		if not target then
			return nil, problem
		end
	end
	local written, write_problem = true, nil
	local done = response.is_read
	if not done then
		done, problem = consume(response, message.read_body, function(part)
			if written then
				written, write_problem = target:write(part)
			end
		end)
	end
	if target ~= file then
		target:close()
	end
	if not done or not written then
		return nil, problem or write_problem
	end
	return true
end

return client
