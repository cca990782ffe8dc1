//! Libraries that were written for other runtimes, over our TLS, on one machine.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a failing unwrap is a fine way for a test to fail, in its helpers too")]

mod axum;
mod axum_in_sim;
mod codecs;
mod futures_io;
mod http;
mod http_ends;
mod http_timeouts;
mod manual;
mod tokio_io;
mod upgrades;
mod websocket;
