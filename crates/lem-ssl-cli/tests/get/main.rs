//! `lem-ssl get` from servers that play a part.
//!
//! Those that are ignored unless they are asked for download from nginx, which has to be there.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a failing unwrap is a fine way for a test to fail")]

mod bodies;
mod checksums;
mod destinations;
mod doubtful;
mod interop;
mod names;
mod odd_servers;
mod parts;
mod proxies;
mod redirects;
mod refusals;
mod resuming;
mod retries;
mod support;
