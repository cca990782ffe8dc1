//! `run_main`: a program's end as an exit code, and its error as a sentence on standard error.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a failing unwrap is a fine way for a test to fail")]

use std::env;
use std::path::Path;
use std::process::{Command, ExitCode, Output, exit};
use std::time::{Duration, Instant};

#[cfg(unix)]
use lem_rs::signal::{Signal, Signals, ctrl_c};
use lem_rs::{Error, Listener, Machine, TcpStream, run_main, sleep, spawn, yield_now};

/// Set for the program that a test starts: this one.
const PROGRAM: &str = "LEM_RUN_MAIN_PROGRAM";

async fn program(which: &str) -> Result<(), Error> {
    yield_now().await;
    match which {
        "good" => Ok(()),
        #[cfg(unix)]
        "second Ctrl-C, behind the end" => {
            let signals = Signals::new([Signal::Interrupt])?;
            send("INT");
            assert_eq!(signals.next().await?, Signal::Interrupt);
            std::thread::spawn(|| {
                std::thread::sleep(Duration::from_millis(100));
                send("INT");
            });
            silent_peer().await
        }
        #[cfg(unix)]
        "SIGTERM behind Ctrl-C" => {
            let both = Signals::new([Signal::Interrupt, Signal::Terminate])?;
            send("INT");
            both.next().await?;
            drop(both);
            send("TERM");
            sleep(Duration::from_secs(10)).await;
            Ok(())
        }
        #[cfg(unix)]
        "one receiver of two is left" => {
            let kept = Signals::new([Signal::Interrupt, Signal::Hangup])?;
            let other = spawn(ctrl_c());
            yield_now().await;
            send("INT");
            other.await??;
            assert_eq!(kept.next().await?, Signal::Interrupt);
            send("INT");
            assert_eq!(kept.next().await?, Signal::Interrupt);
            drop(kept);
            // It asks for something else than the end.
            send("HUP");
            sleep(Duration::from_millis(20)).await;
            Ok(())
        }
        #[cfg(unix)]
        "SIGINT behind Ctrl-C, ignored before" => {
            for _ in 0..2 {
                let received = spawn(ctrl_c());
                yield_now().await;
                send("INT");
                received.await??;
                send("INT");
                sleep(Duration::from_millis(20)).await;
            }
            // That it was ignored says nothing of others.
            drop(Signals::new([Signal::Quit, Signal::Terminate])?);
            send("QUIT");
            sleep(Duration::from_secs(10)).await;
            Ok(())
        }
        "reads a file" => {
            std::fs::read("/no/such/file")?;
            Ok(())
        }
        "silent peer" | "silent peer, zero" | "silent peer, well" => {
            silent_peer().await?;
            if which == "silent peer, well" { Ok(()) } else { Err(Error::Misuse("it went wrong".into())) }
        }
        // A port that nobody can listen at.
        _ => TcpStream::connect("127.0.0.1:0").await.map(drop),
    }
}

/// Leaves a stream to a peer that says nothing: the other end, in this process.
async fn silent_peer() -> Result<(), Error> {
    let listener = Listener::bind("127.0.0.1:0").await?;
    let stream = TcpStream::connect(listener.local_addr()).await?;
    let theirs = listener.accept().await?;
    spawn(async move {
        let _held = theirs;
        sleep(Duration::from_secs(3_600)).await;
    })
    .detach();
    yield_now().await;
    stream.write("half of it").await
}

#[cfg(unix)]
fn send(signal: &str) {
    let sent = Command::new("kill").args([&format!("-{signal}"), &std::process::id().to_string()]).status();
    assert!(sent.unwrap().success());
}

#[test]
#[ignore = "the program that the other tests start"]
fn the_program() {
    let Ok(which) = env::var(PROGRAM) else { return };
    let code = match which.as_str() {
        "silent peer, zero" => Machine::builder().linger(Duration::ZERO).build().unwrap().run_main(program(&which)),
        _ => run_main(program(&which)),
    };
    exit(if code == ExitCode::SUCCESS { 0 } else { 1 });
}

fn output_of(which: &str) -> Output {
    let program = env::current_exe().unwrap();
    let mut command = with_usual_signals(&program);
    if command.get_program() != program {
        command.arg(program);
    }
    output_by(command, which)
}

/// Starts a program for which no signal is ignored, whatever is for this one: a shell without job control ignores SIGINT and
/// SIGQUIT for what it starts in the background.
fn with_usual_signals(program: &Path) -> Command {
    if cfg!(target_os = "linux") {
        let mut command = Command::new("env");
        command.arg("--default-signal=INT,QUIT,TERM");
        command
    } else {
        Command::new(program)
    }
}

fn output_by(mut command: Command, which: &str) -> Output {
    command.args(["--ignored", "--exact", "the_program", "--nocapture"]).env(PROGRAM, which).output().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_that_was_ignored_before_somebody_received_it_is_ignored_again() {
    use std::os::unix::process::ExitStatusExt;

    let mut command = with_usual_signals(Path::new("sh"));
    command.args(["sh", "-c", "trap '' INT; exec \"$0\" \"$@\""]).arg(env::current_exe().unwrap());
    let ended = output_by(command, "SIGINT behind Ctrl-C, ignored before");
    assert_eq!(ended.status.signal(), Some(3), "{ended:?}");
}

#[cfg(unix)]
#[test]
fn a_signal_that_nobody_receives_any_more_ends_the_process_as_it_did_before() {
    use std::os::unix::process::ExitStatusExt;

    let begun = Instant::now();
    let second = output_of("second Ctrl-C, behind the end");
    assert_eq!(second.status.signal(), Some(2), "{second:?}");
    let other = output_of("SIGTERM behind Ctrl-C");
    assert_eq!(other.status.signal(), Some(15), "{other:?}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[cfg(unix)]
#[test]
fn a_signal_ends_nothing_while_somebody_receives_it_nor_if_it_asks_for_something_else() {
    let kept = output_of("one receiver of two is left");
    assert_eq!(kept.status.code(), Some(0), "{kept:?}");
}

fn run(which: &str) -> (Option<i32>, String) {
    let output = output_of(which);
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

#[test]
fn an_error_of_the_standard_library_is_a_sentence_too() {
    assert_eq!(run("reads a file"), (Some(1), "error: no such file or directory\n".into()));
}

#[test]
fn a_program_that_fails_is_not_kept_by_a_silent_peer() {
    // A close has five seconds; a program that ends well takes them.
    let begun = Instant::now();
    assert_eq!(run("silent peer, well"), (Some(0), String::new()));
    assert!(begun.elapsed() >= Duration::from_secs(5), "{:?}", begun.elapsed());
    for which in ["silent peer", "silent peer, zero"] {
        let begun = Instant::now();
        assert_eq!(run(which), (Some(1), "error: it went wrong\n".into()));
        assert!(begun.elapsed() < Duration::from_secs(4), "{which}: {:?}", begun.elapsed());
    }
}
