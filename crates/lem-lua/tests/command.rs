//! The command `lem`, as a user starts it.

#![forbid(unsafe_code)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

fn lem(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lem"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// What it says, on both streams, and its exit code.
fn said(command: &mut Command) -> (String, String, i32) {
    let Output { status, stdout, stderr } = command.output().expect("it starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (text(stdout), text(stderr), status.code().expect("a code"))
}

fn run(code: &str) -> (String, String, i32) {
    said(&mut lem(&["-e", code]))
}

/// With this on standard input.
fn fed(arguments: &[&str], input: &str) -> (String, String, i32) {
    let mut command = lem(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("an end");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (text(output.stdout), text(output.stderr), output.status.code().expect("a code"))
}

struct Script(PathBuf);

impl Script {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("lem-{}-{name}.lua", std::process::id()));
        fs::write(&path, text).expect("written");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("text")
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn a_script_has_its_arguments_and_a_first_line_for_the_shell() {
    let script =
        Script::new("arg", "#!/usr/bin/env lem\nprint(arg[0], arg[1], arg[2], #arg, ...)\nprint(arg[-1] ~= nil)\n");
    let (out, err, code) = said(&mut lem(&[script.path(), "one", "two words"]));
    assert_eq!(
        (out, err.as_str(), code),
        (format!("{}\tone\ttwo words\t2\tone\ttwo words\ntrue\n", script.path()), "", 0)
    );
}

#[test]
fn lines_keep_their_numbers_behind_the_shells_line() {
    let script = Script::new("shebang", "#!/usr/bin/env lem\nerror 'here'\n");
    let (_, err, code) = said(&mut lem(&[script.path()]));
    assert!(err.starts_with(&format!("lem: {}:2: here\nstack traceback:", script.path())), "{err}");
    assert_eq!(code, 1);
}

#[test]
fn what_cannot_be_run_is_told_with_code_1() {
    let (_, err, code) = said(&mut lem(&["/no/such/script.lua"]));
    assert_eq!((err.as_str(), code), ("lem: cannot open /no/such/script.lua: No such file or directory\n", 1));
    let script = Script::new("syntax", "x = = 1\n");
    let (_, err, code) = said(&mut lem(&[script.path()]));
    assert!(err.starts_with(&format!("lem: {}:1: unexpected symbol near '='", script.path())), "{err}");
    assert_eq!(code, 1);
}

#[test]
fn exit_codes_are_those_of_the_original() {
    assert_eq!(run("").2, 0);
    assert_eq!(run("require 'lem.utils'.exit(7)").2, 7);
    assert_eq!(run("os.exit(8)").2, 8);
    assert_eq!(run("error 'x'").2, 1);
    assert_eq!(run("require 'lem.queue'.new():get() print 'not reached'"), (String::new(), String::new(), 0));
    let (_, err, code) = run("error({})");
    assert!(err.starts_with("lem: table: "), "never silent: {err}");
    assert_eq!(code, 1);
    let (_, err, code) = run("require 'lem.utils'.spawn(function() error 'in a coroutine' end)");
    assert!(err.contains("in a coroutine\nstack traceback:"), "{err}");
    assert_eq!(code, 1);
}

#[test]
fn exit_runs_finalizers_and_nothing_behind_it() {
    let (out, _, code) = run("local t = setmetatable({}, { __gc = function() print 'collected' end })
         require 'lem.utils'.exit(3)
         print 'not reached'");
    let expected = if cfg!(feature = "lua54") { "collected\n" } else { "" };
    assert_eq!((out.as_str(), code), (expected, 3));
}

#[test]
fn options_say_what_they_are_for() {
    let (out, _, code) = said(&mut lem(&["--version"]));
    assert!(out.starts_with("lem 0.") && out.contains("(Lua"), "{out}");
    assert_eq!(code, 0);
    assert!(said(&mut lem(&["--help"])).0.contains("usage: lem"));
    let (_, err, code) = said(&mut lem(&["--no-such"]));
    assert!(err.contains("there is no option '--no-such'"), "{err}");
    assert_eq!(code, 2);
    assert_eq!(said(&mut lem(&["-e"])).2, 2);
    assert_eq!(said(&mut lem(&["--simulate", "x", "-e", ""])).2, 2);
    assert_eq!(said(&mut lem(&["--faults", "-e", ""])).2, 2);
}

#[test]
fn a_script_may_come_from_standard_input() {
    assert_eq!(fed(&["-", "an argument"], "print('read', ...)"), ("read\tan argument\n".into(), String::new(), 0));
}

#[test]
fn the_prompt_runs_lines_that_wait() {
    let input = "x = 20\n\
                 = x + 1\n\
                 x * 2, nil\n\
                 for i = 1, 2 do\nprint(i)\nend\n\
                 require 'lem.utils'.newsleeper():sleep(0.01)\n\
                 error 'broken'\n\
                 x = = 1\n";
    let (out, err, code) = fed(&[], input);
    assert!(out.contains("> > 21\n> 40\tnil\n> >> >> "), "{out}");
    // What `print` says, older Lua keeps until its buffer is full.
    assert!(out.contains("1\n2\n") && out.contains("> nil\ttimeout\n"), "{out}");
    assert!(out.contains("broken\n"), "{out}");
    assert!(out.contains("stdin:1: unexpected symbol near '='"), "{out}");
    assert!(out.contains("> closed\n"), "{out}");
    assert_eq!((err.as_str(), code), ("", 0));
}

#[test]
fn standard_streams_are_pipes_or_files_as_they_come() {
    let code = "local io = require 'lem.io'
        while true do
            local line = io.stdin:read '*l'
            if not line then break end
            io.write(line:upper(), '\\n')
        end
        io.stderr:write 'end\\n'";
    assert_eq!(fed(&["-e", code], "one\ntwo\n"), ("ONE\nTWO\n".into(), "end\n".into(), 0));
    let script = Script::new("input", "a\nb\n");
    let mut command = lem(&["-e", "local io = require 'lem.io' print(io.read '*l', io.read '*a')"]);
    let output = command.stdin(fs::File::open(&script.0).expect("a file")).output().expect("it starts");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "a\tb\n\n");
    let (out, err, code) = run("local io = require 'lem.io' print(io.read '*a' == '', io.write 'x')");
    assert_eq!((out.as_str(), err.as_str(), code), ("xtrue\ttrue\n", "", 0));
}

#[test]
#[cfg(unix)]
fn a_standard_input_that_is_a_socket_is_left_as_it_is() {
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    let (mut ours, theirs) = UnixStream::pair().expect("a pair");
    let shared = theirs.try_clone().expect("the same one");
    let code = "local io = require 'lem.io'
        print(io.stdin:read '*l')
        require 'lem.utils'.spawn(function() io.stdin:read '*l' end)
        require 'lem.utils'.newsleeper():sleep(0.05)
        require 'lem.utils'.exit(4)";
    let child = lem(&["-e", code]).stdin(OwnedFd::from(theirs)).stdout(Stdio::piped()).spawn().expect("it starts");
    ours.write_all(b"through a socket\n").expect("written");
    let output = child.wait_with_output().expect("an end, though a read waits");
    assert_eq!(
        (String::from_utf8_lossy(&output.stdout).as_ref(), output.status.code()),
        ("through a socket\n", Some(4))
    );
    // Who shares it would see reads that do not wait.
    drop(shared);
}

#[test]
fn much_output_to_a_slow_reader_arrives_whole() {
    let code = "local io = require 'lem.io' io.write(('0123456789'):rep(100000)) print(('x'):rep(400000))";
    let mut child = lem(&["-e", code]).stdout(Stdio::piped()).spawn().expect("it starts");
    std::thread::sleep(std::time::Duration::from_millis(200));
    let output = child.stdout.take().map(std::io::read_to_string).expect("a pipe").expect("text");
    assert_eq!(output.len(), 1_000_000 + 400_001);
    assert!(child.wait().expect("an end").success());
}

#[test]
fn a_file_that_is_appended_to_is_not_overwritten() {
    let script = Script::new("output", "before\n");
    let file = fs::File::options().append(true).open(&script.0).expect("a file");
    let mut command = lem(&["-e", "require 'lem.io'.write 'behind\\n' print 'last'"]);
    assert!(command.stdout(file).status().expect("it starts").success());
    assert_eq!(fs::read_to_string(&script.0).expect("text"), "before\nbehind\nlast\n");
}

#[test]
#[cfg(target_os = "linux")]
fn a_write_to_a_file_that_has_failed_half_way_says_what_it_came_to() {
    let code = "
        local io, name = require 'lem.io', os.tmpname()
        local file = io.open(name, 'w')
        local done, message = file:write(('x'):rep(1000000))
        print(done, message ~= nil, file:written() > 0, file:written() == file:size())
        os.remove(name)";
    // No file may become longer than this; without the signal that is an error of the write.
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" -e \"$1\"", env!("CARGO_BIN_EXE_lem"), code]);
    assert_eq!(said(&mut shell), ("nil\ttrue\ttrue\ttrue\n".into(), String::new(), 0));
}

#[test]
fn a_seed_makes_a_world_and_repeats_it() {
    let code = "
        local io, utils = require 'lem.io', require 'lem.utils'
        local server = assert(io.tcp.listen('127.0.0.1', 80))
        utils.spawn(function()
            server:autospawn(function(s)
                local l = s:read '*l'
                if l then s:write(l, '\\n') end
                s:close()
            end)
        end)
        local good = 0
        for i = 1, 50 do
            local s = io.tcp.connect('localhost', 80)
            if s then s:write(i, '\\n') if s:read '*l' then good = good + 1 end s:close() end
        end
        utils.newsleeper():sleep(1e6)
        print(good, utils.now(), math.random(1000000))
        server:close()";
    let calm = said(&mut lem(&["--simulate", "7", "-e", code]));
    assert!(calm.0.starts_with("50\t18010"), "{calm:?}");
    assert_eq!(calm, said(&mut lem(&["--simulate", "7", "-e", code])));
    let rough = said(&mut lem(&["--simulate", "7", "--faults", "-e", code]));
    assert_eq!(rough, said(&mut lem(&["--simulate", "7", "--faults", "-e", code])));
    assert_ne!(rough.0, calm.0);
}

#[test]
fn what_is_sent_over_http_follows_from_the_seed() {
    let code = "
        local io, utils, client = require 'lem.io', require 'lem.utils', require 'lem.http.client'
        local server = require 'lem.http.server'.new('127.0.0.1', 80, function(request, response)
            for i = 1, 8 do response.headers['X-Answer-' .. i] = i end
        end)
        utils.spawn(function() server:run() end)
        local raw = assert(io.tcp.connect('127.0.0.1', 80))
        raw:write 'GET / HTTP/1.0\\r\\nHost: raw\\r\\n\\r\\n'
        print(raw:read '*a')
        server:close()
        local listener = assert(io.tcp.listen('127.0.0.1', 81))
        utils.spawn(function()
            local s = listener:accept()
            repeat local line = s:read '*l' print(line) until line == '\\r'
            s:close()
            listener:close()
        end)
        local headers = {}
        for i = 1, 8 do headers['X-Question-' .. i] = i end
        client.new():request { url = 'http://127.0.0.1:81/', headers = headers }";
    let first = said(&mut lem(&["--simulate", "7", "-e", code]));
    assert!(first.0.contains("X-Answer-8: 8\r\n") && first.0.contains("X-Question-8: 8\r\n"), "{first:?}");
    assert_eq!((first.1.as_str(), first.2), ("", 0));
    for _ in 0..4 {
        assert_eq!(first, said(&mut lem(&["--simulate", "7", "-e", code])));
    }
}

#[test]
fn a_simulated_world_that_stands_still_says_what_waits() {
    let script = |end: &str| {
        format!(
            "local io, utils = require 'lem.io', require 'lem.utils'
             local server = assert(io.tcp.listen('127.0.0.1', 80))
             utils.spawn(function()
                 local s = server:accept()
                 s:read '*l'
                 {end}
             end)
             local c = assert(io.tcp.connect('127.0.0.1', 80))
             c:write 'hello\\n'
             coroutine.wrap(function()
                 print(c:read '*l')
             end)()
             print 'done'"
        )
    };
    let hangs = said(&mut lem(&["--simulate", "7", "-e", &script("utils.newsleeper():sleep()")]));
    let (out, err, code) = &hangs;
    assert_eq!((out.as_str(), *code), ("", 1), "{hangs:?}");
    let lines: Vec<_> = err.lines().collect();
    assert!(lines[0].starts_with("lem: stalled: nothing can happen any more"), "{err}");
    // Each once, by its line: the reader, and the one that sleeps; not the one that has resumed the reader.
    assert_eq!(lines.len(), 3, "{err}");
    assert!(lines[1].starts_with("  (command line):11") && lines[2].starts_with("  (command line):6"), "{err}");
    assert_eq!(hangs, said(&mut lem(&["--simulate", "7", "-e", &script("utils.newsleeper():sleep()")])));
    let ends = said(&mut lem(&["--simulate", "7", "-e", &script("s:write 'you\\n'")]));
    assert_eq!(ends, ("you\ndone\n".into(), String::new(), 0));
    // Coroutines that wait for each other are the end in every world.
    let each_other = "require 'lem.queue'.new():get()";
    assert_eq!(said(&mut lem(&["--simulate", "7", "-e", each_other])), (String::new(), String::new(), 0));
}

#[test]
fn required_files_are_found_beside_the_working_folder() {
    let folder = std::env::temp_dir().join(format!("lem-modules-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("own.lua"), "return { answer = 42 }").expect("written");
    let code = "package.path, package.cpath = '?.lua', '?.so' print(require 'own'.answer, require 'lem.queue' ~= nil)";
    let (out, err, _) = said(lem(&["-e", code]).current_dir(&folder));
    assert_eq!((out.as_str(), err.as_str()), ("42\ttrue\n", ""));
    fs::remove_dir_all(&folder).expect("removed");
}

#[test]
#[cfg(target_os = "linux")]
fn arguments_are_bytes() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let script = Script::new("bytes", "io.write(arg[1], '|', ...)");
    let output = lem(&[script.path()]).arg(OsStr::from_bytes(b"caf\xe9")).output().expect("it starts");
    assert_eq!(output.stdout, b"caf\xe9|caf\xe9");
    let mut path = script.0.clone().into_os_string();
    path.push(OsStr::from_bytes(b"-caf\xe9"));
    fs::rename(&script.0, &path).expect("renamed");
    let output = lem(&[]).arg(&path).arg("x").output().expect("it starts");
    fs::remove_file(&path).expect("removed");
    assert_eq!(output.stdout, b"x|x");
}

#[test]
#[cfg(unix)]
fn a_read_by_a_thread_that_takes_too_long_has_lost_nothing() {
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    let (mut ours, theirs) = UnixStream::pair().expect("a pair");
    let code = "local io, utils = require 'lem.io', require 'lem.utils'
        io.stdin:settimeout(0.02)
        -- More reads than there are threads.
        for i = 1, 70 do assert(select(2, io.stdin:read '*l') == 'timeout') end
        assert(io.open '/dev/null' and io.open(arg[0] or '/etc/hostname'))
        io.write 'ready\\n'
        io.stdin:settimeout(nil)
        print(io.stdin:read '*l', io.stdin:read(3), io.stdin:read '*l', io.stdin:read '*a')";
    let mut command = lem(&["-e", code]);
    let mut child = command.stdin(OwnedFd::from(theirs)).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut text = String::new();
    output.read_line(&mut text).expect("a line");
    ours.write_all(b"one\ntwo three\nfour").expect("written");
    drop(ours);
    output.read_to_string(&mut text).expect("text");
    let output = text;
    assert!(child.wait().expect("an end").success(), "{output}");
    assert_eq!(output, "ready\none\ttwo\t three\tfour\n");
}

#[test]
fn a_mark_of_utf_8_in_front_of_a_script_is_skipped() {
    let script = Script::new("bom", "\u{feff}#!/usr/bin/env lem\nprint(debug.getinfo(1, 'l').currentline)");
    assert_eq!(said(&mut lem(&[script.path()])), ("2\n".into(), String::new(), 0));
}

#[test]
#[cfg(target_os = "linux")]
fn standard_output_that_is_closed_has_ended_for_the_next_program() {
    let code = "local io = require 'lem.io'
        io.stdout:write 'last\\n'
        io.stdout:close()
        require 'lem.utils'.newsleeper():sleep(60)";
    let mut child = lem(&["-e", code]).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut text = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut text).expect("text, and its end");
    let still_runs = child.try_wait().expect("a state").is_none();
    child.kill().expect("an end");
    child.wait().expect("an end");
    assert_eq!((text.as_str(), still_runs), ("last\n", true));
}

#[test]
#[cfg(target_os = "linux")]
fn standard_input_that_nobody_writes_to_holds_up_no_coroutine() {
    // The pipe's only writer is gone: to open it once more for reading would wait for the next one.
    let code = "local utils, io = require 'lem.utils', require 'lem.io'
        utils.spawn(function() utils.newsleeper():sleep(0.05) print 'others run' utils.exit(0) end)
        print(io.stdin:read '*l')
        utils.newsleeper():sleep(60)";
    let mut command = lem(&["-e", code]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    drop(child.stdin.take());
    let output = child.wait_with_output().expect("an end");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "nil\tclosed\nothers run\n");
}
