//! Python's ssl module, in the roles that `peer.py` plays.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use super::certificates::OnFile;
use super::program::Program;

/// Starts the server of this role with this identity on a free port, and says which.
#[track_caller]
pub(crate) fn server(role: &str, identity: &OnFile, arguments: &[&OsStr]) -> (Program, u16) {
    let mut command = peer(role);
    let program = Program::start(command.arg(&identity.chain).arg(&identity.key).args(arguments));
    let line = program.says_first("PORT ");
    let port = line.strip_prefix("PORT ").and_then(|port| port.trim().parse().ok());
    (program, port.expect("the line ends with the port"))
}

/// Starts the client of this role against this port, verifying for `localhost` by these roots; by "any" it verifies nothing.
#[track_caller]
pub(crate) fn client(role: &str, port: u16, roots: &Path, arguments: &[&OsStr]) -> Program {
    let mut command = peer(role);
    Program::start(command.arg(port.to_string()).arg(roots).args(arguments))
}

fn peer(role: &str) -> Command {
    let mut command = Command::new("python3");
    // Unbuffered, because we wait for what it says.
    command.args(["-u", "-c", include_str!("peer.py"), role]);
    command
}
