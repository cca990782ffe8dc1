//! Whom we trust: roots, and the verifiers that check a peer's chain against them.

mod name;
mod roots;
mod verifier;

pub use roots::Roots;
pub(crate) use roots::load;
pub(crate) use verifier::{ClientChain, ServerChain, explain};
