-- lem.http.response: what a server answers.
local core = ...

local Response = core.class()
local response = { Response = Response }

local TEXTS = {
	[100] = 'Continue', [200] = 'OK', [201] = 'Created', [202] = 'Accepted', [204] = 'No Content',
	[206] = 'Partial Content',
	[301] = 'Moved Permanently', [302] = 'Found', [303] = 'See Other', [304] = 'Not Modified',
	[307] = 'Temporary Redirect', [308] = 'Permanent Redirect', [400] = 'Bad Request', [401] = 'Unauthorized',
	[403] = 'Forbidden', [404] = 'Not Found', [405] = 'Method Not Allowed', [408] = 'Request Timeout', [409] = 'Conflict',
	[413] = 'Content Too Large', [417] = 'Expectation Failed', [429] = 'Too Many Requests',
	[500] = 'Internal Server Error', [501] = 'Not Implemented', [503] = 'Service Unavailable',
	[505] = 'HTTP Version Not Supported',
}

-- The status line's text: of a number, or as it is. It raises for what is no status.
function response.status_string(status)
	if type(status) == 'string' then
		if not status:find '^%d%d%d' or status:find '[%c]' then
			error(("not a status: '%s'"):format(status), 2)
		end
		return status
	end
	if type(status) ~= 'number' or status % 1 ~= 0 or status < 100 or status > 999 then
		error('not a status: ' .. tostring(status), 2)
	end
	return ('%d %s'):format(status, TEXTS[status] or 'Unknown')
end

function response.new(request)
	return setmetatable({ version = '1.1', headers = {}, request = request }, Response)
end

-- Adds to the body; a text with further arguments is a format.
function Response:add(text, ...)
	if select('#', ...) > 0 then
		text = text:format(...)
	end
	self[#self + 1] = text
end

function Response:appendheader(texts)
	local status = self.status or (#self == 0 and not self.file and 204 or 200)
	texts[#texts + 1] = ('HTTP/%s %s\r\n'):format(self.version, response.status_string(status))
	local lines = {}
	for name, value in pairs(self.headers) do
		lines[#lines + 1] = ('%s: %s\r\n'):format(name, (tostring(value):gsub('[\r\n]+', ' ')))
	end
	-- The order of a table is another one in each run: with it, what is sent would not follow from a world's seed.
	table.sort(lines)
	lines[#lines + 1] = '\r\n'
	texts[#texts + 1] = table.concat(lines)
end

function Response:appendbody(texts)
	for i = 1, #self do
		texts[#texts + 1] = tostring(self[i])
	end
end

function Response:contentlength()
	local length = 0
	for i = 1, #self do
		length = length + #tostring(self[i])
	end
	return length
end

function response.htmlerror(number, text)
	local title = ('%d %s'):format(number, text)
	return function(_, res)
		res.status = number
		res.headers['Content-Type'] = 'text/html; charset=UTF-8'
		for i = #res, 1, -1 do
			res[i] = nil
		end
		res.file = nil
		res:add('<!DOCTYPE html>\n<title>%s</title>\n<h1>%s</h1>\n', title, title)
	end
end

response.not_found = response.htmlerror(404, 'Not Found')
response.bad_request = response.htmlerror(400, 'Bad Request')
response.method_not_allowed = response.htmlerror(405, 'Method Not Allowed')
response.not_implemented = response.htmlerror(501, 'Not Implemented')
response.expectation_failed = response.htmlerror(417, 'Expectation Failed')
response.version_not_supported = response.htmlerror(505, 'HTTP Version Not Supported')
response.server_error = response.htmlerror(500, 'Internal Server Error')

return response
