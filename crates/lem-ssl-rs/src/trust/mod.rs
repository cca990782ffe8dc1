//! Whom we trust: roots, and the verifiers that check a peer's chain against them.

mod clients;
mod explain;
mod path;
mod revocation;
mod roots;
mod servers;
mod signature;
mod unusable_list;
mod verifier;

pub use clients::ClientAuth;
pub(crate) use clients::{Clients, clients};
pub(crate) use explain::Explainer;
pub use revocation::RevocationLists;
pub use roots::Roots;
pub(crate) use roots::{Load as LoadRoots, built_in as built_in_roots, load as load_roots};
pub(crate) use servers::{Servers, servers};
pub(crate) use signature::is_signed_by_another;
pub(crate) use verifier::{OnVerified, bad_signature, explain, not_presented};
