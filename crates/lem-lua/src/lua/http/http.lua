-- lem.http: two more read modes for every stream, plain or encrypted.
local core = ...
local modes = core.modes

-- The longest line of a head, and how many there may be: what a peer can make a program store.
local MAX_LINE, MAX_LINES = 16384, 128

-- The next line of a head. What an interrupted read has collected stays with the stream.
local function head_lines(stream)
	local lines = stream.head or {}
	stream.head = lines
	while true do
		local line, message = stream:read '*l'
		if not line then
			return nil, message
		end
		line = line:gsub('\r?\n$', ''):gsub('\r$', '')
		if #line > MAX_LINE or #lines >= MAX_LINES then
			stream.head = nil
			return nil, 'out of buffer space'
		elseif line == '' then
			-- An empty line in front of a head is no head.
			if #lines > 0 then
				stream.head = nil
				return lines
			end
		else
			lines[#lines + 1] = line
		end
	end
end

local function headers_of(lines)
	local headers, last = {}, nil
	for i = 2, #lines do
		local line = lines[i]
		local more = line:match '^[ \t]+(.-)[ \t]*$'
		if more then
			if not last then
				return nil
			end
			headers[last] = headers[last] .. ' ' .. more
		else
			local name, value = line:match "^([%w!#$%%&'*+.^_`|~-]+):[ \t]*(.-)[ \t]*$"
			if not name then
				return nil
			end
			name = name:lower()
			-- Two lengths are two opinions of where the next message begins.
			if name == 'content-length' and headers[name] and headers[name] ~= value then
				return nil
			end
			headers[name], last = value, name
		end
	end
	return headers
end

modes.HTTPRequest = function(stream)
	local lines, message = head_lines(stream)
	if not lines then
		return nil, message
	end
	local method, uri, version = lines[1]:match '^(%u+) ([^ ]+) HTTP/(%d%.%d)$'
	local headers = method and headers_of(lines)
	if not headers then
		return nil, 'parse error'
	end
	return { method = method, uri = uri, version = version, headers = headers }
end

modes.HTTPResponse = function(stream)
	local lines, message = head_lines(stream)
	if not lines then
		return nil, message
	end
	local version, status, text = lines[1]:match '^HTTP/(%d%.%d) (%d%d%d) ?(.*)$'
	local headers = version and headers_of(lines)
	if not headers then
		return nil, 'parse error'
	end
	status = tonumber(status)
	status = math.tointeger and math.tointeger(status) or status
	return { version = version, status = status, text = text, headers = headers }
end

-- What client and server share, out of a script's sight.
local message = {}
core.http = message

-- The lengths that a head states: a number, 'chunked', or nothing; or nil and what is wrong.
function message.length_of(headers)
	local coding = headers['transfer-encoding']
	if coding then
		if coding:lower() ~= 'chunked' then
			return nil, 'unknown transfer encoding'
		end
		return 'chunked'
	end
	local length = headers['content-length']
	if not length then
		return 'none'
	end
	if not length:find '^%d+$' or #length > 15 then
		return nil, 'invalid content length'
	end
	length = tonumber(length)
	return math.tointeger and math.tointeger(length) or length
end

local BLOCK = 65536

-- Calls put(part) for the parts of a body; true, or nil and what has gone wrong.
function message.read_body(stream, length, put, max)
	if length == 'close' then
		repeat
			local part, problem = stream:read()
			if part then
				put(part)
			elseif problem ~= 'closed' then
				return nil, problem
			end
		until not part
		return true
	elseif length ~= 'chunked' then
		if max and length > max then
			return nil, 'oversized'
		end
		while length > 0 do
			local part, problem = stream:read(math.min(length, BLOCK))
			if not part then
				return nil, problem
			end
			length = length - #part
			put(part)
		end
		return true
	end
	local total = 0
	while true do
		local line, problem = stream:read '*l'
		if not line then
			return nil, problem
		end
		local size = tonumber(line:match '^(%x+)%s*[;\r\n]' or line:match '^(%x+)%s*$', 16)
		if not size then
			return nil, 'parse error'
		end
		total = total + size
		if max and total > max then
			return nil, 'oversized'
		end
		if size == 0 then
			repeat
				local trailer, problem = stream:read '*l'
				if not trailer then
					return nil, problem
				end
			until not trailer:find '[^\r\n]'
			return true
		end
		local done, problem = message.read_body(stream, size, put)
		if not done then
			return nil, problem
		end
		local ending, problem = stream:read '*l'
		if not ending or ending:find '[^\r\n]' then
			return nil, ending and 'parse error' or problem
		end
	end
end

return {}
