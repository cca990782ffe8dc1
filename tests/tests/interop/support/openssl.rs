//! OpenSSL's own client and server.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use super::certificates::OnFile;
use super::program::Program;

/// Starts `openssl s_server` with this identity on a free port, and says which.
#[track_caller]
pub(crate) fn s_server(identity: &OnFile, arguments: &[&str]) -> (Program, u16) {
    s_server_in(Path::new("."), identity, arguments)
}

/// The same in this directory, from which it serves files.
#[track_caller]
pub(crate) fn s_server_in(directory: &Path, identity: &OnFile, arguments: &[&str]) -> (Program, u16) {
    let mut command = Command::new("openssl");
    command.current_dir(directory).args(["s_server", "-accept", "127.0.0.1:0"]);
    own(&mut command, identity);
    command.args(arguments);
    let program = Program::start(&mut command);
    let line = program.says_first("ACCEPT 127.0.0.1:");
    let port = line.rsplit(':').next().and_then(|port| port.trim().parse().ok());
    (program, port.expect("the line ends with the port"))
}

/// Starts `openssl s_client` against this port, verifying for `localhost` by these roots.
#[track_caller]
pub(crate) fn s_client(port: u16, roots: &Path, arguments: &[impl AsRef<OsStr>]) -> Program {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &format!("127.0.0.1:{port}"), "-servername", "localhost"]);
    command.args(["-verify_hostname", "localhost", "-verify_return_error", "-CAfile"]).arg(roots).args(arguments);
    Program::start(&mut command)
}

/// Gives it an identity: of the file with the certificate it reads only the first.
pub(crate) fn own(command: &mut Command, identity: &OnFile) {
    command.arg("-cert").arg(&identity.chain).arg("-key").arg(&identity.key);
    if let Some(intermediates) = &identity.intermediates {
        command.arg("-cert_chain").arg(intermediates);
    }
}
