-- lem.http: two more read modes for every stream, plain or encrypted.
local core = ...
local modes = core.modes

-- How many lines may stand behind the last chunk of a body. (A head's limits are the reader's of heads.)
-- Patterns on what peers send take time in proportion to its length: none has two repetitions in a row that match the
-- same bytes.
local MAX_LINES = 128

local function without_end(line)
	local last = #line
	if line:byte(last) == 10 then
		last = last - 1
	end
	if line:byte(last) == 13 then
		last = last - 1
	end
	return line:sub(1, last)
end

-- The lines of a head, without the empty ones; nil if one has bytes that others might take for its end.
local function lines_of(head)
	local lines = {}
	for line in head:gmatch '([^\n]*)\n' do
		line = without_end(line)
		if line:find('\r', 1, true) or line:find('\0', 1, true) then
			return nil
		elseif line ~= '' then
			lines[#lines + 1] = line
		end
	end
	return lines
end

-- Without blanks at its end.
local function trimmed(text)
	return text:match '^.*[^ \t]' or ''
end

local function headers_of(lines)
	local headers, last = {}, nil
	for i = 2, #lines do
		local line = lines[i]
		local more = line:match '^[ \t]+(.*)'
		if more then
			if not last then
				return nil
			end
			headers[last] = headers[last] .. ' ' .. trimmed(more)
		else
			local name, value = line:match "^([%w!#$%%&'*+.^_`|~-]+):[ \t]*(.*)"
			if not name then
				return nil
			end
			name, value = name:lower(), trimmed(value)
			local before = headers[name]
			if before and (name == 'host' or name == 'content-length' and before ~= value) then
				-- Two lengths are two opinions of where the next message begins, and two hosts of whom it is for.
				return nil
			elseif before and name == 'transfer-encoding' then
				value = before .. ', ' .. value
			end
			headers[name], last = value, name
		end
	end
	return headers
end

modes.HTTPRequest = function(head)
	local lines = lines_of(head)
	if not lines then
		return nil, 'parse error'
	end
	local method, uri, version = lines[1]:match '^(%u+) ([^ ]+) HTTP/(%d%.%d)$'
	local headers = method and headers_of(lines)
	if not headers then
		return nil, 'parse error'
	end
	return { method = method, uri = uri, version = version, headers = headers }
end

modes.HTTPResponse = function(head)
	local lines = lines_of(head)
	if not lines then
		return nil, 'parse error'
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

-- Whether an answer of this status, or to this method, has a body.
local function has_body(method, status)
	return method ~= 'HEAD' and status >= 200 and status ~= 204 and status ~= 304
end

-- What client and server share, out of a script's sight.
local message = { has_body = has_body }
core.http = message

message.UNKNOWN_CODING = 'unknown transfer encoding'

-- The length that a head states: a number, 'chunked', or 'none'; or nil and what is wrong.
function message.length_of(headers, version)
	local coding = headers['transfer-encoding']
	if coding then
		-- Who reads both, or reads this in 1.0, sees another end of the message than who does not.
		if headers['content-length'] or version == '1.0' then
			return nil, 'ambiguous length'
		elseif coding:lower() ~= 'chunked' then
			return nil, message.UNKNOWN_CODING
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

-- A chunk's size out of its line; nil if there is none. More digits than these would not fit a number.
local MAX_DIGITS = 15

local function chunk_size(line)
	local digits, rest = without_end(line):match '^(%x+)[ \t]*(.*)'
	if not digits or #digits > MAX_DIGITS or rest ~= '' and rest:sub(1, 1) ~= ';' then
		return nil
	end
	return tonumber(digits, 16)
end

-- The lines behind the last chunk, up to an empty one.
local function skip_trailers(stream)
	for _ = 0, MAX_LINES do
		local line, problem = stream:read '*l'
		if not line then
			return nil, problem
		elseif without_end(line) == '' then
			return true
		end
	end
	return nil, 'out of buffer space'
end

local function read_counted(stream, length, put)
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

local function read_chunks(stream, put, max)
	local total = 0
	while true do
		local line, problem = stream:read '*l'
		if not line then
			return nil, problem
		end
		local size = chunk_size(line)
		if not size then
			return nil, 'parse error'
		elseif size == 0 then
			return skip_trailers(stream)
		end
		total = total + size
		if total > max then
			return nil, 'oversized'
		end
		local done, failure = read_counted(stream, size, put)
		if not done then
			return nil, failure
		end
		line, problem = stream:read '*l'
		if not line or without_end(line) ~= '' then
			return nil, line and 'parse error' or problem
		end
	end
end

local function read_to_end(stream, put, max)
	local total = 0
	while true do
		local part, problem = stream:read()
		if not part then
			if problem ~= 'closed' then
				return nil, problem
			elseif stream.verbs.was_cut(stream[1]) then
				return nil, 'connection lost'
			end
			return true
		end
		total = total + #part
		if total > max then
			return nil, 'oversized'
		end
		put(part)
	end
end

-- Calls put(part) for the parts of a body of at most `max` bytes; true, or nil and what has gone wrong.
function message.read_body(stream, length, put, max)
	max = max or math.huge
	if length == 'close' then
		return read_to_end(stream, put, max)
	elseif length == 'chunked' then
		return read_chunks(stream, put, max)
	elseif length > max then
		return nil, 'oversized'
	end
	return read_counted(stream, length, put)
end

-- How many small parts are kept apart: a peer that sends single bytes must not make a table of them all.
local MAX_PARTS = 1024

-- A body as one text of at most `max` bytes; or nil and what has gone wrong.
function message.text_of_body(stream, length, max)
	local blocks, parts = {}, {}
	local done, problem = message.read_body(stream, length, function(part)
		parts[#parts + 1] = part
		if #parts == MAX_PARTS then
			blocks[#blocks + 1], parts = table.concat(parts), {}
		end
	end, max)
	if not done then
		return nil, problem
	end
	blocks[#blocks + 1] = table.concat(parts)
	return table.concat(blocks)
end

return {}
