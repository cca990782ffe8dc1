//! The server in another process, and what the tests ask of it.

mod process;
mod service;

pub(crate) use process::{Server, Status, is_attacker, run_with_descriptors};
pub(crate) use service::{Service, serve_if_asked_to};

use std::future::Future;
use std::time::Duration;

use lem_ssl_rs::timeout;
use lem_ssl_tests::watched_machine;

/// Handshakes have deadlines of ten seconds, and some tests wait for several rounds of them.
const WATCHDOG: Duration = Duration::from_secs(600);

/// Runs a test on a machine of its own.
#[track_caller]
pub(crate) fn check(test: impl Future<Output = ()>) {
    let machine = watched_machine();
    let over = machine.run(timeout(WATCHDOG, test)).expect("the machine does not stall");
    over.expect("the test does not hang");
}
