//! A peer that seals what it is told to, on a wire.

use std::rc::Rc;

use lem_ssl_rs::{Context, ReadMode, Stream, UnixStream, Version, spawn};
use lem_ssl_tests::raw::{ALERT, KEY_UPDATE, RawHandshake, RawPeer};

use super::{Role, pki, upgrade, wire};

pub(crate) struct Raw {
    pub(crate) peer: RawPeer,
    pub(crate) wire: Rc<UnixStream>,
}

/// Our end, in `role`, connected with a raw peer.
pub(crate) async fn raw(role: Role) -> (Stream, Raw) {
    let pki = pki();
    let mut handshake = match role {
        Role::Client => RawHandshake::server(pki.server_config(&pki.server, &[Version::Tls13])),
        Role::Server => RawHandshake::client(pki.client_config(&[Version::Tls13])),
    };
    let context: Context = pki.context(role).versions([Version::Tls13]).build().unwrap();
    let (near, far) = wire();
    let us = spawn(async move { upgrade(&context, role, near).await.unwrap() });
    let mut received = Vec::new();
    loop {
        let message = handshake.advance(&received);
        if !message.is_empty() {
            far.write(&message).await.unwrap();
        }
        if handshake.is_over() {
            break;
        }
        received = far.read(ReadMode::Available).await.unwrap();
    }
    (us.await.unwrap(), Raw { peer: handshake.into_peer(), wire: Rc::new(far) })
}

impl Raw {
    pub(crate) async fn send(&self, bytes: &[u8]) {
        self.wire.write(bytes).await.unwrap();
    }

    /// The records that we send from now on, until our end.
    pub(crate) async fn everything(&mut self) -> Vec<(u8, Vec<u8>)> {
        let mut records = Vec::new();
        while let Ok(bytes) = self.wire.read(ReadMode::Available).await {
            records.extend(self.peer.open(&bytes));
        }
        records
    }
}

/// How many of these tell of new keys.
pub(crate) fn key_updates(records: &[(u8, Vec<u8>)]) -> usize {
    records.iter().filter(|(_, payload)| payload.len() == KEY_UPDATE.len() && payload[..4] == KEY_UPDATE[..4]).count()
}

/// The alerts among these.
pub(crate) fn alerts(records: &[(u8, Vec<u8>)]) -> Vec<u8> {
    records.iter().filter(|(inner, _)| *inner == ALERT).map(|(_, payload)| payload[1]).collect()
}
