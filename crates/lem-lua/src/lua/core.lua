-- What every module stands on: coroutines that wait, and the words of arguments that are wrong.
local host = ...
local PENDING = host.PENDING

local raw_yield, raw_resume, create = coroutine.yield, coroutine.resume, coroutine.create
local running, close = coroutine.running, coroutine.close
local isyieldable = coroutine.isyieldable
local error, type, select, setmetatable, tostring = error, type, select, setmetatable, tostring
local unpack = table.unpack or unpack

local core = { host = host, PENDING = PENDING, unpack = unpack }

core.pack = table.pack or function(...)
	return { n = select('#', ...), ... }
end

-- The coroutines that nobody may resume: resuming one would take its result for somebody else's. `true`: it waits
-- for a primitive, and a task of the machine resumes it; a coroutine: that one has resumed it, and waits for it;
-- 'queued': it was resumed, and has not run since. `below` leads from a coroutine to the one that it
-- has resumed and waits for.
local waiting = setmetatable({}, { __mode = 'kv' })
local below = setmetatable({}, { __mode = 'kv' })
core.waiting = waiting
host.keep_waiting(waiting)

-- What coroutines are enrolled in while they wait, to be undone if they are closed: a place, which has a function
-- `undo` and leads to the one around it by `outer`.
local undoing = setmetatable({}, { __mode = 'k' })

local REFUSED = {}

local function refuse()
	core.raise('cannot wait here: a function of C is between this call and its coroutine '
		.. '(table.sort, string.gsub, require or a finalizer)')
end

-- Whether a wait is possible here. (5.1 does not know, and is told by its own error.)
function core.can_wait()
	return not isyieldable or isyieldable()
end

-- Raises where nothing can wait. It is asked before anything begins that cannot be taken back. (5.1 does not know.)
-- `token`: what has begun all the same, and is given up.
local function check_wait(token)
	if isyieldable and not isyieldable() then
		host.abandon(token)
		refuse()
	end
end
core.check_wait = check_wait

local function over(co, ...)
	waiting[co] = nil
	return ...
end

local function wait_or_refused(token)
	check_wait(token)
	local co = running()
	waiting[co] = true
	return over(co, raw_yield(PENDING, token))
end

local function unless_refused(value, ...)
	if value == REFUSED then
		refuse()
	end
	return value, ...
end

-- Waits for what a primitive has begun, by its token: its result, or nil and a message.
local function wait(token)
	return unless_refused(wait_or_refused(token))
end
core.wait = wait

-- The result of a primitive, once it is there. With PENDING comes its token.
function core.finish(value, message)
	if value == PENDING then
		return wait(message)
	elseif value == nil then
		return nil, message
	end
	return value
end

-- The result of a primitive that goes on by itself once it has begun.
function core.begin(primitive, ...)
	check_wait()
	return core.finish(primitive(...))
end

-- From now on, place:undo() is called if this coroutine is closed while it waits; until `leave`.
function core.enter(place)
	local co = running()
	if co then
		place.outer, undoing[co] = undoing[co], place
	end
	return co
end

function core.leave(co, place)
	if co then
		undoing[co], place.outer = place.outer, nil
	end
end

-- Waits in a place until its `park` is woken: true; or for some seconds: nil.
function core.park(place, seconds)
	local woken, token = host.park(place.park, seconds)
	place.parked = true
	if woken ~= PENDING then
		return woken
	end
	local co = core.enter(place)
	woken = wait_or_refused(token)
	core.leave(co, place)
	if woken == REFUSED then
		place:undo(co)
		refuse()
	end
	return woken
end

-- The script's own coroutines are transparent: where one waits, what resumed it waits, down to the machine's task.
-- Where that cannot wait, the wait is refused.
local pass

local function passed(outer, co, ...)
	below[outer] = nil
	return pass(co, raw_resume(co, ...))
end

function pass(co, ok, value, ...)
	if not ok or value ~= PENDING then
		if not ok then
			core.check_end()
		end
		return ok, value, ...
	elseif isyieldable and not isyieldable() then
		host.abandon((...))
		return pass(co, raw_resume(co, REFUSED))
	end
	local outer = running()
	waiting[co], below[outer] = outer, co
	return passed(outer, co, wait_or_refused((...)))
end

local function problem_of(co)
	local state = waiting[co]
	if state == 'queued' then
		return 'cannot resume a coroutine that was resumed already, and has not run since'
	elseif state then
		return 'cannot resume a coroutine that waits for something else'
	end
end

local function resume(co, ...)
	if waiting[co] then
		return false, problem_of(co)
	end
	return pass(co, raw_resume(co, ...))
end
coroutine.resume = resume

