//! What scripts read from and write to: streams of the machine, pipes, files.

#![forbid(unsafe_code)]

pub(crate) mod conn;
pub(crate) mod duplex;
pub(crate) mod file;
#[cfg(unix)]
pub(crate) mod pipe;
