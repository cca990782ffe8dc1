-- lem.io.queue: many coroutines write to one stream, each write whole, in order.
local core = ...
local host, finish = core.host, core.finish

local Stream = core.class()
local queue = { Stream = Stream }

-- A falsy stream is passed through, with what comes with it: wrap(open(...)) gives open's error.
function queue.wrap(stream, ...)
	if not stream then
		return stream, ...
	end
	return setmetatable({ stream = stream, waiting = {}, first = 1, last = 0 }, Stream)
end

local function hand_on(self, ok, ...)
	local writer = self.waiting[self.first]
	if writer then
		self.waiting[self.first] = nil
		self.first = self.first + 1
		writer.turn = true
		host.unpark(writer.park)
	else
		self.busy_writing = false
	end
	-- What the stream has raised is raised, and nobody behind waits for ever.
	if not ok then
		error((...), 0)
	end
	return ...
end

function Stream:write(...)
	if self.busy_writing then
		local writer = { park = host.newpark() }
		self.last = self.last + 1
		self.waiting[self.last] = writer
		finish(host.park(writer.park))
	end
	self.busy_writing = true
	return hand_on(self, pcall(self.stream.write, self.stream, ...))
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
