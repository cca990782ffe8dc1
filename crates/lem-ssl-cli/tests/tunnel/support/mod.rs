//! Running the tunnel, and being both of its sides.

#[allow(dead_code, reason = "other tests of the command use the rest")]
#[path = "../../cli/support/command.rs"]
mod command;
#[path = "../../cli/support/rights.rs"]
mod rights;
#[allow(dead_code, reason = "other tests of the command use the rest")]
#[path = "../../cli/support/world.rs"]
mod world;

mod back_end;
mod nginx;
mod postgres;
mod service;
mod tunnel;

use std::future::Future;
use std::time::Duration;

use lem_ssl_rs::lem_rs::Stream;
use lem_ssl_rs::lem_rs::transport::Transport;
use lem_ssl_rs::{Error, ReadMode, timeout};
use lem_ssl_tests::watched_machine;

pub(crate) use back_end::{BackEnd, client_as, client_files};
pub(crate) use command::{Running, Server, lem_ssl, signal, start_by};
pub(crate) use nginx::Nginx;
pub(crate) use postgres::{Postgres, USER, printed};
pub(crate) use rights::cannot_change_user;
pub(crate) use rights::{as_root, cannot_be_root, lacks_landlock};
pub(crate) use service::{Service, free_port};
pub(crate) use tunnel::{Tunnel, client};
pub(crate) use world::{Files, World};

/// Nothing takes so long unless it hangs.
pub(crate) const WATCHDOG: Duration = Duration::from_secs(60);

/// Runs a test on a machine; one that hangs fails.
#[track_caller]
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    let done = watched_machine().run(async { timeout(WATCHDOG, test).await });
    done.unwrap().expect("the test does not hang")
}

/// Sends back what comes, and ends when the peer has.
pub(crate) async fn echo<T: Transport>(stream: Stream<T>) {
    loop {
        match stream.read(ReadMode::Available).await {
            Ok(data) => stream.write(&data).await.unwrap(),
            Err(Error::Closed) => return,
            Err(error) => panic!("the echo ends with {error}"),
        }
    }
}

/// Says something, ends its side, and expects it to come back with an end.
#[track_caller]
pub(crate) fn talk<T: Transport>(stream: Stream<T>, said: &[u8]) -> impl Future<Output = ()> + use<T> {
    let said = said.to_vec();
    async move {
        stream.write(&said).await.unwrap();
        stream.close_write().unwrap();
        let heard = stream.read(ReadMode::All).await.unwrap();
        assert!(heard == said, "{} bytes came back of {}", heard.len(), said.len());
    }
}

/// Bytes that do not repeat soon.
pub(crate) fn pattern(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        // A linear congruential generator (Knuth, MMIX); the low bits are the poor ones.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&(state >> 24).to_le_bytes()[..5]);
    }
    bytes.truncate(length);
    bytes
}
