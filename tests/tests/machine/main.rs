//! The event machine and the network below the streams: tasks, wake-ups, timers, queues, worker threads, addresses,
//! names, connecting, listening.

#![forbid(unsafe_code)]

mod blocking;
mod deadlines;
mod fairness;
mod inbox;
mod lifecycle;
mod panics;
mod queue;
mod sleeper;
mod stall;
mod support;
mod tasks;
mod timers;
mod wakers;
