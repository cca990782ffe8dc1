//! Programs of others: openssl and curl, against scripts.

#![forbid(unsafe_code)]

mod client;
mod native;
mod server;
mod support;
