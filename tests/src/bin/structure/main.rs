//! Checks that the tree is the architecture.
//!
//! ```text
//! cargo run -q -p lem-ssl-tests --bin structure
//! ```
//!
//! It fails when a lower layer of a crate refers to a higher one, when a crate names one that
//! builds on it, when a module has no place in the order below, when a file is too long for one
//! noun, and when a crate root does not forbid unsafe code. It reads text, not types: comments,
//! strings and what is only compiled for unit tests do not count.

#![forbid(unsafe_code)]

mod check;
mod layers;
mod paths;
mod strip;
mod token;
mod tree;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The crates of `crates/`, bottom to top: a crate may name those above it in this list, never
/// those below. The layers of each are its top-level modules in the same order. A layer that is
/// not written yet may stand here already; a module that does not stand here is a violation.
const CRATES: &[Crate] = &[
    Crate {
        name: "lem-rs",
        layers: &[
            "endpoint", // one end of a connection
            "error",    // what can go wrong
            "proto",    // read modes, buffers, waiter slots: no I/O, no clock
            "world",    // where time, readiness and sockets come from
            "runtime",  // tasks, timers, wakers, the machine
            "time",     // sleeping and deadlines
            "sync",     // queues between tasks
            "stream",   // the verbs of a stream, once for every transport
            "net",      // sockets, names, connecting, listening
            "interop",  // the traits of other libraries, behind features
            "sim",      // the machine in a simulated world
        ],
    },
    Crate {
        name: "lem-ssl-rs",
        layers: &[
            "der",       // elements of DER
            "x509",      // what stands in a certificate
            "error",     // what can go wrong, in words to act on
            "pem",       // certificates and keys as text
            "provider",  // which cryptography, and whether this processor can run it
            "trust",     // whom we believe
            "identity",  // certificates and keys of our own
            "tickets",   // resuming sessions without remembering them
            "context",   // settings, shared by connections
            "danger",    // the ways around verification
            "session",   // TLS: bytes in, decisions out
            "info",      // what a handshake agreed on
            "meter",     // what a server counts
            "transport", // a session on a socket
            "handshake", // from a socket to a stream
            "client",    // connecting
            "live",      // a context that changes while it is in use
            "server",    // accepting
            "interop",   // bridges to other libraries, behind features
            "guide",     // chapters for reading
        ],
    },
    Crate {
        name: "lem-ssl-cli",
        layers: &[
            "text",        // text that steers no terminal
            "words",       // what the library says, with the option that helps
            "exit",        // exit codes, and why
            "race",        // whichever is first
            "say",         // standard error, colour
            "log",         // a log that stops nobody
            "stdio",       // standard input and output, off the loop
            "signals",     // signals as events
            "listening",   // where clients come in, and whose socket that is
            "target",      // addresses as people write them
            "certificate", // what stands in a certificate
            "options",     // shared arguments, and the contexts they give
            "session",     // a session in words
            "starttls",    // how plain protocols go over to TLS
            "dial",        // from an address to a stream
            "connect",     // the subcommands, each on its own
            "serve",
            "check",
            "tunnel",
            "get",
            "cli", // the command line that joins them
        ],
    },
];

/// Folders of `crates/` that are workspaces of their own: only length and `forbid` are checked.
const APART: &[&str] = &["lem-ssl-bench"];

/// The goal is 400; a little more is no reason to tear a noun apart.
const MAX_LINES: usize = 420;

struct Crate {
    name: &'static str,
    /// Bottom to top. Empty: so small that it has no layers.
    layers: &'static [&'static str],
}

fn main() -> ExitCode {
    let root =
        std::env::args_os().nth(1).map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), PathBuf::from);
    match check::workspace(&root, CRATES, APART, MAX_LINES) {
        Ok(report) => {
            for line in &report.checked {
                println!("structure: {line}");
            }
            for violation in &report.violations {
                println!("structure: violation: {violation}");
            }
            println!("structure: {}", report.summary());
            if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("structure: cannot read {}: {error}", root.display());
            ExitCode::FAILURE
        }
    }
}
