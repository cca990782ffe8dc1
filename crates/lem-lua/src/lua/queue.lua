-- lem.queue: values from one coroutine to another.
local core = ...
local host, finish, pack, unpack = core.host, core.finish, core.pack, core.unpack

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

local function hand(self, values)
	local reader = oldest(self)
	self.n = self.n + 1
	reader.values = values
	host.unpark(reader.park)
end

function Queue:put(value)
	if self.n < 0 then
		hand(self, { n = 1, value })
	else
		-- In a box, so that nil is a value, too.
		add(self, { value })
		self.n = self.n + 1
	end
end

function Queue:get()
	if self.n > 0 then
		self.n = self.n - 1
		return oldest(self)[1]
	end
	local reader = { park = host.newpark() }
	add(self, reader)
	self.n = self.n - 1
	finish(host.park(reader.park))
	return unpack(reader.values, 1, reader.values.n)
end

-- For `for value in q:consume()`: it ends at a nil.
function Queue:consume()
	return self.get, self
end

-- Every reader that waits gets these.
function Queue:signal(...)
	local values = pack(...)
	while self.n < 0 do
		hand(self, values)
	end
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
