//! What tasks use to talk to each other.

mod queue;
mod sleeper;

pub use queue::{Get, Queue, QueueReset};
pub use sleeper::Sleeper;
