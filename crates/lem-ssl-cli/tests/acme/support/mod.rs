//! An authority, and the servers that it gives certificates to.

#[allow(dead_code, reason = "other tests of the command use the rest")]
#[path = "../../cli/support/command.rs"]
mod command;
#[path = "../../cli/support/rights.rs"]
mod rights;
#[allow(dead_code, reason = "other tests of the command use the rest")]
#[path = "../../cli/support/world.rs"]
mod world;

mod authority;
mod der;
mod knowledge;
mod pebble;
mod request;
mod service;
mod trouble;
mod validation;

use std::future::Future;
use std::time::Duration;

use lem_ssl_rs::{now, sleep, timeout};
use lem_ssl_tests::watched_machine;

pub(crate) use authority::Authority;
pub(crate) use command::{lem_ssl, signal, start_by};
pub(crate) use pebble::{Pebble, Wishes};
pub(crate) use rights::cannot_change_user;
pub(crate) use rights::{as_root, cannot_be_root, lacks_landlock};
pub(crate) use service::{Service, files, folder, forget_account, inside, leftovers, start};
pub(crate) use trouble::{Step, Trouble};
pub(crate) use world::World;

/// Nothing takes so long unless it hangs.
pub(crate) const WATCHDOG: Duration = Duration::from_secs(120);

/// Runs a test on a machine; one that hangs fails.
#[track_caller]
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    let done = watched_machine().run(async { timeout(WATCHDOG, test).await });
    done.unwrap().expect("the test does not hang")
}

/// Waits for something, and lets the loop go on meanwhile.
#[track_caller]
pub(crate) fn until(what: impl Fn() -> bool) -> impl Future<Output = ()> {
    let place = std::panic::Location::caller();
    async move {
        let end = now() + Duration::from_secs(60);
        while !what() {
            assert!(now() < end, "it never comes to what is waited for at {place}");
            sleep(Duration::from_millis(5)).await;
        }
    }
}
