-- lem.hathaway: functions for paths.
local core = ...
local server, response, utils = require 'lem.http.server', require 'lem.http.response', require 'lem.utils'

local Hathaway = core.class()
local hathaway = { Hathaway = Hathaway }

function hathaway.debug() end

local VERBS = { 'GET', 'POST', 'PUT', 'DELETE', 'OPTIONS' }

function hathaway.new()
	return setmetatable({ paths = {}, patterns = {} }, Hathaway)
end

for _, verb in ipairs(VERBS) do
	Hathaway[verb] = function(self, path, f)
		local methods = self.paths[path] or {}
		self.paths[path] = methods
		methods[verb] = f
	end
	-- `pattern` is a pattern of Lua's for the whole path; f gets its captures, too.
	Hathaway[verb .. 'M'] = function(self, pattern, f)
		pattern = '^' .. pattern:gsub('^%^', ''):gsub('%$$', '') .. '$'
		for _, entry in ipairs(self.patterns) do
			if entry.pattern == pattern then
				entry.methods[verb] = f
				return
			end
		end
		self.patterns[#self.patterns + 1] = { pattern = pattern, methods = { [verb] = f } }
	end
end

-- What a path has for each method, and the captures.
function Hathaway:lookup(path)
	local methods = self.paths[path]
	if methods then
		return methods
	end
	for _, entry in ipairs(self.patterns) do
		local captures = core.pack(path:match(entry.pattern))
		if captures[1] ~= nil then
			return entry.methods, captures
		end
	end
end

function Hathaway:handle(request, res)
	local methods, captures = self:lookup(request.path)
	if not methods then
		return response.not_found(request, res)
	end
	local f = methods[request.method] or request.method == 'HEAD' and methods.GET
	if not f then
		response.method_not_allowed(request, res)
		local allowed = {}
		for method in pairs(methods) do
			allowed[#allowed + 1] = method
		end
		table.sort(allowed)
		res.headers.Allow = table.concat(allowed, ', ')
		return
	end
	if captures then
		return f(request, res, core.unpack(captures, 1, captures.n))
	end
	return f(request, res)
end

-- Serves at a host and a port, or on a listening socket, until it is closed.
function Hathaway:run(where, port)
	local function f(request, res)
		return self:handle(request, res)
	end
	local made, problem
	if type(where) == 'string' then
		made, problem = server.new(where, port, f)
	else
		made = server.new(where, f)
	end
	if not made then
		return nil, problem
	end
	made.debug = hathaway.debug
	self.server = made
	local nothing, ended = made:run()
	if ended == 'interrupted' then
		return true
	end
	return nothing, ended
end

-- Sets GET, GETM and the others, and Hathaway, in a table or as globals: verbs of one object.
function Hathaway:import(env)
	env = env or _G
	for _, verb in ipairs(VERBS) do
		for _, name in ipairs { verb, verb .. 'M' } do
			env[name] = function(path, f)
				self[name](self, path, f)
			end
		end
	end
	env.Hathaway = function(...)
		local done, problem = self:run(...)
		if not done then
			error(problem, 2)
		end
	end
end

function hathaway.import(env)
	local object = hathaway.new()
	object:import(env)
	-- The server, once it runs.
	setmetatable(hathaway, {
		__index = function(_, name)
			if name == 'server' then
				return object.server
			end
		end,
	})
	return object
end

return hathaway
