#!/usr/bin/env lem
-- TLS for a program that has none: takes plain connections here and encrypts them to there.
--
--   lem examples/tunnel.lua LISTEN_PORT HOST:PORT [CA.pem]

local ssl, io, utils = require 'lem.ssl', require 'lem.io', require 'lem.utils'

local port, address = arg[1], arg[2]
if not address then
	print('usage: lem tunnel.lua LISTEN_PORT HOST:PORT [CA.pem]')
	utils.exit(2)
end

local context = assert(ssl.newcontext { ca = arg[3] })
local server = assert(io.tcp.listen('127.0.0.1', port))
print('tunnelling from port ' .. select(2, server:address()))

local function copy(from, to)
	while true do
		local data = from:read()
		if not data or not to:write(data) then
			break
		end
	end
	to:closewrite()
end

assert(server:autospawn(function(near)
	local far, problem = context:connect(address)
	if not far then
		io.stderr:write(problem, '\n')
		return near:close()
	end
	local reader, writer = far:halves()
	writer.closewrite = writer.close
	utils.spawn(copy, near, writer)
	copy(reader, near)
	near:close()
	reader:close()
end))
