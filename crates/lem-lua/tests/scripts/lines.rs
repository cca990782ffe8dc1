//! Lines are lent to Lua many at a time, and nobody can tell.

use crate::support::{YIELDS_EVERYWHERE, passes};

#[test]
fn every_mode_goes_on_where_the_lines_have_ended() {
    passes(
        "local a, b = pair()
         local text = {}
         for i = 1, 1000 do text[i] = ('line %d\\n'):format(i) end
         a:write(table.concat(text))
         is(b:read '*l') { 'line 1\\n' }
         is(b:read '*l') { 'line 2\\n' }
         is(b:read(4)) { 'line' }
         is(b:read '*l') { ' 3\\n' }
         is(b:read '*l') { 'line 4\\n' }
         is(b:read('*l', '5')) { 'line 5' }
         is(b:read '*l') { '\\n' }
         for i = 6, 990 do is(b:read '*l') { text[i] } end
         a:close()
         is(b:read '*a') { table.concat(text, '', 991) }
         done()",
    );
}

#[test]
fn what_is_there_begins_behind_the_lines_that_were_read() {
    passes(
        "local a, b = pair()
         a:write 'one\\ntwo\\nthree\\nfour'
         is(b:read '*l') { 'one\\n' }
         is(b:read()) { 'two\\nthree\\nfour' }
         a:write 'five\\nsix\\n'
         is(b:read '*l') { 'five\\n' }
         is(b:read '*l') { 'six\\n' }
         a:write 'x'
         is(b:read()) { 'x' }
         done()",
    );
}

#[test]
fn a_closed_stream_gives_no_line_that_was_there() {
    passes(
        "local a, b = pair()
         a:write 'one\\ntwo\\n'
         is(b:read '*l') { 'one\\n' }
         b:close()
         is(b:read '*l') { n = 2, nil, 'closed' }
         done()",
    );
}

