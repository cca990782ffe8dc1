//! What stands in a certificate (RFC 5280): the one reader of them, for messages, explanations and reports.
//!
//! Whether a chain is good is for webpki to say. These decisions rest on this: which key a certificate has, where only the key
//! counts (pins without a chain, first use, and what accepts any certificate); and whether a revocation list is of an issuer
//! whose name it writes in another way. Each refuses what cannot be read. Whether a root is an authority's is read by less
//! (`trust/authority.rs`), because its dates do not count.

mod alternative;
mod certificate;
mod constraints;
mod date;
mod der;
mod extensions;
mod general_name;
mod key;
mod name;
mod name_value;
mod raw;
mod same_key;
mod spki_hash;

pub use alternative::AlternativeName;
pub use certificate::{Certificate, UnreadableCertificate};
pub(crate) use constraints::{Constraints, Subtrees};
pub use date::Date;
pub(crate) use date::Span;
pub(crate) use extensions::{KeyUse, purpose_name};
pub(crate) use general_name::GeneralName;
pub(crate) use key::{SignedHash, algorithm_name, describe as describe_key, rsa_bits, signed_hash};
pub(crate) use name::{printable, readable};
pub(crate) use name_value::NameValue;
pub(crate) use raw::{Raw, key_parts, public_key};
pub(crate) use same_key::SameKey;
pub use spki_hash::{ParseSpkiHashError, SpkiHash};
