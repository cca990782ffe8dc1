//! Certificates by ACME: `serve` and `tunnel` against an authority of ours that fails where it is told to.
//!
//! With the feature `interop` also against pebble, which has to be there.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a failing unwrap is a fine way for a test to fail")]

mod advice;
mod arguments;
mod config;
mod confinement;
mod failures;
mod first;
mod folder;
#[cfg(feature = "interop")]
mod interop;
mod killed;
mod patience;
mod renewal;
mod several;
mod support;
mod tunnel;
#[cfg(feature = "interop")]
mod users;
