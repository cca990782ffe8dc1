-- The interactive prompt: its lines are run by coroutines, and may wait.
local core = ...
local io = require 'lem.io'
local stdin, stdout
local load = loadstring or load

local function read(prompt)
	stdout:write(prompt)
	return stdin:read '*l'
end

-- A line that begins with '=', or is an expression, is to be shown.
local function compile(text)
	local f = load('return ' .. text:gsub('^=', ''), '=stdin')
	if f then
		return f
	end
	return load(text, '=stdin')
end

local function show(ok, ...)
	local count = select('#', ...)
	if not ok then
		stdout:write(tostring((...)), '\n')
	elseif count > 0 then
		local texts = {}
		for i = 1, count do
			texts[i] = tostring((select(i, ...)))
		end
		stdout:write(table.concat(texts, '\t'), '\n')
	end
end

return function()
	stdin, stdout = io.stdin, io.stdout
	stdout:write(_VERSION, ' on lem; the end of input ends it\n')
	while true do
		local text = read '> '
		if not text then
			break
		end
		local f, problem = compile(text)
		while not f and problem:find("<eof>'?$") do
			local more = read '>> '
			if not more then
				break
			end
			text = text .. '\n' .. more
			f, problem = compile(text)
		end
		if f then
			show(pcall(f))
		else
			stdout:write(problem, '\n')
		end
	end
	stdout:write 'closed\n'
	core.exit(0)
end
