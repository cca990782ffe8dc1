//! What is outside of streams, and at their edges: datagrams, descriptors, signals, standard input, other threads, sets
//! of tasks, worker threads, copies between streams, options of sockets.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a failing unwrap is a fine way for a test to fail")]

mod channel;
mod copies;
mod datagrams;
mod forms;
mod join_set;
mod lookups;
mod options;
mod signals;
mod spawner;
mod stdin;
mod stdout;
mod support;
mod until;
mod watcher;
mod zones;
