//! The simulated world: each of its faults happens and is counted, time jumps, a seed decides everything, and what the
//! machine and the streams promise holds in it.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a failing unwrap is a fine way for a test to fail")]

mod support;

mod blocking;
mod breaking;
mod connecting;
mod datagrams;
mod descriptors;
mod goodbyes;
mod harmless;
mod links;
mod names;
mod quiet;
mod secrets;
mod serving;
mod signals;
mod switches;
mod time;
mod vigil;
