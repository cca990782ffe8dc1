-- lem.lfs: folders, and what the system knows of files.
local core = ...
local host, finish = core.host, core.finish
local lfs = {}

local function call(name, count)
	lfs[name] = function(...)
		local arguments = { ... }
		for i = 1, count do
			arguments[i] = core.check_string(arguments[i], i, name)
		end
		return core.begin(host.lfs, name, arguments[1], arguments[2])
	end
end
call('mkdir', 1)
call('rmdir', 1)
call('remove', 1)
call('chdir', 1)
call('rename', 2)

-- A link to a file; `symbolic`: by name.
function lfs.link(path, new, symbolic)
	path, new = core.check_string(path, 1, 'link'), core.check_string(new, 2, 'link')
	return core.begin(host.lfs, symbolic and 'symlink' or 'link', path, new)
end

function lfs.currentdir()
	return host.currentdir()
end

-- The times of a file, in seconds since 1970; without them, now.
function lfs.touch(path, accessed, modified)
	path = core.check_string(path, 1, 'touch')
	accessed = accessed and core.check_number(accessed, 2, 'touch')
	modified = modified and core.check_number(modified, 3, 'touch')
	return core.begin(host.touch, path, accessed, modified or accessed)
end

local Folder = core.class()

function Folder:next()
	if not self.names then
		return nil
	end
	self.at = self.at + 1
	return self.names[self.at]
end

function Folder:close()
	self.names = nil
	return true
end

-- For `for name in lfs.dir(path)`: the names in a folder, '.' and '..' among them.
function lfs.dir(path)
	local names, message = finish(host.dir(core.check_string(path, 1, 'dir')))
	if not names then
		return nil, message
	end
	return Folder.next, setmetatable({ names = names, at = 0 }, Folder)
end

local NAMES = {
	dev = true, ino = true, mode = true, permissions = true, nlink = true, uid = true, gid = true, rdev = true,
	size = true, blksize = true, blocks = true, access = true, modification = true, change = true,
}

local function attributes(name, follow)
	lfs[name] = function(path, what)
		path = core.check_string(path, 1, name)
		if what ~= nil and not NAMES[what] then
			core.bad_argument(2, name, "invalid option '" .. tostring(what) .. "'")
		end
		local all, message = finish(host.attributes(path, follow))
		if not all then
			return nil, message
		elseif what then
			return all[what]
		end
		return all
	end
end
attributes('attributes', true)
attributes('symlinkattributes', false)

function lfs.lock(file, ...)
	return file:lock(...)
end

function lfs.unlock(file, ...)
	return file:lock('u', ...)
end

function lfs.setmode()
	return 'binary'
end

local Lock = core.class()

-- Holds a folder, by a link in it, until lock:free().
function lfs.lock_dir(path)
	path = core.check_string(path, 1, 'lock_dir') .. '/lockfile.lfs'
	local done, message = core.begin(host.lfs, 'symlink', 'lock', path)
	if not done then
		return nil, message
	end
	return setmetatable({ path = path }, Lock)
end

function Lock:free()
	return lfs.remove(self.path)
end

return lfs
