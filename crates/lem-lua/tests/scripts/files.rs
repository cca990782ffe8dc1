//! `lem.io`: files, devices, other programs.

use crate::support::{YIELDS_EVERYWHERE, passes};

#[test]
fn a_file_is_read_in_every_mode_and_ends_with_eof() {
    passes(
        "local path = os.tmpname()
         local f = assert(io_.open(path, 'w'))
         is(getmetatable(f) == io_.File) { true }
         is(f:write('line one\\n', 'line ', 2, '\\nrest')) { true }
         is(f:size()) { 20 }
         is(f:close()) { true }
         is(f:close()) { n = 2, nil, 'closed' }
         is(f:read()) { n = 2, nil, 'closed' }
         local f = io_.open(path)
         is(f:read '*l') { 'line one' }
         is(f:read(4)) { 'line' }
         is(f:read '*l') { ' 2' }
         is(f:read '*l') { n = 2, nil, 'eof' }
         is(f:closed()) { false }
         is(f:read()) { 'rest' }
         is(f:read()) { n = 2, nil, 'eof' }
         is(f:read '*a') { '' }
         is(f:read(0)) { '' }
         is(f:read(5)) { n = 2, nil, 'eof' }
         contains(raised(f.read, f, '*n'), 'invalid format')
         os.remove(path)
         done()",
    );
}

