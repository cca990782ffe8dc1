//! Waiting for time to pass.

mod deadline;
mod sleep;
mod timeout;
mod within;

pub use deadline::Deadline;
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::timeout;
pub use within::within;
