//! Scripts on a machine: what each module promises, in Lua.

#![forbid(unsafe_code)]

mod closing;
mod coroutines;
mod embedding;
mod errors;
mod files;
mod garbage;
mod http;
mod http_limits;
mod lines;
mod names;
mod queues;
mod signals;
mod simulated;
mod sockets;
mod ssl;
mod ssl_server;
mod support;
mod traps;
mod utils;
