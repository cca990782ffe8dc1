#!/usr/bin/env lem
-- Fetches a page over TLS and prints it, line by line: the main job, as short as it gets.
--
--   lem examples/test.lua [HOST:PORT [CA.pem]]

local ssl = require 'lem.ssl'

local address = arg[1] or 'www.rust-lang.org:https'
local context = assert(ssl.newcontext { ca = arg[2] })
local stream = assert(context:connect(address))

assert(stream:write('GET / HTTP/1.0\r\nHost: ' .. address:match '^[^:]+' .. '\r\n\r\n'))
while true do
	local line, err = stream:read '*l'
	if not line then
		-- The last line need not end in a newline: what is left of it is still there to be read.
		io.write(stream:read() or '')
		if err ~= 'closed' then
			error(err)
		end
		break
	end
	io.write(line)
end
stream:close()
