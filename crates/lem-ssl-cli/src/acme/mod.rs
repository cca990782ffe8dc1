//! Certificates that an authority gives by itself (ACME, RFC 8555), over the server that they are for (TLS-ALPN-01, RFC
//! 8737).
//!
//! One process at a time asks for a certificate; all that use the folder show what it has got. What is there stays in
//! use until something better is.

mod account;
mod answer;
mod authority;
mod challenge;
mod client;
mod directory;
mod failed;
mod files;
mod issued;
mod keeper;
mod kept;
mod key;
mod names;
mod options;
mod order;
mod pace;
mod plan;
mod problem;
mod record;
mod renewal;
mod schedule;
mod shown;
mod status;
mod store;
mod supervisor;

pub(crate) use authority::Authority;
pub(crate) use keeper::Keeper;
pub(crate) use options::AcmeArgs;
pub(crate) use shown::Otherwise;
pub(crate) use status::Family;
