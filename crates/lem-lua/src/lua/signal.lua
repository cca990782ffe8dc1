-- lem.signal: signals as calls of functions.
local core = ...
local host = core.host

-- The numbers of Linux.
local NUMBERS = {
	HUP = 1, INT = 2, QUIT = 3, ILL = 4, TRAP = 5, ABRT = 6, BUS = 7, FPE = 8, USR1 = 10, SEGV = 11, USR2 = 12,
	PIPE = 13, ALRM = 14, TERM = 15, CHLD = 17, CONT = 18, TSTP = 20, TTIN = 21, TTOU = 22, URG = 23, XCPU = 24,
	XFSZ = 25, VTALRM = 26, PROF = 27, WINCH = 28, PWR = 30, SYS = 31,
}
local NAMES = {}
for name, number in pairs(NUMBERS) do
	NAMES[number] = 'SIG' .. name
end

local signal, handlers = {}, {}

local function short(name)
	return (name:upper():gsub('^SIG', ''))
end

-- A name's number, or a number's name; nil if there is none.
function signal.lookup(what)
	if type(what) == 'number' then
		return NAMES[what]
	end
	return NUMBERS[short(core.check_string(what, 1, 'lookup'))]
end

-- What ends a program that has no function for it any more.
local ENDS = { HUP = true, INT = true, QUIT = true, USR1 = true, USR2 = true, ALRM = true, TERM = true }

local function call_each(name, ...)
	if #handlers[name] == 0 and ENDS[name] then
		core.exit(128 + NUMBERS[name])
	end
	for _, f in ipairs({ core.unpack(handlers[name]) }) do
		f(NUMBERS[name], ...)
	end
end

local function dispatch(name)
	if name ~= 'CHLD' then
		return call_each(name)
	end
	for _, child in ipairs(host.reap()) do
		call_each(name, child)
	end
end

-- f(number) is called in a coroutine whenever the signal comes; of CHLD, f(number, what has ended and how).
function signal.register(name, f)
	if type(name) ~= 'string' then
		error('signal should be a string', 2)
	end
	if type(f) ~= 'function' then
		core.bad_argument(2, 'register', 'function expected, got ' .. type(f))
	end
	name = short(name)
	local list = handlers[name]
	if not list then
		local done, message = host.signal(name, function()
			dispatch(name)
		end)
		if not done then
			return nil, message
		end
		list = {}
		handlers[name] = list
	end
	list[#list + 1] = f
	return true
end

function signal.unregister(name, f)
	if type(name) ~= 'string' then
		error('signal should be a string', 2)
	end
	local list = handlers[short(name)] or {}
	for i = #list, 1, -1 do
		if list[i] == f then
			table.remove(list, i)
		end
	end
	return true
end

return signal
