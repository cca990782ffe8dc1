//! The event machine and the network below the streams: tasks, wake-ups, timers, queues, worker threads, addresses,
//! names, connecting, listening.

#![forbid(unsafe_code)]

mod address;
mod blocking;
mod connect;
mod deadlines;
mod endless;
mod fairness;
mod foreign;
mod inbox;
mod lifecycle;
mod names;
mod panics;
mod queue;
mod sleeper;
mod stall;
mod support;
mod tasks;
mod timers;
mod wakers;
