//! `lem-ssl tunnel` between clients and back ends of ours.
//!
//! Those that are ignored unless they are asked for are between other programs, which have to be there: CONTRIBUTING.md
//! names them.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a failing unwrap is a fine way for a test to fail")]

mod access;
mod back_ends;
mod config;
mod confinement;
mod descriptors;
mod documents;
mod down;
mod drain;
mod ends;
mod hostile;
mod interop;
mod landlock;
mod load;
mod manager;
mod metrics;
mod modes;
mod proxied;
mod proxy;
mod reload;
mod revocation;
mod routes;
mod signals;
mod sockets;
mod starttls;
mod support;
