//! curl.

use std::path::Path;
use std::process::Command;

use super::program::Program;

/// Starts curl for these paths on `https://localhost`, trusting these roots. What it gets is its output.
#[track_caller]
pub(crate) fn curl(port: u16, roots: &Path, paths: &[&str], arguments: &[&str]) -> Program {
    let mut command = Command::new("curl");
    // The user's own configuration and proxies are none of our business.
    command.args(["-q", "--noproxy", "*", "--silent", "--show-error", "--max-time", "60"]);
    // The name must not lead to another address than the one that we listen on.
    command.args(["--resolve", &format!("localhost:{port}:127.0.0.1"), "--cacert"]).arg(roots).args(arguments);
    command.args(paths.iter().map(|path| format!("https://localhost:{port}{path}")));
    Program::start(&mut command)
}
