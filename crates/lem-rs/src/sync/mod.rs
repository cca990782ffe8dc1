//! What tasks use to talk to each other.

pub mod channel;
mod inbox;
mod queue;
mod send_error;
mod sleeper;
mod spawner;

pub use inbox::{Inbox, Take};
pub use queue::{Get, Queue, QueueReset};
pub use sleeper::Sleeper;
pub use spawner::{RemoteTask, Spawner};
