-- lem.utils: coroutines, time, the end of the program.
local core = ...
local host, finish, pack, unpack = core.host, core.finish, core.pack, core.unpack
local running = coroutine.running

local utils = {}

function utils.spawn(f, ...)
	core.spawn(f, ...)
	return true
end

utils['yield'] = function()
	finish(host.yield())
end

utils.now, utils.updatenow = host.now, host.now

-- Ends the program. Nothing behind it runs.
function utils.exit(status)
	if status == nil then
		status = 0
	end
	core.exit(core.check_integer(status, 1, 'exit', -2 ^ 31, 2 ^ 31 - 1))
end

-- f(message) is called, in a coroutine, for each error that a coroutine does not catch, with its traceback. Without
-- such a function, the first of them ends the program.
function utils.onerror(f)
	if f ~= nil and type(f) ~= 'function' then
		core.bad_argument(1, 'onerror', 'function expected, got ' .. type(f))
	end
	host.onerror(f)
end

-- The worker threads come and go by themselves: what is asked for is checked, and that is all.
function utils.poolconfig(delay, least, most)
	if delay ~= nil then core.check_integer(delay, 1, 'poolconfig', 0, 2 ^ 31) end
	if least ~= nil then core.check_integer(least, 2, 'poolconfig', 0, 2 ^ 31) end
	if most ~= nil then core.check_integer(most, 3, 'poolconfig', 0, 2 ^ 31) end
end

local Sleeper = core.class()
utils.Sleeper = Sleeper

-- One whose coroutine was closed sleeps no more.
local function rise(self)
	self.asleep, self.values = false, nil
end

function utils.newsleeper()
	return setmetatable({ park = host.newpark(), undo = rise }, Sleeper)
end
utils.sleeper = utils.newsleeper

-- Sleeps: nil and 'timeout' when the time is over, or what `wakeup` was given. Without a time, until then.
function Sleeper:sleep(seconds)
	if self.asleep and (self.values or host.parked(self.park)) then
		return nil, 'busy'
	end
	if seconds ~= nil then
		seconds = core.check_number(seconds, 1, 'sleep')
		if seconds <= 0 then
			finish(host.yield())
			return nil, 'timeout'
		end
	end
	core.check_wait()
	self.asleep, self.values = true, nil
	local woken = core.park(self, seconds)
	self.asleep = false
	local values = self.values
	if not woken and not values then
		return nil, 'timeout'
	end
	self.values = nil
	return unpack(values, 1, values.n)
end

function Sleeper:wakeup(...)
	if not self.asleep or self.values or not host.unpark(self.park) then
		return nil, 'not sleeping'
	end
	self.values = pack(...)
	return true
end

-- A coroutine that waits for `resume`. What it waits in belongs to this one wait.
local suspended = setmetatable({}, { __mode = 'k' })

function utils.thisthread()
	return (running())
end

local function forget(_, co)
	suspended[co] = nil
end

function utils.suspend()
	core.check_wait()
	local co = running()
	local place = { park = host.newpark(), undo = forget }
	suspended[co] = place
	core.park(place)
	suspended[co] = nil
	return unpack(place.values, 1, place.values.n)
end

function utils.resume(co, ...)
	if type(co) ~= 'thread' then
		core.bad_argument(1, 'resume', 'thread expected, got ' .. type(co))
	end
	local place, state = suspended[co], core.waiting[co]
	if state == 'queued' or place and place.values then
		error('cannot resume the coroutine: it was resumed already, and has not run since', 2)
	end
	if place and host.unpark(place.park) then
		place.values = pack(...)
		return
	end
	if state then
		error('cannot resume the coroutine: it waits for something else', 2)
	end
	local problem = host.resume(co, ...)
	if problem then
		error('cannot resume the coroutine: ' .. problem, 2)
	end
	core.waiting[co] = 'queued'
end

-- f() in a coroutine of its own after a time, unless it is cancelled before.
local Timer = core.class()

function utils.timer(seconds, f)
	seconds = core.check_number(seconds, 1, 'timer')
	local timer = setmetatable({ utils.newsleeper(), pending = true }, Timer)
	core.spawn(function()
		if timer.pending then
			timer[1]:sleep(seconds)
		end
		if timer.pending then
			timer.pending = false
			f()
		end
	end)
	return timer
end

function Timer:cancel()
	if not self.pending then
		return nil, 'expired'
	end
	self.pending = false
	self[1]:wakeup()
	return true
end

return utils
