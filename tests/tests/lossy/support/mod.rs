//! What the scenarios share: namespaces, the wire, two ends.

mod ends;
mod wire;

use std::process::{Command, Stdio};
use std::time::Duration;

use lem_ssl_rs::timeout;
use lem_ssl_tests::watched_machine;

pub(crate) use ends::{Deadlines, Ends};
pub(crate) use wire::{Weather, Wire};

/// Lost packets are sent again after a second, and after two, and after four: still, no scenario comes near this.
const WATCHDOG: Duration = Duration::from_secs(300);

/// Runs the scenario of that name in a network namespace of its own, and expects that it passes.
#[track_caller]
pub(crate) fn in_a_namespace(scenario: &str) {
    let program = std::env::current_exe().unwrap();
    let mut command = unshare();
    let output = command.arg(program).args(["--ignored", "--exact", "--nocapture", scenario]).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    println!("{text}");
}

/// What starts a program in a namespace: as the user that we are, if that may do so, or as root of its own.
#[track_caller]
fn unshare() -> Command {
    let ways = [&["--net"][..], &["--map-root-user", "--net"]];
    for way in ways {
        let tried = Command::new("unshare").args(way).arg("true").stderr(Stdio::null()).status();
        if tried.expect("unshare is installed").success() {
            let mut command = Command::new("unshare");
            command.args(way);
            return command;
        }
    }
    panic!("this machine lets nobody make network namespaces: unshare --net fails, and with --map-root-user, too");
}

/// Runs a scenario on a machine of its own.
#[track_caller]
pub(crate) fn run(scenario: impl Future<Output = ()>) {
    watched_machine().run(async { timeout(WATCHDOG, scenario).await }).unwrap().expect("the scenario hangs");
}

/// So many bytes that show where they belong.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    (0..length as u32).map(|index| (index.wrapping_mul(0x9e37_79b9) >> 24) as u8).collect()
}
