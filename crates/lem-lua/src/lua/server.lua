-- The verbs of servers, as methods: what lem.ssl and lem.io have in common.
local core = ...
local finish = core.finish

-- A class of servers whose streams `new` makes.
return function(new, accept_error)
	local Server = core.class()

	function Server:accept()
		local handle, message = finish(self.verbs.accept(self[1]))
		if not handle then
			return nil, accept_error(message)
		end
		return new(handle)
	end

	-- Calls f(stream) in a coroutine for each connection; returns only when there are no more.
	function Server:autospawn(f)
		if type(f) ~= 'function' then
			core.bad_argument(1, 'autospawn', 'function expected, got ' .. type(f))
		end
		while true do
			local stream, message = self:accept()
			if not stream then
				return nil, message
			end
			core.spawn(f, stream)
			-- The loop's frame must not keep a stream that nobody else has any more.
			stream = nil
		end
	end

	local function plain(done, message)
		if done then
			return true
		end
		return nil, message
	end

	function Server:close()
		local done, message = self.verbs.close(self[1])
		return plain(done, message == 'already closed' and 'closed' or message)
	end

	function Server:interrupt()
		return plain(self.verbs.interrupt(self[1]))
	end

	function Server:busy()
		return self.verbs.busy(self[1])
	end

	function Server:closed()
		return self.verbs.closed(self[1])
	end

	-- ip, port; or the path of a Unix-domain socket.
	function Server:address()
		return self.verbs.address(self[1])
	end

	return Server
end
