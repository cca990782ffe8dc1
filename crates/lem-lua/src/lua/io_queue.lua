-- lem.io.queue: many coroutines write to one stream, each write whole, in order. Behind one that has failed half way
-- there is no place for another: those are refused with its message.
local core = ...
local host = core.host

local Stream = core.class()
local queue = { Stream = Stream }

-- How many bytes have gone out so far, of a stream that counts them.
local function written(self)
	local stream = self.stream
	return stream.written and stream:written()
end

-- How many bytes a stream takes these arguments for; nil if they are not only strings and numbers.
local function length(...)
	local sum = 0
	for i = 1, select('#', ...) do
		local value = select(i, ...)
		local kind = type(value)
		if kind ~= 'string' and kind ~= 'number' then
			return nil
		end
		sum = sum + #tostring(value)
	end
	return sum
end

-- A write has not ended well. If only a part of it is accepted, nothing can come behind that. What is accepted whole is
-- sent whole, also where the write has failed: the next one sends what is left first.
local function judge(self, failed)
	local now, before, whole = written(self), failed.before, failed.length
	local is_accepted = now and before and whole and now >= before + whole
	if now ~= before and not is_accepted then
		self.broken = failed.message or 'interrupted'
	end
end

-- A file is written by a thread, which nothing can stop: how far a write came that was given up is known when that is
-- done.
local function has_thread(self)
	return self.stream.verbs == host.file
end

-- The write under way is over, if it has begun.
local function over(self, is_whole, message)
	local before, length = self.before, self.length
	self.before, self.length = nil, nil
	if is_whole or not before then
		return
	end
	local failed = { before = before, length = length, message = message }
	if has_thread(self) then
		self.failed = failed
	else
		judge(self, failed)
	end
end

-- Waits until nothing is written any more that was given up, and judges that. Without it, its bytes would count as
-- those of the next write. Nil and a message: that cannot begin.
local function settle(self)
	if has_thread(self) then
		local done, message = core.finish(host.settle(self.stream[1]))
		if not done then
			return nil, message
		end
		local failed = self.failed
		self.failed = nil
		if failed then
			judge(self, failed)
		end
	end
	if self.broken then
		return nil, self.broken
	end
	return true
end

local function write(self, ...)
	local done, message = settle(self)
	if not done then
		return nil, message
	end
	self.before, self.length = written(self), length(...)
	return self.stream:write(...)
end

-- The oldest writer that still waits goes on.
local function next_writer(self)
	while true do
		local writer = self.waiting[self.first]
		if not writer then
			self.busy_writing = false
			return
		end
		self.waiting[self.first] = nil
		self.first = self.first + 1
		if host.unpark(writer.park) then
			writer.turn = true
			return
		end
	end
end

-- A writer that was closed before its turn waits no more; at its turn, the next one has it.
local function forget(writer)
	local self = writer.queue
	if writer.turn then
		over(self)
		return next_writer(self)
	end
	for i = self.first, self.last do
		if self.waiting[i] == writer then
			for k = i, self.last do
				self.waiting[k] = self.waiting[k + 1]
			end
			self.last = self.last - 1
			return
		end
	end
end

-- A falsy stream is passed through, with what comes with it: wrap(open(...)) gives open's error.
function queue.wrap(stream, ...)
	if not stream then
		return stream, ...
	end
	local self = setmetatable({ stream = stream, waiting = {}, first = 1, last = 0 }, Stream)
	-- What the one that writes is enrolled in.
	self.writing = { queue = self, turn = true, undo = forget }
	return self
end

local function hand_on(self, co, ok, ...)
	core.leave(co, self.writing)
	over(self, ok and (...), ok and select(2, ...) or nil)
	next_writer(self)
	-- What the stream has raised is raised, and nobody behind waits for ever.
	if not ok then
		error((...), 0)
	end
	return ...
end

function Stream:write(...)
	if self.busy_writing then
		core.check_wait()
		local writer = { park = host.newpark(), queue = self, undo = forget }
		self.last = self.last + 1
		self.waiting[self.last] = writer
		core.park(writer)
	end
	self.busy_writing = true
	local co = core.enter(self.writing)
	return hand_on(self, co, pcall(write, self, ...))
end

function Stream:close()
	return self.stream:close()
end

function Stream:closed()
	return self.stream:closed()
end

function Stream:interrupt()
	return self.stream:interrupt()
end

return queue
