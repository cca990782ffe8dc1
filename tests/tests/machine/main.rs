//! The event machine and the network below the streams: tasks, wake-ups, timers, queues, worker threads, addresses,
//! names, connecting, listening.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a failing unwrap is a fine way for a test to fail")]

mod accepted_ahead;
mod address;
mod blocking;
mod closing_panics;
mod connect;
mod deadlines;
mod endless;
mod errors;
mod every_interface;
mod fairness;
mod foreign;
mod heavy;
mod hostile;
mod inbox;
mod leaving;
mod lifecycle;
mod listener;
mod names;
mod outbox;
mod panicking_wakers;
mod panics;
mod peers;
mod queue;
mod readiness;
mod sleeper;
mod stall;
mod support;
mod tasks;
mod timers;
mod wakers;
mod within;
