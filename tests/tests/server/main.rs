//! The server as a service that stays up: on every kind of address, under hostile clients, while its certificates
//! change, until it is drained.
//!
//! What limits a whole process (descriptors) is in `tests/server_limits`.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a failing unwrap is a fine way for a test to fail")]

mod support;

mod browsers;
mod caps;
mod challenges;
mod choices;
mod client_certificates;
mod connection_limit;
mod counters;
mod deadlines;
mod drain;
mod drain_handlers;
mod early;
mod flood;
mod garbage;
mod handler_results;
mod handlers;
mod hellos;
mod identities;
mod listening;
mod preface;
mod reload;
mod revocation;
mod session_ids;
mod threads;
mod verifiers;
mod watch;