-- Gives up what a coroutine waits for: its verb, and all that it and those below it are enrolled in.
local function cancel(co)
	local top, chain = co, {}
	while type(waiting[top]) == 'thread' do
		top = waiting[top]
	end
	repeat
		chain[#chain + 1] = co
		co = below[co]
	until not co
	for i = #chain, 1, -1 do
		local at = chain[i]
		local place = undoing[at]
		-- Those below wait for nothing any more, and cannot be resumed: their verb would get a false result.
		undoing[at], below[at], waiting[at] = nil, nil, true
		while place do
			local outer = place.outer
			place:undo(at)
			place = outer
		end
	end
	host.cancel(top)
end

if close then
	function coroutine.close(co)
		if waiting[co] and waiting[co] ~= 'queued' then
			cancel(co)
			waiting[co] = nil
		end
		return close(co)
	end
end

local function unwrap(co, ok, value, ...)
	if ok then
		return value, ...
	end
	if close then
		-- What it has left to be closed is closed now. What that raises replaces the error.
		local state = coroutine.status(co)
		if state == 'suspended' or state == 'dead' then
			local done, problem = close(co)
			if not done then
				value = problem
			end
		end
	end
	error(value, 0)
end

function coroutine.wrap(f)
	local co = create(f)
	return function(...)
		if waiting[co] then
			error(problem_of(co), 2)
		end
		return unwrap(co, pass(co, raw_resume(co, ...)))
	end
end

-- Lua 5.1 cannot yield across its own pcall: there, it is a coroutine. (LuaJIT can.)
if not isyieldable and not jit then
	local status = coroutine.status
	local function through(co, ok, ...)
		if ok and status(co) == 'suspended' then
			if (...) == PENDING then
				return through(co, raw_resume(co, wait((select(2, ...)))))
			end
			return through(co, raw_resume(co, raw_yield(...)))
		end
		return ok, ...
	end
	function pcall(f, ...)
		-- A function of C is no coroutine's in 5.1.
		local co = create(function(...)
			return f(...)
		end)
		return through(co, raw_resume(co, ...))
	end
	local function handled(co, handler, ok, ...)
		if ok then
			return ok, ...
		end
		return false, handler(...)
	end
	function xpcall(f, handler, ...)
		local co = create(function(...)
			return f(...)
		end)
		return handled(co, handler, through(co, raw_resume(co, ...)))
	end
	-- A wait that Lua has refused leaves its mark.
	coroutine.yield = function(...)
		waiting[running()] = nil
		return raw_yield(...)
	end
end

-- Ends the program: nothing behind it runs. Where Lua cannot yield, everything that the coroutine still does raises,
-- until nothing is left of it. The first status counts.
local sethook = debug.sethook
local ends = false

function core.exit(status)
	local begun, token = host.exit(status)
	if not isyieldable or isyieldable() then
		return core.finish(begun, token)
	end
	host.abandon(token)
	ends = true
	local function stop()
		if host.ending() then
			error('the program ends', 0)
		end
		sethook()
	end
	sethook(stop, '', 1)
	stop()
end

-- A coroutine that was ended by an error of `exit` ends the one that has resumed it.
function core.check_end()
	ends = ends and host.ending()
	if ends then
		core.exit(0)
	end
end

-- How many values Rust may hold at once is limited in old versions: there, arguments are held by a function.
local few_references = _VERSION == 'Lua 5.1'

-- Runs f(...) as a coroutine of the machine.
function core.spawn(f, ...)
	if type(f) ~= 'function' then
		core.bad_argument(1, 'spawn', 'function expected, got ' .. type(f))
	end
	if few_references and select('#', ...) > 0 then
		local arguments = core.pack(...)
		return host.spawn(function()
			return f(unpack(arguments, 1, arguments.n))
		end)
	end
	return host.spawn(f, ...)
end

-- A metatable that is its own index: scripts compare it, and add methods to it.
function core.class()
	local class = {}
	class.__index = class
	return class
end

-- Raises an error at the place where the script has called one of the modules, however deep in them that was noticed.
local getinfo = debug.getinfo

function core.raise(message)
	local level = 2
	while true do
		local frame = getinfo(level, 'S')
		if not frame or not (frame.source:find '^=lem' or frame.what == 'C' or frame.what == 'tail') then
			break
		end
		level = level + 1
	end
	error(message, level)
end

function core.bad_argument(number, name, problem)
	core.raise(("bad argument #%d to '%s' (%s)"):format(number, name, problem))
end
local bad_argument = core.bad_argument

function core.check_string(value, number, name)
	local kind = type(value)
	if kind == 'number' then
		return tostring(value)
	elseif kind ~= 'string' then
		bad_argument(number, name, 'string expected, got ' .. (value == nil and 'no value' or kind))
	end
	return value
end

function core.check_number(value, number, name)
	local result = tonumber(value)
	if not result then
		bad_argument(number, name, 'number expected, got ' .. (value == nil and 'no value' or type(value)))
	end
	return result
end

-- A whole number in a range, as an integer where Lua has those.
function core.check_integer(value, number, name, least, most)
	local result = tonumber(value)
	if not result or result % 1 ~= 0 or result < least or result > most then
		bad_argument(number, name, 'not an integer in proper range')
	end
	return math.tointeger and math.tointeger(result) or result
end

-- A small heap is collected rarely: data that come through make garbage at the speed of the network, and what a
-- collection costs is the number of objects that live. Adjusted at the end of each, by an object whose finalizer
-- makes the next one.
local collect = collectgarbage
local newproxy = newproxy
local gethook = debug.gethook
local percent

local function pause()
	local kilobytes = collect 'count'
	local wanted = kilobytes < 4096 and 1000 or kilobytes < 32768 and 400 or 200
	if wanted == percent then
		return
	end
	local is_sooner = percent and wanted < percent
	percent = wanted
	collect('setpause', wanted)
	if is_sooner and not newproxy then
		-- The old pause has begun already. This ends it.
		collect('step', 0)
	end
end

-- From 5.4 on a finalizer may not ask the collector anything. The next instruction behind it may.
local function behind()
	sethook()
	pause()
end

local rearm
local function collected()
	if newproxy then
		pause()
	elseif not gethook() then
		sethook(behind, '', 1)
	end
	rearm()
end

function rearm()
	if newproxy then
		getmetatable(newproxy(true)).__gc = collected
	else
		setmetatable({}, { __gc = collected })
	end
end
rearm()
pause()

return core
