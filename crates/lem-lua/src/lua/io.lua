-- lem.io: connections, servers, files, devices, other programs.
local core = ...
local host, finish, bad_argument = core.host, core.finish, core.bad_argument

local io = { tcp = {}, unix = {} }

local function stream_word(self, message)
	-- Closed by another coroutine: the original tells the one that waits so.
	if message == 'interrupted' and self:closed() then
		return 'closed'
	end
	return message
end

local function invalid_format()
	bad_argument(1, 'read', 'invalid format')
end

local function mode_of(mode)
	if mode == '*l' then
		return mode
	end
	invalid_format()
end

local function closed_word(message)
	return message == 'already closed' and 'closed' or message
end

local stream_kind = {
	name = 'io.Stream',
	keep = false,
	modes = core.modes,
	mode = mode_of,
	read_error = stream_word,
	write_error = stream_word,
	close_error = closed_word,
}
io.Stream = core.stream(stream_kind)
io.Reader, io.Writer = stream_kind.halves()

local file_kind = {
	name = 'io.File',
	keep = false,
	modes = {},
	mode = mode_of,
	read_error = function(self, message)
		if message == 'closed' and not self:closed() then
			return 'eof'
		end
		return message
	end,
	write_error = function(_, message)
		return message
	end,
	close_error = closed_word,
}
local File = core.stream(file_kind)
io.File = File

local WHENCE = { set = true, cur = true, ['end'] = true }

-- Sets the position, and returns it. What was read counts, and nothing that was read ahead.
function File:seek(whence, offset)
	whence = whence or 'cur'
	if not WHENCE[whence] then
		bad_argument(1, 'seek', "invalid option '" .. tostring(whence) .. "'")
	end
	offset = core.check_integer(offset or 0, 2, 'seek', -2 ^ 53, 2 ^ 53)
	file_kind.settle(self)
	return core.begin(host.seek, self[1], whence, offset)
end

function File:size()
	return finish(host.size(self[1]))
end

local LOCKS = { r = true, w = true, u = true }

-- Locks the whole file, or unlocks it. A part of it cannot be locked.
function File:lock(kind, start, length)
	if not LOCKS[kind] then
		bad_argument(1, 'lock', "invalid option '" .. tostring(kind) .. "'")
	end
	if (start or 0) ~= 0 or (length or 0) ~= 0 then
		return nil, 'a part of a file cannot be locked'
	end
	return finish(host.lock(self[1], kind))
end

-- A stream or a file of what a primitive has opened.
local function object(opened)
	if opened.verbs == 'file' then
		return file_kind.new(opened.handle, host.file)
	end
	return stream_kind.new(opened.handle, host[opened.verbs])
end

local function tcp_stream(handle)
	return stream_kind.new(handle, host.tcp)
end

-- Digits as people write permissions, which are octal: 644.
local function permissions(value, number, name)
	if value == nil then
		return nil
	end
	local octal = tonumber(tostring(value), 8)
	if not octal or octal > 4095 then
		bad_argument(number, name, 'invalid permissions')
	end
	return math.tointeger and math.tointeger(octal) or octal
end

function io.open(path, mode, mask)
	path = core.check_string(path, 1, 'open')
	mode = mode or 'r'
	if type(mode) ~= 'string' or not mode:find('^[rwa][+bx]*$') then
		bad_argument(2, 'open', 'invalid mode string')
	end
	local opened, message = core.begin(host.open, path, mode, permissions(mask, 3, 'open'))
	if not opened then
		return nil, message
	end
	return object(opened)
end

-- A file as a stream: its end is 'closed'.
function io.streamfile(path)
	local opened, message = finish(host.open(core.check_string(path, 1, 'streamfile'), 'r'))
	if not opened then
		return nil, message
	end
	return stream_kind.new(opened.handle, host[opened.verbs])
end

-- Runs a command of the shell: a stream of its output, its input, or both; and its number.
function io.popen(command, mode)
	command = core.check_string(command, 1, 'popen')
	mode = mode or 'r'
	if mode ~= 'r' and mode ~= 'w' and mode ~= 'rw' then
		bad_argument(2, 'popen', "invalid option '" .. tostring(mode) .. "'")
	end
	local started, message = host.popen(command, mode)
	if not started then
		return nil, message
	end
	return stream_kind.new(started.handle, host.pipe), started.id
