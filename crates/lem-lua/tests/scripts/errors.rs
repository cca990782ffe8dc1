//! Errors that nobody catches.

use lem_lua::Error;

use crate::support::run;

fn raised(script: &str) -> String {
    match run(script) {
        Err(Error::Raised(text)) => text,
        other => panic!("nothing was raised: {other:?}"),
    }
}

#[test]
fn an_error_ends_everything_and_is_told_with_its_traceback() {
    let text = raised("local function deep() sleep(0.001) error 'broken' end\nspawn(function() deep() end)\nsleep(60)");
    assert!(text.starts_with("script:1: broken\nstack traceback:"), "{text}");
    assert!(text.contains("script:2: in function <script:2>"), "{text}");
}

#[test]
fn an_error_without_text_is_told_too() {
    assert!(raised("error({})").starts_with("table: "));
    assert!(
        raised("error(setmetatable({}, { __tostring = function() return 'my error' end }))").starts_with("my error")
    );
    assert!(raised("error(nil)").contains("nil"));
}

#[test]
fn an_error_in_a_servers_function_ends_the_program_as_in_the_original() {
    let text = raised(
        "local server = io_.tcp.listen('127.0.0.1', 0)
         local _, port = server:address()
         spawn(function() io_.tcp.connect('127.0.0.1', port) end)
         server:autospawn(function(stream) error('handler', 0) end)",
    );
    assert!(text.starts_with("handler"), "{text}");
}

#[test]
fn a_script_may_take_errors_for_itself() {
    let text = raised(
        "local got = queue.new()
         utils.onerror(function(message) got:put(message) end)
         spawn(function() error('first', 0) end)
         spawn(function() sleep(0.001) error('second', 0) end)
         contains(got:get(), 'first\\nstack traceback:')
         contains(got:get(), 'second')
         utils.onerror(nil)
         spawn(function() error('third', 0) end)
         sleep(1)
         error 'it went on'",
    );
    assert!(text.starts_with("third"), "{text}");
}

#[test]
fn an_error_of_the_function_that_takes_errors_ends_everything() {
    let text = raised(
        "local count = 0
         utils.onerror(function() count = count + 1 assert(count < 3, 'it is called for its own error') error 'own' end)
         spawn(function() error 'first' end)
         sleep(1)
         error 'it went on'",
    );
    assert!(text.starts_with("script:2: own"), "{text}");
}

#[test]
fn wrong_arguments_are_raised_with_the_place_of_the_call() {
    let text = raised("local a = pair()\na:read 'x'");
    assert!(text.starts_with("script:2: bad argument #1 to 'read' (invalid mode string)"), "{text}");
    let text = raised("local a = plain_pair()\n\na:read 'x'");
    assert!(text.starts_with("script:3: bad argument #1 to 'read' (invalid format)"), "{text}");
    let text = raised("local a = pair()\na:write({})");
    assert!(text.starts_with("script:2: bad argument #1 to 'write' (string expected, got table)"), "{text}");
    let text = raised("ssl.newcontext():connect(nil)");
    assert!(text.starts_with("script:1: bad argument #1 to 'connect' (string expected, got no value)"), "{text}");
    let text = raised("ssl.newcontext { verfy = false }");
    assert!(text.starts_with("script:1: bad argument #1 to 'newcontext' (unknown option 'verfy'"), "{text}");
}
