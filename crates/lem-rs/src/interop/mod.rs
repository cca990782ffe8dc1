//! What other libraries ask of a stream and of a runtime: their traits, each behind a feature of its name.

#[cfg(feature = "futures-io")]
mod futures_io;
#[cfg(feature = "hyper")]
pub mod hyper;
#[cfg(feature = "tokio-io")]
mod tokio_io;
