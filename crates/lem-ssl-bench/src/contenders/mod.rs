//! Who is measured: each contender's way to write the verbs.

pub(crate) mod events;
mod futures;
mod lem;
pub(crate) mod limit;
#[cfg(feature = "openssl")]
pub(crate) mod openssl;
mod threads;
mod tokio;

pub(crate) use futures::Futures;
pub(crate) use lem::Lem;
pub(crate) use threads::run as run_threads;
pub(crate) use tokio::Tokio;
