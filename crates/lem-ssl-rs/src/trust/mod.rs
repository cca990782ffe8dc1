//! Whom we trust: roots, and the verifiers that check a peer's chain against them.

mod anchors;
mod authority;
mod choice;
mod clients;
mod explain;
mod known_hosts;
mod missing;
mod path;
mod pinned;
mod possession;
mod revocation;
mod revocation_list;
mod roots;
mod serials;
mod server_name;
mod servers;
mod signature;
mod spki;
mod standing;
#[cfg(feature = "system-roots")]
mod system_roots;
mod unusable_list;
mod verifier;

pub use choice::Trust;
pub use clients::ClientAuth;
pub(crate) use clients::{Clients, clients};
pub(crate) use explain::Explainer;
pub use known_hosts::KnownHosts;
pub(crate) use pinned::{Recognising, recognising};
pub(crate) use possession::{verify_tls12_possession, verify_tls13_possession};
pub use revocation::RevocationLists;
#[cfg(not(feature = "system-roots"))]
pub use roots::FeatureSystemRootsIsOff;
pub use roots::Roots;
pub(crate) use roots::{
    Load as RootsLoader, built_in as built_in_roots, describe as describe_roots, load as load_roots,
};
pub(crate) use server_name::parse_name;
pub(crate) use servers::{Remembers, Servers, servers};
pub(crate) use signature::is_signed_by_another;
pub(crate) use spki::hash_of;
pub(crate) use verifier::{OnVerified, explain, forget_refused, not_presented};