end

-- Standard input, output and error, opened when they are used first.
local STANDARD = { stdin = 0, stdout = 1, stderr = 2 }
setmetatable(io, {
	__index = function(io, name)
		local number = STANDARD[name]
		if number then
			local opened, message = host.standard(number)
			if not opened then
				error(name .. ': ' .. message, 2)
			end
			local stream = stream_kind.new(opened.handle, host[opened.verbs])
			function stream:close()
				local done, problem = io.Stream.close(self)
				if done then
					host.release(number)
				end
				return done, problem
			end
			io[name] = stream
			return stream
		end
	end,
})

local current = {}

local function default(name)
	return current[name] or io[name]
end

local function choose(name, mode)
	return function(file)
		if file == nil then
			return default(name)
		end
		if type(file) == 'string' then
			local opened, message = io.open(file, mode)
			if not opened then
				error(message, 2)
			end
			file = opened
		end
		current[name] = file
	end
end
io.input, io.output = choose('stdin', 'r'), choose('stdout', 'w')

function io.read(...)
	return default('stdin'):read(...)
end

function io.write(...)
	return default('stdout'):write(...)
end

function io.close(file)
	return (file or default('stdout')):close()
end

-- An iterator over a file, which it closes at the end, or over the current input; and the stream.
function io.lines(name, mode)
	if name == nil then
		return default('stdin'):lines(mode)
	end
	local stream, message = io.open(name)
	if not stream then
		error(message, 2)
	end
	if mode == nil then
		mode = '*l'
	end
	return function()
		local value = stream:read(mode)
		if value == nil then
			stream:close()
		end
		return value
	end, stream
end

local Server = core.server(tcp_stream, function(message)
	if message == 'interrupted' or message == 'closed' or message == 'busy' then
		return message
	end
	return 'error accepting connection: ' .. message
end)
io.Server, io.MultiServer = Server, Server

-- 'host:port', and a name in brackets if it is an IPv6 address.
local function address_of(name, service, verb)
	name = core.check_string(name, 1, verb)
	service = core.check_string(service, 2, verb)
	local shown = name .. ':' .. service
	if name:find(':', 1, true) and not name:find('^%[') then
		name = '[' .. name .. ']'
	end
	return name .. ':' .. service, shown
end

local FAMILIES = { any = true, ipv4 = true, ipv6 = true }

function io.tcp.connect(name, service, family)
	local address, shown = address_of(name, service, 'connect')
	if family ~= nil and not FAMILIES[family] then
		bad_argument(3, 'connect', "invalid option '" .. tostring(family) .. "'")
	end
	local handle, message = finish(host.connect(address, shown, family))
	if not handle then
		return nil, message
	end
	return tcp_stream(handle)
end

local function server(handle, message)
	if not handle then
		return nil, message
	end
	return setmetatable({ handle, verbs = host.listener }, Server)
end

local function backlog_of(backlog, number, name)
	return backlog and core.check_integer(backlog, number, name, 1, 65535)
end

-- A star is every address of the machine.
function io.tcp.listen(name, service, backlog)
	local address, shown = address_of(name, service, 'listen')
	return server(finish(host.listen(address, shown, backlog_of(backlog, 3, 'listen'))))
end

local function listen_at(family, any)
	return function(name, service, backlog)
		local address, shown = address_of(name, service, 'listen')
		if name == '*' then
			address = any .. ':' .. service
		end
		return server(finish(host.listen(address, shown, backlog_of(backlog, 3, 'listen'), family)))
	end
end
io.tcp.listen4, io.tcp.listen6 = listen_at('ipv4', '0.0.0.0'), listen_at('ipv6', '[::]')

local function check_path(path, verb)
	path = core.check_string(path, 1, verb)
	if #path >= 108 then
		bad_argument(1, verb, 'path too long')
	end
	return path
end

function io.unix.connect(path)
	path = check_path(path, 'connect')
	local handle, message = finish(host.connect_unix(path, path))
	if not handle then
		return nil, message
	end
	return tcp_stream(handle)
end

function io.unix.listen(path, mask, backlog)
	path = check_path(path, 'listen')
	mask = permissions(mask, 2, 'listen')
	return server(finish(host.listen_unix(path, path, backlog_of(backlog, 3, 'listen'), mask)))
end

return io
