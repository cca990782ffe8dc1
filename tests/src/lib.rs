//! What the tests of lem-ssl-rs share.
//!
//! - [`watched_machine`]: a machine that finds tasks which nobody can wake;
//! - [`differential`]: the same records into rustls and into ours;
//! - [`model`]: the contract of a stream as a reference model, and random programs that hold streams
//!   against it;
//! - [`pki`]: a certificate authority in memory, so that no test depends on files, on the calendar
//!   or on a network;
//! - [`plain`]: whether a message is for people;
//! - [`proxy`]: a network that delays, splits, stalls, truncates, changes and resets where it is told to;
//! - [`raw`]: a peer that seals what it is told to, whether the protocol allows it or not;
//! - [`records`]: whose records connections have after the handshake;
//! - [`scratch`]: directories that clean up after themselves, for peers that want files.
//!
//! The tests themselves are in `tests/`, one program per subject. The program `structure` in
//! `src/bin` checks the layers of the workspace.

#![forbid(unsafe_code)]

pub mod differential;
mod machine;
pub mod model;
pub mod plain;
pub mod proxy;
pub mod raw;
pub mod records;
pub mod scratch;

pub use lem_ssl_pki as pki;
pub use machine::{BoxedTest, watched, watched_machine};
