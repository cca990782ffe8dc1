//! The manual's table of crates that work on this machine, row by row, and of those that do not.

#![forbid(unsafe_code)]

mod concurrency;
mod elsewhere;
mod failing;
mod streams;
mod table;
mod values;

use std::time::Duration;

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}
