//! placeholder
#![forbid(unsafe_code)]

mod client;
mod context;
pub mod danger;
mod error;
mod handshake;
mod identity;
mod info;
mod pem;
mod provider;
mod server;
mod session;
mod transport;
mod trust;

pub use context::{Context, ContextBuilder, Deadlines, Version};
pub use error::{CertificateFault, CertificateProblem, ConfigError, ConfigPart, Error, TlsError};
pub use identity::Identity;
pub use info::Info;
pub use lem_rs::{
    Address, AddressError, Attempt, CloseCause, ConnectError, Cut, Deadline, EndOfStream, Endpoint, JoinError,
    JoinHandle, Limits, Listener, Machine, MachineBuilder, OwnedSocket, ParseReadModeError, Phase, Plain, Queue,
    QueueReset, ReadMode, Resolve, Sleep, Sleeper, Source, StreamOptions, TcpStream, Timeout, ToAddress, Transport,
    UnixStream, now, sleep, sleep_until, spawn, timeout, unblock, yield_now,
};
pub use rustls;
pub use server::Server;
pub use transport::{ReadHalf, Stream, Tls, WriteHalf, WriteQueue};
pub use trust::Roots;
