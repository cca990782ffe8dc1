//! A certificate authority in memory.
//!
//! An [`Authority`] is a root or an intermediate; it issues what a [`Leaf`] asks for, and hands
//! back an [`Issued`]: a chain and its private key, as DER and as PEM. Keys and signatures come
//! from graviola, so that the tests need no C compiler either.
//!
//! ```
//! use lem_ssl_pki::{Authority, Leaf};
//!
//! let root = Authority::new("Test Root");
//! let intermediate = root.intermediate("Test Intermediate");
//! let server = intermediate.issue(Leaf::server(&["localhost", "127.0.0.1"]));
//! let late = root.issue(Leaf::server(&["localhost"]).expired());
//! # let _ = (server, late, root.certificate_pem());
//! ```
//!
//! Everything here panics when it cannot do its work: a test that cannot have its certificates has
//! failed.
//!
//! Serial numbers are random and of constant length. With [`KeyKind::Ed25519`] or
//! [`KeyKind::Rsa2048`] for the authority and the leaf, certificates of the same names and dates
//! have the same length in every run, which ECDSA's signatures do not give.

#![forbid(unsafe_code)]

mod authority;
pub mod draft;
mod issued;
mod key;
mod leaf;
#[cfg(test)]
mod tests;

pub use authority::{Authority, self_signed};
pub use issued::{Issued, armour};
pub use key::KeyKind;
pub use leaf::Leaf;
