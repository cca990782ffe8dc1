//! The network: addresses, names, connecting (RFC 8305), listening.

mod accept;
mod address;
mod any;
mod backoff;
mod connect;
mod handler;
mod listener;
mod resolve;
mod services;
mod shortage;
mod socket_options;
mod to_address;
mod udp;
mod zone;

pub use accept::Accept;
pub use address::Address;
pub use connect::connect_source;
pub use handler::{HandlerError, HandlerResult};
pub use listener::Listener;
pub use resolve::resolve;
pub use socket_options::{KeepAlive, SocketOptions};
pub use to_address::ToAddress;
pub use udp::UdpSocket;
