//! `run_main`: a program's end as an exit code, and its error as a sentence on standard error.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a failing unwrap is a fine way for a test to fail")]

use std::env;
use std::process::{Command, ExitCode, exit};

use lem_rs::{Error, TcpStream, run_main, yield_now};

/// Set for the program that a test starts: this one.
const PROGRAM: &str = "LEM_RUN_MAIN_PROGRAM";

async fn program(which: &str) -> Result<(), Error> {
    yield_now().await;
    match which {
        "good" => Ok(()),
        // A port that nobody can listen at.
        _ => TcpStream::connect("127.0.0.1:0").await.map(drop),
    }
}

#[test]
#[ignore = "the program that the other tests start"]
fn the_program() {
    let Ok(which) = env::var(PROGRAM) else { return };
    let code = run_main(program(&which));
    exit(if code == ExitCode::SUCCESS { 0 } else { 1 });
}

fn run(which: &str) -> (Option<i32>, String) {
    let mut command = Command::new(env::current_exe().unwrap());
    let output =
        command.args(["--ignored", "--exact", "the_program", "--nocapture"]).env(PROGRAM, which).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_program_that_ends_well_has_the_code_zero_and_says_nothing() {
    assert_eq!(run("good"), (Some(0), String::new()));
}

#[test]
fn an_error_is_a_sentence_on_standard_error_and_no_debug_form() {
    let (code, said) = run("bad");
    assert_eq!(code, Some(1));
    assert!(said.starts_with("error: ") && said.ends_with('\n') && said.lines().count() == 1, "{said:?}");
    assert!(!said.contains("::") && !said.contains("{ ") && !said.contains("Address("), "{said:?}");
}
