//! The network: addresses, names, connecting (RFC 8305), listening.

mod accept;
mod address;
mod connect;
mod listener;
mod resolve;
mod services;

pub use accept::Accept;
pub use address::{Address, ToAddress};
pub use connect::connect_source;
pub use listener::Listener;

pub(crate) use resolve::resolve;
