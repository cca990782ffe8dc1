-- The verbs of streams, as methods: what lem.ssl and lem.io have in common.
local core = ...
local host, wait, PENDING = core.host, core.wait, core.PENDING
local check_wait, can_wait, bad_argument = core.check_wait, core.can_wait, core.bad_argument
local type, tostring, select, setmetatable = type, tostring, select, setmetatable
local concat = table.concat

-- An object has its handle at [1], lines that the machine has lent it at [2], and at [3] which of them is next: an index
-- is found faster than a name.
local NO_LINES = {}

local function object(handle, verbs)
	return { handle, NO_LINES, 1, verbs = verbs }
end

-- The verbs of a stream that another protocol has taken over.
local gone = setmetatable({
	closed = function()
		return true
	end,
	busy = function()
		return false
	end,
	close = function()
		return nil, 'already closed'
	end,
	interrupt = function()
		return nil, 'not busy'
	end,
	addresses = function() end,
	has_position = false,
}, {
	__index = function()
		return function()
			return nil, 'closed'
		end
	end,
})

function core.gone(stream)
	stream.verbs = gone
end

-- A class of streams. `kind` says what differs:
--   keep      a line keeps its newline
--   mode(m)   what a mode means that is neither nil, '*l', '*a' nor a number: one of those; or it raises
--   read_error(self, message), write_error(self, message), close_error(message): the module's words
return function(kind)
	local Stream = core.class()
	local keep = kind.keep
	local LINE = keep and '*L' or '*l'
	local extra = keep and 0 or 1

	-- Gives the lines back that were lent and not read: what comes next reads them in another way, or must not see them,
	-- or needs to know where in a file the script has come to.
	local function settle(self)
		local lent, at = self[2], self[3]
		if lent == NO_LINES then
			return
		end
		self[2], self[3] = NO_LINES, 1
		local read = 0
		for i = 1, at - 1 do
			read = read + #lent[i] + extra
		end
		self.verbs.consume(self[1], read)
	end
	kind.settle = settle

	local function failed(self, value, message)
		if value == nil then
			return nil, kind.read_error(self, message)
		end
		return value
	end

	local read_verb

	local function next_lines(self)
		settle(self)
		local lines, message = self.verbs.lines(self[1], keep, can_wait())
		if lines == PENDING then
			return failed(self, wait(message))
		elseif lines == true or lines == false and self[2] ~= NO_LINES then
			-- A finalizer has used the stream meanwhile.
			return read_verb(self, '*l')
		elseif lines == false then
			return nil, 'busy'
		elseif type(lines) ~= 'table' then
			return failed(self, lines, message)
		end
		self[2], self[3] = lines, 2
		return lines[1]
	end

	local read

	function read(self, mode, stop)
		settle(self)
		local value, message = self.verbs.read(self[1], mode, stop)
		if value == PENDING then
			return failed(self, wait(message))
		elseif value == false then
			-- A finalizer was lent lines meanwhile, or this one runs while others are given back.
			if self[2] == NO_LINES then
				return nil, 'busy'
			end
			return read(self, mode, stop)
		end
		return failed(self, value, message)
	end

	local function read_other(self, mode, stop)
		if mode == nil or mode == '*a' then
			return read(self, mode)
		end
		local kind_of_mode = type(mode)
		if kind_of_mode == 'number' then
			if mode < 0 or mode ~= mode or mode > 2 ^ 53 then
				bad_argument(1, 'read', 'not a number of bytes')
			end
			return read(self, mode - mode % 1)
		end
		local own = kind.modes[mode]
		if own then
			local head, message = read(self, '*h')
			if not head then
				return nil, message
			end
			return own(head)
		end
		mode = kind.mode(mode)
		if mode == '*l' then
			if stop == nil then
				return read_verb(self, '*l')
			end
			if type(stop) ~= 'string' or #stop ~= 1 then
				bad_argument(2, 'read', 'a stop byte expected')
			end
			return read(self, LINE, stop:byte())
		end
		return read(self, mode)
	end

	-- A line that was lent is given at once, without a further call.
	function read_verb(self, mode, stop)
		if mode == '*l' and not stop then
			local at = self[3]
			local next_line = self[2][at]
			if next_line then
				self[3] = at + 1
				return next_line
			end
			return next_lines(self)
		end
		return read_other(self, mode, stop)
	end
	Stream.read = read_verb

	local function text(value, number)
		local kind_of_value = type(value)
		if kind_of_value == 'string' then
			return value
		elseif kind_of_value == 'number' then
			return tostring(value)
		end
		bad_argument(number, 'write', 'string expected, got ' .. (value == nil and 'no value' or kind_of_value))
	end

	local function joined(first, ...)
		local count = select('#', ...)
		if count == 0 then
			return text(first, 1)
		end
		local texts = { first, ... }
		for i = 1, count + 1 do
			texts[i] = text(texts[i], i)
		end
		return concat(texts)
	end

	function Stream:write(...)
		local data, verbs = joined(...), self.verbs
		-- Once it has begun, a part of it is sent.
		check_wait()
		if verbs.has_position then
			settle(self)
		end
		local done, message = verbs.write(self[1], data)
		if done == PENDING then
			settle(self)
			done, message = wait(message)
		end
		if done then
			return true
		end
		return nil, kind.write_error(self, message)
	end

	function Stream:close()
		local done, message = self.verbs.close(self[1])
		if done then
			self[2] = NO_LINES
			return true
		end
		return nil, kind.close_error(message)
	end

	function Stream:interrupt()
		local done, message = self.verbs.interrupt(self[1])
		if done then
			return true
		end
		return nil, message
	end

	-- How long a read or a write may wait, in seconds; then it is nil and 'timeout', and has lost nothing. nil: for ever.
	function Stream:settimeout(seconds)
		self.limit = seconds
		return self.verbs.settimeout(self[1], seconds and core.check_number(seconds, 1, 'settimeout'))
	end

	function Stream:busy()
		return self.verbs.busy(self[1])
	end

	function Stream:closed()
		return self.verbs.closed(self[1])
	end

	-- An iterator over what reads give; it ends where they do.
	function Stream:lines(mode)
		if mode == nil then
			mode = '*l'
		end
		return function()
			return self:read(mode)
		end, self
	end

	-- Where the stream goes to and comes from: ip, port; or '*unix'.
	local function where(address)
		if not address then
			return nil, 'closed'
		elseif address.ip then
			return address.ip, address.port
		end
		return '*unix', address.path
	end

	function Stream:getpeer()
		return where((self.verbs.addresses(self[1])))
	end

	function Stream:getlocal()
		return where((select(2, self.verbs.addresses(self[1]))))
	end

	-- Small writes may be gathered between these two, and are sent at once after the second.
	local function nodelay(self, on)
		if self:closed() then
			return nil, 'closed'
		end
		local done, message = self.verbs.nodelay(self[1], on)
		if done then
			return true
		end
		return nil, message
	end

	function Stream:cork()
		return nodelay(self, false)
	end

	function Stream:uncork()
		return nodelay(self, true)
	end

	-- How many bytes all writes together have handed over. Its growth is what a write that has failed came to.
	function Stream:written()
		return self.verbs.written(self[1])
	end

	-- Sends a part of a file: how many bytes that were; or nil, a message, and how many were sent. Other writes are busy
	-- meanwhile, and so are reads of what has one slot for both. The file's own position is left alone.
	function Stream:sendfile(file, size, offset)
		if type(file) ~= 'table' or file.verbs ~= host.file then
			bad_argument(1, 'sendfile', 'file expected')
		end
		size = core.check_integer(size, 2, 'sendfile', 0, 2 ^ 53)
		offset = core.check_integer(offset or 0, 3, 'sendfile', 0, 2 ^ 53)
		if file:closed() then
			return nil, 'file closed', 0
		end
		local verbs = self.verbs
		check_wait()
		local sent, message = verbs.sendfile(self[1], file[1], size, offset)
		if sent == PENDING then
			settle(self)
			sent, message = wait(message)
		end
		if type(sent) == 'number' then
			return sent
		elseif sent == false then
			-- It has not begun: another one may be under way, and its bytes are not this one's.
			return nil, kind.write_error(self, message), 0
		end
		-- A text is what is wrong with the file.
		return nil, sent or kind.write_error(self, message), verbs.sent(self[1])
	end

	function Stream:abort()
		self[2] = NO_LINES
		self.verbs.abort(self[1])
		return true
	end

	-- No more is written; reading goes on.
	function Stream:closewrite()
		local done, message = self.verbs.close_write(self[1])
		if done then
			return true
		end
		return nil, kind.close_error(message)
	end

	-- Two objects, of which one coroutine may read while another one writes. This one must not be used any more.
	function Stream:halves()
		settle(self)
		local done, message = self.verbs.split(self[1])
		if not done then
			return nil, message
		end
		local Reader, Writer = kind.halves(Stream)
		return setmetatable(object(self[1], self.verbs), Reader), setmetatable(object(self[1], self.verbs), Writer)
	end

	-- What the handshake has agreed on, of an encrypted stream.
	function Stream:info()
		return self.verbs.info(self[1])
	end

	function Stream.__tostring(self)
		return ('%s: %s'):format(kind.name, self:closed() and 'closed' or tostring(self[1]):match '0x%x+')
	end

	-- The classes of halves: the stream's verbs, of which each has its own.
	local halves
	function kind.halves()
		if not halves then
			local Reader, Writer = core.class(), core.class()
			for name, method in pairs(Stream) do
				if type(method) == 'function' then
					Reader[name], Writer[name] = method, method
				end
			end
			Reader.write, Reader.closewrite, Writer.read, Writer.lines = nil, nil, nil, nil
			function Reader:interrupt()
				local done, message = self.verbs.interrupt_read(self[1])
				if done then
					return true
				end
				return nil, message
			end
			function Writer:interrupt()
				local done, message = self.verbs.interrupt_write(self[1])
				if done then
					return true
				end
				return nil, message
			end
			Writer.close = Stream.closewrite
			halves = { Reader, Writer }
		end
		return halves[1], halves[2]
	end

	function kind.new(handle, verbs)
		return setmetatable(object(handle, verbs), Stream)
	end

	return Stream
end
