//! What the tests of other libraries share: two ends that trust each other, an HTTP server and client of hyper's that
//! let ALPN choose the protocol, and a program of axum's.

#![forbid(unsafe_code)]

pub mod app;
mod ends;
pub mod http;

pub use ends::{Ends, pattern, run};
