//! OpenSSL's own client and server.

use std::ffi::{OsStr, OsString};
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
    command.args(own_arguments(identity)).args(arguments);
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

/// The arguments that give it an identity: of the file with the chain `-cert` reads only the first certificate.
pub(crate) fn own_arguments(identity: &OnFile) -> Vec<OsString> {
    let mut arguments = vec!["-cert".into(), (&identity.chain).into(), "-key".into(), (&identity.key).into()];
    if let Some(intermediates) = &identity.intermediates {
        arguments.extend(["-cert_chain".into(), intermediates.into()]);
    }
    arguments
}
