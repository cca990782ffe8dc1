//! What tasks use to talk to each other.

mod inbox;
mod queue;
mod sleeper;

pub use inbox::{Inbox, Take};
pub use queue::{Get, Queue, QueueReset};
pub use sleeper::Sleeper;
