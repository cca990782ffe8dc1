-- lem.ssl: encrypted streams.
local core = ...
local host, finish = core.host, core.finish
local bad_argument = core.bad_argument

-- The words that stand alone. All else says first what was being done.
local WORDS = {
	closed = true, busy = true, timeout = true, interrupted = true, ['already closed'] = true, ['not busy'] = true,
	['parse error'] = true, ['out of buffer space'] = true,
}

local function saying(prefix)
	return function(_, message)
		if WORDS[message] then
			return message
		end
		return prefix .. message
	end
end

local kind = {
	name = 'ssl.Stream',
	keep = true,
	modes = core.modes,
	read_error = saying 'error reading from SSL stream: ',
	write_error = saying 'error writing to SSL stream: ',
	close_error = function(message)
		return message
	end,
}

-- As the original: whatever begins with '*l' or '*a', and numbers as texts.
function kind.mode(mode)
	local number = tonumber(mode)
	if number and number >= 0 and number % 1 == 0 then
		return math.tointeger and math.tointeger(number) or number
	end
	local begin = type(mode) == 'string' and mode:sub(1, 2)
	if begin == '*l' or begin == '*a' then
		return begin
	end
	bad_argument(1, 'read', 'invalid mode string')
end

local Stream = core.stream(kind)
local function new(handle)
	return kind.new(handle, host.tls)
end

local Context, Server = core.class(), core.server(new, function(message)
	return message
end)
local ssl = { Context = Context, Stream = Stream, Server = Server }
ssl.Reader, ssl.Writer = kind.halves()

-- A context. Without options: Mozilla's roots, chain and name are verified, TLS 1.2 and 1.3.
function ssl.newcontext(options)
	if options ~= nil and type(options) ~= 'table' then
		bad_argument(1, 'newcontext', 'table expected, got ' .. type(options))
	end
	local handle, message = host.context(options or {})
	if handle == false then
		bad_argument(1, 'newcontext', message)
	elseif not handle then
		return nil, 'unable to initialize SSL context: ' .. message
	end
	return setmetatable({ handle }, Context)
end

-- Opens a connection. A port as second argument wins over one in the address.
-- `name`: the server's name, where the address is not it.
function Context:connect(address, port, name)
	address = core.check_string(address, 1, 'connect')
	if port ~= nil then
		port = core.check_integer(port, 2, 'connect', 0, 65535)
	end
	local handle, message = finish(host.tls_connect(self[1], address, port, name))
	if not handle then
		return nil, 'error establishing SSL connection: ' .. message
	end
	return new(handle)
end

local LISTEN = { log = 'function', backlog = 'number', handshakes = 'number', handshakes_per_peer = 'number' }

-- Listens at 'host:port' or '*:port', or at a host and a port. Options, behind them:
--   log                  called with a text for each client that fails, and when accepting pauses
--   backlog              how many connections the system keeps until they are accepted
--   handshakes           how many handshakes may be under way
--   handshakes_per_peer  how many of them from one address
function Context:listen(address, port, options)
	address = core.check_string(address, 1, 'listen')
	if type(port) == 'table' or type(port) == 'function' then
		port, options = nil, port
	end
	if port ~= nil then
		port = core.check_integer(port, 2, 'listen', 0, 65535)
		if address:find(':', 1, true) and not address:find '^%[' then
			address = '[' .. address .. ']'
		end
		address = address .. ':' .. port
	end
	if type(options) == 'function' then
		options = { log = options }
	end
	for name, value in pairs(options or {}) do
		if not LISTEN[name] then
			core.raise(("unknown option '%s'"):format(tostring(name)))
		elseif type(value) ~= LISTEN[name] then
			core.raise(("option '%s': a %s expected"):format(name, LISTEN[name]))
		end
	end
	local handle, message = finish(host.tls_listen(self[1], address, options or {}))
	if not handle then
		return nil, message
	end
	return setmetatable({ handle, verbs = host.tls_server }, Server)
end

local function upgrade(context, stream, name, verb)
	if type(stream) ~= 'table' or stream.verbs ~= host.tcp then
		bad_argument(1, verb, 'a connection of lem.io expected')
	end
	-- Reading nothing gives lines back that were lent.
	local ready, problem = stream:read(0)
	if not ready then
		return nil, problem
	end
	local handle, message = host.tls_upgrade(context[1], stream[1], name)
	if handle ~= nil or message ~= 'busy' then
		core.gone(stream)
	end
	handle, message = finish(handle, message)
	if not handle then
		return nil, WORDS[message] and message or 'error establishing SSL connection: ' .. message
	end
	return new(handle)
end

-- Goes over to TLS on a plain connection of lem.io, when both ends have agreed on that (STARTTLS): to a server of this
-- name. The plain stream is closed to the script then; what was read ahead of it is TLS's.
function Context:upgrade(stream, name)
	return upgrade(self, stream, core.check_string(name, 2, 'upgrade'), 'upgrade')
end

-- The same, as the server.
function Context:upgradeserver(stream)
	return upgrade(self, stream, nil, 'upgradeserver')
end

-- The certificate, in PEM, of a context that was made with `selfsigned`.
function Context:certificate()
	return host.certificate(self[1])
end

return ssl
