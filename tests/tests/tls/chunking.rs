//! However the network cuts the peer's records, the plaintext is the same.

use std::sync::Arc;

use lem_ssl_rs::{Context, Error, ReadMode, Version, spawn};

use crate::support::{Cuts, Peer, Role, client, pki, run, server, upgrade, wire};

/// Both configurations for one role and version. Sessions are resumed after the first connection, so that thousands of
/// them stay cheap.
struct Ends {
    role: Role,
    ours: Context,
    server: Arc<rustls::ServerConfig>,
    client: Arc<rustls::ClientConfig>,
}

impl Ends {
    fn new(role: Role, version: Version) -> Self {
        let pki = pki();
        let ours = pki.context(role);
        Self {
            role,
            ours: ours.versions([version]).build().unwrap(),
            server: Arc::new(pki.server_config(&pki.server, &[version])),
            client: Arc::new(pki.client_config(&[version])),
        }
    }

    fn peer(&self) -> rustls::Connection {
        match self.role {
            Role::Client => server(&self.server),
            Role::Server => client(&self.client),
        }
    }
}

/// The peer says [`SPEECH`], in three records, and we answer; says how many bytes of ciphertext that took.
async fn converse(ends: &Ends, cuts: Cuts, mode: ReadMode) -> usize {
    let (ours, theirs) = wire();
    let (context, role) = (ends.ours.clone(), ends.role);
    let us = spawn(async move {
        let stream = upgrade(&context, role, ours).await.unwrap();
        stream.write("answer").await.unwrap();
        let mut heard = Vec::new();
        loop {
            match stream.read(mode).await {
                Ok(bytes) if bytes.is_empty() && mode == ReadMode::All => break,
                Ok(bytes) => heard.extend(bytes),
                Err(error) => {
                    assert!(matches!(error, Error::Closed | Error::Incomplete { .. }), "{error}");
                    break;
                }
            }
        }
        heard.extend(stream.read(ReadMode::All).await.unwrap_or_default());
        stream.shutdown().await.unwrap();
        heard
    });
    let mut peer = Peer::new(ends.peer(), theirs).await.cut(cuts);
    assert!(peer.shake_hands().await);
    for record in SPEECH {
        assert!(peer.write(record).await);
    }
    assert!(peer.expect(b"answer").await);
    assert!(peer.finish().await);
    peer.drain().await;
    assert_eq!(us.await.unwrap(), SPEECH.concat(), "{:?} {cuts:?} {mode:?}", ends.role);
    peer.sent
}

const SPEECH: [&[u8]; 3] = [b"a line\nand half", b" another\n12345", b"the rest"];

const MODES: [ReadMode; 4] = [ReadMode::Available, ReadMode::Exact(3), ReadMode::Line, ReadMode::All];

fn every_cut(role: Role, version: Version) {
    run(async {
        let ends = Ends::new(role, version);
        for cuts in [Cuts::Whole, Cuts::Every(1), Cuts::Every(7), Cuts::Every(100)] {
            for mode in MODES {
                converse(&ends, cuts, mode).await;
            }
        }
        let length = converse(&ends, Cuts::Whole, ReadMode::All).await;
        for offset in 1..length {
            converse(&ends, Cuts::At(offset), MODES[offset % MODES.len()]).await;
        }
    });
}

#[test]
fn a_client_of_tls_1_3_understands_every_cut() {
    every_cut(Role::Client, Version::Tls13);
}

#[test]
fn a_client_of_tls_1_2_understands_every_cut() {
    every_cut(Role::Client, Version::Tls12);
}

#[test]
fn a_server_of_tls_1_3_understands_every_cut() {
    every_cut(Role::Server, Version::Tls13);
}

#[test]
fn a_server_of_tls_1_2_understands_every_cut() {
    every_cut(Role::Server, Version::Tls12);
}
