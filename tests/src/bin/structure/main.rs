//! Checks that the tree is the architecture.
//!
//! ```text
//! cargo run -q -p lem-ssl-tests --bin structure
//! ```
//!
//! It fails when a lower layer of a crate refers to a higher one, when a crate names one that
//! builds on it, when a module has no place in the order below, when the modules of one folder
//! import each other in a circle, when a file is too long for one noun, and when a crate root does
//! not forbid unsafe code (if one layer of a crate needs it: when another file of that crate does
//! not forbid it). What is only compiled for unit tests does not count.
//!
//! It reads syntax, not types: a method's or a trait's home, `#[path]`, and a path through another
//! name for a module (`use super as up; up::sibling::f()`) are not seen. In a macro's tokens it
//! finds the paths that start with `crate`, `super` or `self`.

#![forbid(unsafe_code)]

mod check;
mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

use check::Crate;

/// The crates of `crates/`, bottom to top: a crate may name those above it in this list, never
/// those below. The layers of each are its top-level modules in the same order. A layer that is
/// not written yet may stand here already; a module that does not stand here is a violation.
const CRATES: &[Crate] = &[
    Crate {
        name: "lem-rs",
        layers: &[
            "endpoint",   // one end of a connection
            "error",      // what can go wrong
            "proto",      // read modes, buffers, waiter slots: no I/O, no clock
            "world",      // where time, readiness and sockets come from
            "activation", // sockets of a service manager
            "runtime",    // tasks, timers, wakers, the machine
            "time",       // sleeping and deadlines
            "sync",       // queues between tasks, channels between threads
            "signal",     // signals as events
            "stdio",      // standard input and output, off the loop
            "stream",     // the verbs of a stream, once for every transport
            "net",        // sockets, names, connecting, listening
            "interop",    // the traits of other libraries, behind features
            "sim",        // the machine in a simulated world
            "transport",  // what the author of a transport needs, by its public names
        ],
        unsafe_layer: None,
    },
    Crate {
        name: "lem-ssl-rs",
        layers: &[
            "base64",       // bytes as text
            "text",         // what editors leave in text files
            "der",          // elements of DER
            "x509",         // what stands in a certificate
            "parameters",   // alerts, suites, groups: what TLS has numbers for
            "error",        // what can go wrong, in words to act on
            "pem",          // certificates and keys as text
            "provider",     // which cryptography, and whether this processor can run it
            "aead_key",     // keys of AEAD objects, from bytes
            "record_layer", // who opens and seals records
            "trust",        // whom we believe
            "identity",     // certificates and keys of our own
            "tickets",      // resuming sessions without remembering them
            "key_tap",      // secrets, by way of a key log
            "exporter",     // keying material, from a connection's secret
            "traffic",      // the secrets of a server's traffic keys, and keys from them
            "early_keys",   // the keys of a client that has sent early data
            "context",      // settings, shared by connections
            "danger",       // the ways around verification
            "session",      // TLS: bytes in, decisions out
            "explain",      // what a failure of a session means
            "info",         // what a handshake agreed on
            "meter",        // how a connection reports to its server
            "transport",    // a session on a socket
            "export",       // keying material and channel bindings of a stream
            "handshake",    // from a socket to a stream
            "client",       // connecting
            "live",         // a context that changes while it is in use
            "server",       // accepting
            "interop",      // bridges to other libraries, behind features
            "guide",        // chapters for reading
        ],
        unsafe_layer: None,
    },
    Crate {
        name: "lem-ssl-cli",
        layers: &[
            "text",        // text that steers no terminal
            "ber",         // elements of LDAP and OCSP
            "base64",      // bytes as text
            "bounded",     // files that are read up to a limit
            "networks",    // lists of addresses with prefixes
            "words",       // what the library says, with the option that helps
            "exit",        // exit codes, and why
            "config",      // options in a file
            "platform",    // what differs between operating systems
            "race",        // whichever is first
            "jitter",      // pauses with chance in them
            "say",         // standard error, colour
            "log",         // a log that stops nobody
            "descriptors", // how many clients fit below the limit of open files
            "places",      // so many at once
            "throttle",    // lines that a flood must not multiply
            "notify",      // the service manager
            "file_state",  // whether a file is another one now
            "expiry",      // what is good for a time
            "reload",      // files that are read again
            "stdio",       // standard input and output, off the loop
            "signals",     // signals as events
            "events",      // what a server waits for
            "listening",   // where clients come in, and whose socket that is
            "confinement", // rights that are given up
            "target",      // addresses as people write them
            "certificate", // what stands in a certificate
            "http",        // requests over HTTPS
            "acme",        // certificates that an authority gives by itself
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
        unsafe_layer: None,
    },
    Crate {
        name: "lem-lua",
        layers: &[
            "state",     // Lua itself
            "error",     // what ends a script
            "answer",    // what a verb gives back
            "clock",     // the time of day
            "endings",   // what has ended, and who was told of it
            "scheduler", // coroutines that wait
            "slot",      // one operation at a time
            "ahead",     // bytes read ahead, and the read modes
            "park",      // waiting for each other, and for a time
            "task",      // a coroutine as a task
            "io",        // streams, pipes, files
            "host",      // the primitives that modules in Lua stand on
            "modules",   // what scripts require
            "lua",       // Lua for programs in Rust
            "program",   // a script as a program
        ],
        unsafe_layer: Some("state"), // mlua marks a state with all of Lua's library as unsafe
    },
    Crate { name: "lem-ssl-bench", layers: &[], unsafe_layer: None },
];

/// The goal is 400; a little more is no reason to tear a noun apart.
const MAX_LINES: usize = 420;

fn main() -> ExitCode {
    let root = env::args().nth(1).unwrap_or_else(|| format!("{}/..", env!("CARGO_MANIFEST_DIR")));
    let mut files = BTreeMap::new();
    for folder in ["crates", "tests", "fuzz"] {
        if let Err(error) = collect(&Path::new(&root).join(folder), folder, &mut files) {
            eprintln!("structure: cannot read {root}/{folder}: {error}");
            return ExitCode::FAILURE;
        }
    }
    let wrong = check::check(&files, CRATES, MAX_LINES);
    for line in &wrong {
        println!("structure: violation: {line}");
    }
    println!("structure: {} files, {} violations", files.len(), wrong.len());
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The sources and manifests in `folder`, under the names that they shall be shown by.
fn collect(folder: &Path, shown: &str, files: &mut BTreeMap<String, String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let below = format!("{shown}/{name}");
        if entry.file_type()?.is_dir() {
            // Builds and what fuzzing leaves behind are not ours.
            if !name.starts_with('.') && !["target", "corpus", "artifacts"].contains(&name.as_str()) {
                collect(&entry.path(), &below, files)?;
            }
        } else if name.ends_with(".rs") || name == "Cargo.toml" {
            files.insert(below, fs::read_to_string(entry.path())?);
        }
    }
    Ok(())
}
