//! The event machine and the network below the streams: tasks, wake-ups, timers, queues, worker threads, addresses,
//! names, connecting, listening.

#![forbid(unsafe_code)]

mod deadlines;
mod inbox;
mod panics;
mod queue;
mod sleeper;
mod support;
mod tasks;
mod timers;
mod wakers;
