//! Whom we trust: roots, and the verifiers that check a peer's chain against them.

mod clients;
mod name;
mod roots;
mod servers;
mod verifier;

pub use clients::{ClientAuth, RevocationLists};
pub(crate) use clients::{Clients, clients};
pub use roots::Roots;
use roots::load;
pub(crate) use servers::server_verifier;
pub(crate) use verifier::explain;
