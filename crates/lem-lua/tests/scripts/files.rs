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
         is(a:sendfile(f, 1)) { n = 2, nil, 'file closed' }
         os.remove(path)
         done()",
    );
}
