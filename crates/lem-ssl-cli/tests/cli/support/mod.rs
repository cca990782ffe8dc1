//! Running the command, and being its peer.

mod command;
mod http;
mod peer;
mod world;

pub(crate) use command::{Running, Server, lem_ssl, signal};
pub(crate) use http::{Answer, Client};
pub(crate) use peer::{Peer, Plain};
pub(crate) use world::World;

use std::time::Duration;

/// Nothing takes so long unless it hangs.
pub(crate) const WATCHDOG: Duration = Duration::from_secs(60);
