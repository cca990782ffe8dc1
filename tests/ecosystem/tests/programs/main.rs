//! Programs of others against our streams: PostgreSQL's server, curl, and two that make load.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a failing unwrap is a fine way for a test to fail, in its helpers too")]

mod http;
mod manual;
mod postgres;
mod postgres_server;
