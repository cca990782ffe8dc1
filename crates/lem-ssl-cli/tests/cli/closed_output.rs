//! Standard output that is closed: what is nothing but its output fails, and says so.

use std::process::{Command, Output};

use crate::support::{Server, World};

/// Runs a line of a shell's, in which `$0` is the command.
fn shell(line: &str) -> Output {
    let mut shell = Command::new("sh");
    shell.args(["-c", line, env!("CARGO_BIN_EXE_lem-ssl")]).env("NO_COLOR", "1").output().unwrap()
}

#[track_caller]
fn fails(line: &str) {
    let ended = shell(line);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(String::from_utf8_lossy(&ended.stderr).contains("standard output is closed"), "{ended:?}");
}

#[test]
fn what_a_peer_sends_has_to_go_somewhere() {
    let world = World::new();
    let server = Server::start(&[&["--echo"][..], &world.good().arguments()].concat());
    let connect = format!("\"$0\" connect {} --ca {}", server.by_name(), world.ca);
    fails(&format!("echo hello | {connect} >&-"));
    // A peer that sends nothing, and a place where it is meant to be thrown away.
    assert!(shell(&format!("{connect} </dev/null >&-")).status.success());
    assert!(shell(&format!("echo hello | {connect} >/dev/null")).status.success());
}

#[test]
fn a_report_for_a_program_has_to_go_somewhere() {
    let world = World::new();
    let server = Server::start(&[&["--echo"][..], &world.good().arguments()].concat());
    let check = format!("exec \"$0\" check --ca {} {}", world.ca, server.by_name());
    fails(&format!("{check} --json >&-"));
    assert!(shell(&format!("{check} --json >/dev/null")).status.success());
    // What a person asks for may be the exit code alone.
    assert!(shell(&format!("{check} >&-")).status.success());
}

#[test]
fn a_script_or_a_page_has_to_go_somewhere() {
    fails("exec \"$0\" completions bash >&-");
    fails("exec \"$0\" man >&-");
    assert!(shell("exec \"$0\" man >/dev/null").status.success());
    for asked in ["--help", "get --help", "--version", "completions bash", "man"] {
        assert!(shell(&format!("exec \"$0\" {asked} >/dev/null")).status.success(), "{asked}");
        fails(&format!("exec \"$0\" {asked} >&-"));
        if cfg!(target_os = "linux") {
            let ended = shell(&format!("exec \"$0\" {asked} >/dev/full"));
            assert_eq!(ended.status.code(), Some(1), "{asked}: {ended:?}");
            assert!(String::from_utf8_lossy(&ended.stderr).contains("standard output"), "{asked}: {ended:?}");
        }
    }
}

#[test]
fn a_server_serves_without_anybody_to_tell_where() {
    let world = World::new();
    let socket = world.scratch.path().join("socket");
    let socket = socket.display();
    let line = format!(
        "\"$0\" serve --listen unix:{socket} --self-signed localhost --echo >&- & \
         until test -S {socket}; do sleep 0.01; done; kill -TERM $! && wait $!"
    );
    assert!(shell(&line).status.success());
}
