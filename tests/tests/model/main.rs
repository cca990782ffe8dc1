//! The contract's reference model: it refuses what the contract forbids, real streams agree with it in the simulated
//! world, and what it finds is made short.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a failing unwrap is a fine way for a test to fail")]

mod copies;
mod regressions;
mod seeds;
mod shrinking;
mod support;
mod verdicts;
