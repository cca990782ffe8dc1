-- Where the coroutines wait that nothing can wake any more, one place a line: what is told of a simulated world in which
-- nothing can happen any more.
local core = ...
local getinfo = debug.getinfo

-- The line of the script, and the verb that it has called, if Lua still knows its name.
local function place_of(co)
	local level, verb = 0, nil
	while true do
		local frame = getinfo(co, level, 'nSl')
		if not frame then
			return 'before its first line'
		elseif frame.what ~= 'C' and frame.what ~= 'tail' and not frame.source:find '^=lem' then
			local place = ('%s:%d'):format(frame.short_src, frame.currentline)
			return verb and ("%s: in '%s'"):format(place, verb) or place
		end
		level, verb = level + 1, frame.name
	end
end

-- Those that have resumed another one wait where that one waits.
local has_resumed = {}
for _, state in pairs(core.waiting) do
	has_resumed[state] = true
end
local counts, places = {}, {}
for co in pairs(core.waiting) do
	if not has_resumed[co] then
		local place = place_of(co)
		if not counts[place] then
			counts[place], places[#places + 1] = 0, place
		end
		counts[place] = counts[place] + 1
	end
end
-- The order of a table with such keys is another one in each run.
table.sort(places)
for i, place in ipairs(places) do
	places[i] = counts[place] == 1 and '\n  ' .. place or ('\n  %s (%d coroutines)'):format(place, counts[place])
end
return table.concat(places)
