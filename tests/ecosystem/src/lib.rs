//! What the tests of other libraries share: two ends that trust each other, an HTTP server and client of hyper's that
//! let ALPN choose the protocol, and a program of axum's.

#![forbid(unsafe_code)]

pub mod app;
mod ends;
pub mod http;

pub use ends::{Ends, pattern, run};

/// Chapters of the manual whose programs need libraries of others, or much of the machine: the pages are the documentation
/// of these modules too, so that their programs are compiled and run here. What is on the page is what was run.
#[cfg(doctest)]
mod manual {
    #[doc = include_str!("../../../crates/lem-ssl-rs/guide/http_server.md")]
    mod http_server {}
    #[doc = include_str!("../../../crates/lem-ssl-rs/guide/http_client.md")]
    mod http_client {}
    #[doc = include_str!("../../../crates/lem-ssl-rs/guide/websockets.md")]
    mod websockets {}
    #[doc = include_str!("../../../crates/lem-ssl-rs/guide/databases.md")]
    mod databases {}
    #[doc = include_str!("../../../crates/lem-ssl-rs/guide/crates_that_work.md")]
    mod crates_that_work {}
    #[doc = include_str!("../../../crates/lem-ssl-rs/guide/testing.md")]
    mod testing {}
    #[doc = include_str!("../../../crates/lem-rs/src/interop/hyper.md")]
    mod hyper {}
}
