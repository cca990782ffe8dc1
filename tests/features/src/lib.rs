//! lem-ssl-rs as its users get it.
//!
//! The other tests turn `sim` and `self-signed` on, for themselves and, by that, for everything that is built beside them.
//! These depend on the library alone, as a program does:
//!
//! ```text
//! cargo test -p lem-ssl-features
//! cargo test -p lem-ssl-features --no-default-features --features ring
//! ```

#![forbid(unsafe_code)]

#[cfg(test)]
mod ends;
#[cfg(test)]
mod optional;
#[cfg(test)]
mod provider;
#[cfg(test)]
mod support;
#[cfg(test)]
mod verbs;
