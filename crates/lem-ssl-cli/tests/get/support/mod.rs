//! Running the download, and being its server.

#[allow(dead_code, reason = "other tests of the command use the rest")]
#[path = "../../cli/support/command.rs"]
mod command;
#[allow(dead_code, reason = "other tests of the command use the rest")]
#[path = "../../cli/support/world.rs"]
mod world;

mod downloads;
#[allow(dead_code, reason = "the tunnel's tests use the rest")]
#[path = "../../tunnel/support/nginx.rs"]
mod nginx;
#[path = "../../tunnel/support/service.rs"]
mod service;
mod site;

use std::time::Duration;

pub(crate) use command::{Running, lem_ssl, signal};
pub(crate) use downloads::Downloads;
pub(crate) use nginx::Nginx;
pub(crate) use site::{Reply, Site};
pub(crate) use world::World;

/// Nothing takes so long unless it hangs. A gigabyte, in a build without optimization on a busy machine, takes its time.
pub(crate) const WATCHDOG: Duration = Duration::from_secs(600);

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
