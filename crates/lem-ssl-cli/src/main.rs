//! `lem-ssl`: TLS from the command line. See `lem-ssl --help`, or the README beside this file.
#![forbid(unsafe_code)]

mod certificate;
mod cli;
mod connect;
mod exit;
mod log;
mod options;
mod race;
mod say;
mod serve;
mod session;
mod signals;
mod stdio;
mod target;
mod text;

use std::process::ExitCode;

use exit::Exit;

fn main() -> ExitCode {
    say::hide_backtraces();
    // The hook has said what there is to say of a panic.
    match std::panic::catch_unwind(cli::run) {
        Ok(Ok(())) => Exit::Good.into(),
        Ok(Err(failure)) => {
            if failure.has_message() {
                say::failure(&failure);
            }
            failure.exit.into()
        }
        Err(_) => Exit::Failed.into(),
    }
}