#[test]
fn seek_counts_what_was_read_and_nothing_that_was_read_ahead() {
    passes(
        "local path = os.tmpname()
         local f = assert(io_.open(path, 'w+'))
         f:write 'one\\ntwo\\nthree\\n'
         is(f:seek()) { 14 }
         is(f:seek('set')) { 0 }
         is(f:read(2)) { 'on' }
         is(f:seek()) { 2 }
         is(f:read '*l') { 'e' }
         is(f:read '*l') { 'two' }
         is(f:seek()) { 8 }
         is(f:seek('cur', -4)) { 4 }
         is(f:read '*l') { 'two' }
         is(f:write 'THREE') { true }
         is(f:seek('end', -6)) { 8 }
         is(f:read '*a') { 'THREE\\n' }
         contains(raised(f.seek, f, 'middle'), \"invalid option 'middle'\")
         contains(raised(f.seek, f, 'set', 0.5), 'not an integer in proper range')
         is(failed(f:seek('set', -1))) { 'Invalid argument' }
         os.remove(path)
         done()",
    );
}

#[test]
fn opening_fails_in_the_systems_words_and_checks_its_arguments() {
    passes(
        "is(failed(io_.open '/no/such/file')) { 'No such file or directory' }
         is(failed(io_.open '/tmp')) { 'Invalid argument' }
         contains(raised(io_.open, '/tmp/x', 'q'), 'invalid mode string')
         contains(raised(io_.open, '/tmp/x', 'w', 888), 'invalid permissions')
         local path = os.tmpname()
         is(failed(io_.open(path, 'wx'))) { 'File exists' }
         local f = io_.open(path)
         is(f:lock 'r', f:lock 'u') { true, true }
         contains(raised(f.lock, f, 'x'), \"invalid option 'x'\")
         is(failed(f:write 'x')) { 'Bad file descriptor' }
         os.remove(path)
         done()",
    );
}

#[test]
fn lines_of_a_file_close_it_at_its_end() {
    if !YIELDS_EVERYWHERE {
        return;
    }
    passes(
        "local path = os.tmpname()
         local f = io_.open(path, 'w')
         for i = 1, 1000 do f:write(i, '\\n') end
         f:close()
         local sum, stream = 0
         local iterate, stream = io_.lines(path)
         for line in iterate do sum = sum + line end
         is(sum, stream:closed()) { 500500, true }
         contains(raised(io_.lines, '/no/such/file'), 'No such file or directory')
         local s = io_.streamfile(path)
         is(getmetatable(s) == io_.Stream) { true }
         is(#s:read '*a', failed(s:read '*l')) { 3893, 'closed' }
         os.remove(path)
         done()",
    );
}

#[test]
fn current_input_and_output_can_be_chosen() {
    passes(
        "local path = os.tmpname()
         io_.output(path)
         is(io_.write('a', 1, '\\n')) { true }
         is(io_.close()) { true }
         io_.input(path)
         is(io_.read '*l') { 'a1' }
         is(getmetatable(io_.input()) == io_.File) { true }
         os.remove(path)
         done()",
    );
}

#[test]
fn a_fifo_is_waited_for_and_closing_wakes_its_reader() {
    passes(
        "local path = os.tmpname()
         os.remove(path)
         assert(os.execute('mkfifo ' .. path))
         local a = assert(io_.open(path, 'r+'))
         is(getmetatable(a) == io_.Stream) { true }
         local line = begin(a.read, a, '*l')
         sleep(0.01)
         is(a:busy()) { true }
         is(a:write 'through\\n') { true }
         is(line()) { 'through' }
         local line = begin(a.read, a, '*l')
         sleep(0.01)
         is(a:close()) { true }
         is(line()) { n = 2, nil, 'closed' }
         os.remove(path)
         done()",
    );
}

#[test]
fn other_programs_are_streams_too() {
    passes(
        "local s, id = assert(io_.popen('echo one; echo two', 'r'))
         is(type(id)) { 'number' }
         is(s:read '*l', s:read '*l', failed(s:read '*l')) { 'one', 'two', 'closed' }
         local s = assert(io_.popen('tr a-z A-Z', 'rw'))
         s:write 'shout\\n'
         s:closewrite()
         is(s:read '*a') { 'SHOUT\\n' }
         contains(raised(io_.popen, 'true', 'x'), \"invalid option 'x'\")
         local s = io_.popen('exit 3', 'w')
         local written, message
         repeat
             written, message = s:write 'x'
             sleep(0.001)
         until not written
         is(message) { 'closed' }
         done()",
    );
}

#[test]
fn a_part_of_a_file_is_sent() {
    passes(
        "local path = os.tmpname()
         local f = io_.open(path, 'w+')
         f:write '0123456789'
         local a, b = pair()
         is(a:sendfile(f, 4, 3)) { 4 }
         is(b:read(4)) { '3456' }
         is(a:sendfile(f, 100)) { 10 }
         is(b:read(10)) { '0123456789' }
         is(f:seek()) { 10 }
         f:close()
         is(a:sendfile(f, 1)) { n = 3, nil, 'file closed', 0 }
         os.remove(path)
         done()",
    );
}

#[test]
fn a_write_behind_lines_goes_where_the_script_has_read_to() {
    passes(
        "local path = os.tmpname()
         local text = 'one\\ntwo\\nthree\\nfour\\n'
         for count = 1, 4 do
             local f = io_.open(path, 'w')
             f:write(text)
             f:close()
             local f, at = io_.open(path, 'r+'), 0
             for i = 1, count do at = at + #f:read '*l' + 1 end
             is(f:write 'XX') { true }
             is(f:seek()) { at + 2 }
             is((f:read(1)) or '') { text:sub(at + 3, at + 3) }
             f:close()
             is(io_.open(path):read '*a') { text:sub(1, at) .. 'XX' .. text:sub(at + 3) }
         end
         local f = io_.open(path, 'r+')
         f:read '*l'
         is(f:seek(), f:seek('cur', 1), f:read(1), f:seek 'cur') { 4, 5, 'w', 6 }
         f:read '*l'
         f:read '*l'
         is(f:size(), f:seek('end', -2), f:read()) { 21, 19, 'XX' }
         os.remove(path)
         done()",
    );
}

#[test]
fn a_file_is_sent_to_many_at_once() {
    passes(
        "local path = os.tmpname()
         local f = io_.open(path, 'w+')
         local parts = {}
         for i = 0, 25 do parts[#parts + 1] = string.char(65 + i):rep(40000) end
         local text = table.concat(parts)
         f:write(text)
         f:seek('set', 7)
         local results = {}
         for i = 1, 4 do
             local a, b = plain_pair()
             local sent = begin(function() local n, message = a:sendfile(f, #text, i) a:close() return n, message end)
             local got = begin(b.read, b, '*a')
             results[i] = function() return sent(), got() == text:sub(i + 1) end
         end
         for i = 1, 4 do is(results[i]()) { #text - i, true } end
         is(f:seek()) { 7 }
         local a = plain_pair()
         contains(raised(a.sendfile, a, f, 1, -1), 'not an integer in proper range')
         contains(raised(a.sendfile, a, {}, 1), 'file expected')
         os.remove(path)
         done()",
    );
}

#[test]
fn a_file_is_served_to_many_at_once() {
    passes(
        "local path = os.tmpname()
         local f = io_.open(path, 'w+')
         local text = ('0123456789'):rep(100000)
         f:write(text)
         local s, url = serve(function(req, res) res.file = f end)
         local bodies = {}
         for i = 1, 4 do
             bodies[i] = begin(function() return require 'lem.http.client'.new():get(url):body() == text end)
         end
         for i = 1, 4 do is(bodies[i]()) { true } end
         s:close()
         os.remove(path)
         done()",
    );
}

#[test]
fn a_time_that_no_clock_has_is_refused_and_one_before_1970_is_set() {
    passes(
        "local lfs, name = require 'lem.lfs', os.tmpname()
         for _, time in ipairs { 1e19, -1e19, 1 / 0, 0 / 0 } do
             is(lfs.touch(name, time) == nil) { true }
         end
         is(lfs.touch(name, -1000)) { true }
         is(lfs.attributes(name, 'modification')) { -1000 }
         os.remove(name)
         lfs.mkdir(name)
         is(lfs.touch(name, 1000)) { true }
         is(lfs.attributes(name, 'modification')) { 1000 }
         lfs.rmdir(name)
         done()",
    );
}

#[test]
fn a_file_that_is_being_sent_keeps_reads_out_where_both_share_a_slot() {
    passes(
        "local path, copy = os.tmpname(), os.tmpname()
         local size = 2 ^ 22
         local file = io_.open(path, 'w+')
         file:write(('a\\n'):rep(size / 2))
         local function is_busy(stream, read, ...)
             local value, message = read(stream, ...)
             is(value, message) { n = 2, nil, 'busy' }
         end
         -- An encrypted stream.
         local a, b = pair()
         local got, before = begin(b.read, b, size), a:written()
         local sent = begin(a.sendfile, a, file, size)
         a:settimeout(0.001)
         repeat
             utils['yield']()
             if a:written() - before < size then
                 is_busy(a, a.read)
                 is_busy(a, a.read, '*l')
                 is(a:sendfile(file, 1)) { n = 3, nil, 'busy', 0 }
             end
         until a:written() - before > size / 2
         is(sent()) { size }
         is(#got()) { size }
         -- A file, whose position reads and writes share.
         local to = io_.open(copy, 'w+')
         sent = begin(to.sendfile, to, file, size)
         repeat
             utils['yield']()
             -- A disk may be done with all of it meanwhile.
             if to:written() < size then
                 is_busy(to, to.read)
                 is_busy(to, to.read, '*l')
                 is_busy(to, to.seek, 'set', 0)
             end
         until to:written() > size / 2
         is(sent()) { size }
         is(to:seek 'set', to:read '*a' == ('a\\n'):rep(size / 2)) { 0, true }
         -- Where each has a slot of its own, a read may wait.
         local c, d = plain_pair()
         local answer = begin(c.read, c, '*l')
         got, sent = begin(d.read, d, size), begin(c.sendfile, c, file, size)
         is(sent()) { size }
         is(#got()) { size }
         d:write 'thanks\\n'
         is(answer()) { 'thanks' }
         file:close()
         os.remove(path)
         os.remove(copy)
         done()",
    );
}

#[test]
fn a_file_is_not_sent_where_a_read_or_a_write_waits() {
    passes(
        "local path = os.tmpname()
         local file = io_.open(path, 'w+')
         file:write 'text'
         local a, b = pair()
         is(a:sendfile(file, 4)) { 4 }
         local reading = begin(a.read, a, '*l')
         utils['yield']()
         is(a:sendfile(file, 4)) { n = 3, nil, 'busy', 0 }
         b:write 'line\\n'
         is(reading()) { 'line\\n' }
         local writing = begin(a.write, a, ('x'):rep(2 ^ 24))
         utils['yield']()
         is(a:sendfile(file, 4)) { n = 3, nil, 'busy', 0 }
         is(a:interrupt()) { true }
         is((select(2, writing()))) { 'interrupted' }
         os.remove(path)
         done()",
    );
}
