-- lem.queue: values from one coroutine to another.
local core = ...
local host, pack, unpack = core.host, core.pack, core.unpack

local Queue = core.class()
local queue = { Queue = Queue }

-- `n`: the values that are stored, or, negative, the readers that wait. `first`: where the oldest stands.
function queue.new()
	return setmetatable({ n = 0, first = 1 }, Queue)
end

local function oldest(self)
	local first = self.first
	local value = self[first]
	self[first] = nil
	self.first = first + 1
	return value
end

local function add(self, value)
	self[self.first + math.abs(self.n)] = value
end

-- Gives values to the oldest reader that still waits; whether there was one. `stored`: they are to be read once.
local function hand(self, values, stored)
	while self.n < 0 do
		local reader = oldest(self)
		self.n = self.n + 1
		-- One that is about to wait, where a finalizer puts, is woken before it does.
		if host.unpark(reader.park, not reader.parked) then
			reader.values, reader.stored = values, stored
			return true
		end
	end
	return false
end

function Queue:put(value)
	if not hand(self, { n = 1, value }, true) then
		-- In a box, so that nil is a value, too.
		add(self, { value })
		self.n = self.n + 1
	end
end

-- A reader that was closed waits no more; what was stored for it is the next one's.
local function forget(reader)
	local self = reader.queue
	if reader.stored then
		if not hand(self, reader.values, true) then
			self.first, self.n = self.first - 1, self.n + 1
			self[self.first] = { reader.values[1] }
		end
		return
	end
	local last = self.first - self.n - 1
	for i = self.first, last do
		if self[i] == reader then
			for k = i, last do
				self[k] = self[k + 1]
			end
			self.n = self.n + 1
			return
		end
	end
end

function Queue:get()
	if self.n > 0 then
		self.n = self.n - 1
		return oldest(self)[1]
	end
	core.check_wait()
	local reader = { park = host.newpark(), queue = self, undo = forget }
	-- Up to here a finalizer may have put a value. Between this and the reader's place nothing is called.
	if self.n > 0 then
		return self:get()
	end
	self[self.first - self.n] = reader
	self.n = self.n - 1
	core.park(reader)
	return unpack(reader.values, 1, reader.values.n)
end

-- For `for value in q:consume()`: it ends at a nil.
function Queue:consume()
	return self.get, self
end

-- Every reader that waits gets these.
function Queue:signal(...)
	local values = pack(...)
	while hand(self, values) do end
end

-- Readers that wait get nil and 'reset'; values are dropped.
function Queue:reset()
	self:signal(nil, 'reset')
	while self.n > 0 do
		self.n = self.n - 1
		oldest(self)
	end
end

function Queue:empty()
	return self.n <= 0
end

return queue
