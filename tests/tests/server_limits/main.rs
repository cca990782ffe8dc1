//! A server as a process of its own: when descriptors run out, and under an attack, what it holds in memory and
//! descriptors included.
//!
//! Limits and memory belong to whole processes, so each test starts this program again as its server, by way of a shell
//! that sets the limit.

#![forbid(unsafe_code)]
#![cfg(target_os = "linux")] // `/proc` tells what another process holds.
#![expect(clippy::unwrap_used, reason = "a failing unwrap is a fine way for a test to fail")]

mod support;

mod attack;
mod descriptors;
