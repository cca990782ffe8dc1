//! What the processes of a measurement say to each other, a line each on standard input and output.

use std::io::{BufRead, Write, stdin, stdout};
use std::process;
use std::thread;

use crate::meter::{cpu_time, resident};

/// Tells the parent where this process listens.
pub(crate) fn tell_port(port: u16) {
    tell(&format!("port {port}"));
}

/// Says a line to the parent.
pub(crate) fn tell(line: &str) {
    let mut out = stdout().lock();
    // A parent that is gone needs nothing any more.
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        process::exit(1);
    }
}

/// Waits for the parent's next line; ends with the parent.
pub(crate) fn wait() {
    let mut line = String::new();
    if !matches!(stdin().lock().read_line(&mut line), Ok(1..)) {
        process::exit(0);
    }
}

/// Answers each line of the parent with this process' CPU time and memory, on a thread of its own, so that a server
/// can be measured that knows nothing of it.
pub(crate) fn answer() {
    thread::spawn(|| {
        loop {
            wait();
            tell(&format!("usage {} {}", cpu_time().as_nanos(), resident().unwrap_or_default()));
        }
    });
}
