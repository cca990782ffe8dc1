//! `lem-ssl`: TLS from the command line. See `lem-ssl --help`, or the README beside this file.
#![forbid(unsafe_code)]
// The comments on arguments are help texts, for people and not for rustdoc: no backticks, no links.
#![allow(clippy::doc_markdown, rustdoc::bare_urls, rustdoc::broken_intra_doc_links)]

mod acme;
mod base64;
mod ber;
mod bounded;
mod certificate;
mod check;
mod cli;
mod config;
mod confinement;
mod connect;
mod descriptors;
mod dial;
mod events;
mod exit;
mod expiry;
mod file_state;
mod get;
mod http;
mod jitter;
mod listening;
mod log;
mod networks;
mod notify;
mod options;
mod places;
mod platform;
mod race;
mod reload;
mod say;
mod serve;
mod session;
mod signals;
mod starttls;
mod stdio;
mod target;
mod text;
mod throttle;
mod tunnel;
mod words;

use std::process::ExitCode;

use exit::Exit;

fn main() -> ExitCode {
    say::hide_backtraces();
    let ended = std::panic::catch_unwind(cli::run);
    if check::is_plugin(std::env::args_os()) {
        return check::as_plugin_ends(ended).into();
    }
    // The hook has said what there is to say of a panic.
    match ended {
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
