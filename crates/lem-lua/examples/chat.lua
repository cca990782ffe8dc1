#!/usr/bin/env lem
-- A chat over TLS: everybody who is connected hears what the others say.
--
--   lem examples/chat.lua [PORT [CHAIN.pem KEY.pem]]
--   openssl s_client -quiet -connect localhost:4433

local ssl, ioqueue = require 'lem.ssl', require 'lem.io.queue'

local port = tonumber(arg[1] or 4433)
local context = assert(ssl.newcontext(arg[2] and { cert = arg[2], key = arg[3] } or { selfsigned = 'localhost' }))
local server = assert(context:listen('*', port, print))
print('chatting on port ' .. select(2, server:address()))

local clients, count = {}, 0

local function say(from, ...)
	for client, name in pairs(clients) do
		if client ~= from then
			client:write(...)
		end
	end
end

assert(server:autospawn(function(stream)
	count = count + 1
	local name = 'guest ' .. count
	-- One coroutine reads while the others write to the same client.
	local reader, writer = stream:halves()
	local client = ioqueue.wrap(writer)
	clients[client] = name
	client:write('Welcome, ', name, '\n')
	say(client, name, ' comes in\n')
	for line in reader:lines() do
		say(client, name, ': ', line)
	end
	clients[client] = nil
	say(client, name, ' goes\n')
	reader:close()
end))
