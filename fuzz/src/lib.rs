//! What the fuzz targets share: a peer that says what the fuzzer wants, under the right keys.
//!
//! - [`Bytes`] reads decisions out of the fuzzer's bytes;
//! - [`tamper`] holds cipher suites that seal something else than they were given;
//! - [`Peer`] is rustls' buffered connection on such suites;
//! - [`meet`] lets it meet our library in the simulated world.

#![forbid(unsafe_code)]

mod bytes;
mod contexts;
mod peer;
pub mod tamper;
mod world;

pub use bytes::Bytes;
pub use contexts::{Ends, Role};
pub use peer::{Peer, WireEdit};
pub use world::{meet, meet_honestly};