#[test]
fn a_stream_whose_writer_waits_is_busy_for_readers_of_lines_too() {
    passes(
        "local a, b = pair()
         a:write 'one\\ntwo\\nthree\\n'
         is(b:read '*l') { 'one\\n' }
         local written = begin(b.write, b, ('x'):rep(20000000))
         utils['yield']()
         is(b:read '*l') { n = 2, nil, 'busy' }
         is(#a:read(20000000)) { 20000000 }
         is(written()) { true }
         is(b:read '*l') { 'two\\n' }
         done()",
    );
}

#[test]
fn an_end_in_the_middle_of_a_line_leaves_its_bytes() {
    passes(
        "for _, make in ipairs { pair, plain_pair } do
             local a, b = make()
             a:write 'whole\\npart'
             a:close()
             assert(b:read '*l')
             is(b:read '*l') { n = 2, nil, 'closed' }
             is(b:read(100)) { n = 2, nil, 'closed' }
             is(b:read()) { 'part' }
             is(b:read()) { n = 2, nil, 'closed' }
         end
         done()",
    );
}

#[test]
fn an_interrupted_read_consumes_nothing_in_any_mode() {
    passes(
        "for _, mode in ipairs { 10, '*l', '*a' } do
             local a, b = pair()
             local read = begin(b.read, b, mode)
             a:write 'abc'
             sleep(0.01)
             is(b:interrupt()) { true }
             is(read()) { n = 2, nil, 'interrupted' }
             is(b:read(2)) { 'ab' }
             a:write '\\n'
             is(b:read '*l') { 'c\\n' }
         end
         done()",
    );
}

#[test]
fn a_read_or_a_write_that_takes_too_long_has_lost_nothing() {
    passes(
        "for _, make in ipairs { pair, plain_pair } do
             local a, b = make()
             is(b:settimeout(0.02)) { true }
             a:write 'part of a li'
             is(b:read '*l') { n = 2, nil, 'timeout' }
             is(b:read(100)) { n = 2, nil, 'timeout' }
             is(b:read '*a') { n = 2, nil, 'timeout' }
             is(b:busy()) { false }
             a:write 'ne\\n'
             contains(b:read '*l', 'part of a line')
             b:settimeout(nil)
             local line = begin(b.read, b, '*l')
             sleep(0.05)
             a:write 'late\\n'
             contains(line(), 'late')
             a:settimeout(0.02)
             is(a:write(('x'):rep(50000000))) { n = 2, nil, 'timeout' }
             a:close() b:close()
         end
         done()",
    );
}

#[test]
fn a_line_may_have_any_bytes_and_be_empty() {
    passes(
        "local a, b = pair()
         a:write 'x\\0y\\n\\n\\0\\n'
         is(b:read '*l') { 'x\\0y\\n' }
         is(b:read '*l') { '\\n' }
         is(b:read '*l') { '\\0\\n' }
         local a, b = plain_pair()
         a:write 'x\\0y\\n\\n\\0\\r\\n'
         is(b:read '*l') { 'x\\0y' }
         is(b:read '*l') { '' }
         is(b:read '*l') { '\\0\\r' }
         a:write 'caf\\195\\169\\n\\n'
         is(b:read '*l') { 'caf\\195\\169' }
         is(b:read '*l') { '' }
         a:write '\\255\\n\\n\\195\\n\\169x\\n'
         is(b:read '*l') { '\\255' }
         is(b:read '*l') { '' }
         is(b:read '*l') { '\\195' }
         is(b:read '*l') { '\\169x' }
         done()",
    );
}

#[test]
fn a_line_beyond_its_limit_is_told_behind_others_too() {
    passes(
        "local a, b = pair { max_line = 10 }
         b:write('a\\n0123456789abc\\nb\\n')
         is(a:read '*l') { 'a\\n' }
         contains(failed(a:read '*l'), 'longer than its limit of 10 bytes')
         is(a:read(14)) { '0123456789abc\\n' }
         is(a:read '*l') { 'b\\n' }
         done()",
    );
}

#[test]
fn a_line_and_everything_have_limits_that_a_context_sets() {
    passes(
        "local a, b = pair { max_line = 10, max_all = 100 }
         b:write('0123456789abc\\n')
         contains(failed(a:read '*l'), 'longer than its limit of 10 bytes')
         is(a:read(14)) { '0123456789abc\\n' }
         b:write '012345678\\n'
         is(a:read '*l') { '012345678\\n' }
         b:write(('x'):rep(101))
         b:close()
         contains(failed(a:read '*a'), 'limit of 100 bytes')
         is(#a:read(90)) { 90 }
         done()",
    );
}

#[test]
fn a_number_of_bytes_has_a_limit_too_but_not_of_a_file() {
    passes(
        "local a, b = plain_pair()
         contains(failed(a:read(2 ^ 26 + 1)), 'limit')
         b:write 'x'
         is(a:read(1)) { 'x' }
         local c, d = pair { max_all = 100 }
         contains(failed(c:read(101)), 'limit')
         d:write(('x'):rep(100))
         is(#c:read(100)) { 100 }
         local path = os.tmpname()
         local file = io_.open(path, 'w+')
         is(file:read(2 ^ 26 + 1)) { n = 2, nil, 'eof' }
         file:close()
         os.remove(path)
         done()",
    );
}

#[test]
fn an_iterator_ends_where_reads_end() {
    if !YIELDS_EVERYWHERE {
        return;
    }
    passes(
        "local a, b = plain_pair()
         a:write 'one\\ntwo\\nthree'
         a:close()
         local got = {}
         for line in b:lines() do got[#got + 1] = line end
         is(table.concat(got, ',')) { 'one,two' }
         is(b:read '*a') { 'three' }
         local a, b = plain_pair()
         a:write 'abcdef'
         a:close()
         local got = {}
         for part in b:lines(2) do got[#got + 1] = part end
         is(table.concat(got, ',')) { 'ab,cd,ef' }
         done()",
    );
}

#[test]
fn many_short_lines_arrive_in_order() {
    passes(
        "local a, b = pair()
         spawn(function()
             local block = {}
             for i = 1, 200000 do
                 block[#block + 1] = i
                 if i % 1000 == 0 then
                     a:write(table.concat(block, '\\n'), '\\n')
                     block = {}
                 end
             end
             a:close()
         end)
         local i = 0
         while true do
             local line = b:read '*l'
             if not line then break end
             i = i + 1
             assert(line == i .. '\\n', line)
         end
         is(i) { 200000 }
         done()",
    );
}

#[test]
fn a_reader_of_short_lines_lets_others_run() {
    passes(
        "local name = os.tmpname()
         local file = io_.open(name, 'w')
         file:write(('y\\n'):rep(32000))
         file:close()
         local file = io_.open(name)
         is(file:read '*l') { 'y' }
         local turns, ended = 0, false
         spawn(function()
             while not ended do turns = turns + 1 utils['yield']() end
         end)
         for i = 2, 32000 do is(file:read '*l') { 'y' } end
         ended = true
         assert(turns >= 5, turns)
         is(file:read '*l') { n = 2, nil, 'eof' }
         file:close()
         os.remove(name)
         done()",
    );
}
