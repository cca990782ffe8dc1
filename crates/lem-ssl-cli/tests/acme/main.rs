//! Certificates by ACME: `serve` and `tunnel` against an authority of ours that fails where it is told to.
//!
//! Those that are ignored unless they are asked for are against pebble, which has to be there.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a failing unwrap is a fine way for a test to fail")]

mod advice;
mod arguments;
mod config;
mod confinement;
mod failures;
mod first;
mod folder;
mod interop;
mod killed;
mod patience;
mod renewal;
mod several;
mod support;
mod tunnel;
mod users;
