//! Where the next keys come from.

use rustls::client::ClientConnectionData;
use rustls::kernel::KernelConnection;
use rustls::{Error, Side, Tls13CipherSuite};

use super::keys::Key;
use crate::traffic::TrafficSecrets;

/// What is left of the handshake for the next keys, and on a client for tickets.
pub(in crate::session) enum Kernel {
    /// rustls': tickets are derived from a secret that it tells nobody.
    Client(Box<KernelConnection<ClientConnectionData>>),
    /// In the records' own memory, which comes after the handshake: memory that is taken during it lies between objects that
    /// are freed soon, and keeps their places apart for as long as the connection lives.
    Server(TrafficSecrets),
}

impl Kernel {
    /// The next keys that we seal with.
    pub(super) fn next_sealing(&mut self, suite: &Tls13CipherSuite) -> Result<Key, Error> {
        match self {
            Self::Client(kernel) => Key::extracted(kernel.update_tx_secret()?.1),
            Self::Server(secrets) => Key::of(secrets.advance(Side::Server, suite), suite),
        }
    }

    /// The next keys that the peer seals with.
    pub(super) fn next_opening(&mut self, suite: &Tls13CipherSuite) -> Result<Key, Error> {
        match self {
            Self::Client(kernel) => Key::extracted(kernel.update_rx_secret()?.1),
            Self::Server(secrets) => Key::of(secrets.advance(Side::Client, suite), suite),
        }
    }
}
