//! Both receivers.

use std::io::{ErrorKind, Read};
use std::sync::{Arc, OnceLock};

use lem_rs::transport::{InputBuffer, Source, StreamOptions};
use lem_rs::{Error, Plain, ReadMode, Stream, UnixStream, spawn};
use lem_ssl_rs::{Context, Identity, Roots, TlsError, danger};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, Connection, NamedGroup, RootCertStore, ServerConfig};

use super::script::Script;
use crate::pki::{Authority, Issued, Leaf};
use crate::raw::{ALERT, RawHandshake, RawPeer};
use crate::records::Records;

/// What came of a script at one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The content that was told.
    pub content: Vec<u8>,
    /// How it ended.
    pub verdict: Verdict,
    /// The descriptions of the alerts that it sent, but for `close_notify`.
    pub alerts: Vec<u8>,
    /// What rustls says of the end; of ours, what we say.
    pub reason: String,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Open,
    /// The peer has said goodbye.
    Clean,
    /// The peer has said that it failed.
    Alert(u8),
    /// The peer is to blame.
    Protocol,
    /// We are.
    Internal,
}

struct Ends {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    ours: (Context, Context),
}

fn ends() -> &'static Ends {
    static ENDS: OnceLock<Ends> = OnceLock::new();
    ENDS.get_or_init(|| {
        let authority = Authority::new("Test Root");
        let issued = authority.issue(Leaf::server(&["localhost"]));
        let versions = [&rustls::version::TLS13];
        let mut roots = RootCertStore::empty();
        roots.add(authority.certificate_der().clone()).expect("a root");
        let client = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&versions)
            .expect("a provider of TLS 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut server = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&versions)
            .expect("a provider of TLS 1.3")
            .with_no_client_auth()
            .with_single_cert(issued.chain_der.clone(), issued.private_key())
            .expect("a certificate and its key");
        server.send_tls13_tickets = 0;
        let ours = (our_client(&authority), our_server(&issued));
        Ends { client: Arc::new(client), server: Arc::new(server), ours }
    })
}

fn provider() -> Arc<CryptoProvider> {
    let mut provider = rustls_graviola::default_provider();
    provider.kx_groups.retain(|group| group.name() == NamedGroup::X25519);
    Arc::new(provider)
}

fn our_client(authority: &Authority) -> Context {
    let roots = Roots::Pem(authority.certificate_pem().into_bytes());
    let builder = Records::Ours.on(danger::provider(Context::builder(), provider()));
    builder.roots(roots).build().expect("a client")
}

fn our_server(issued: &Issued) -> Context {
    let identity = Identity::from_der(issued.chain_der.clone(), issued.private_key());
    let builder = Records::Ours.on(danger::provider(Context::builder(), provider()));
    builder.roots(Roots::None).identity(identity).build().expect("a server")
}

fn handshake(script: &Script) -> RawHandshake {
    let ends = ends();
    if script.is_client {
        RawHandshake::client(ClientConfig::clone(&ends.client))
    } else {
        RawHandshake::server(ServerConfig::clone(&ends.server))
    }
}

fn alerts(records: Vec<(u8, Vec<u8>)>) -> Vec<u8> {
    let alerts = records.into_iter().filter(|(kind, _)| *kind == ALERT).map(|(_, content)| content[1]);
    alerts.filter(|description| *description != 0).collect()
}

/// rustls' buffered connection.
pub(super) fn theirs(script: &Script) -> Outcome {
    let ends = ends();
    let name = "localhost".try_into().expect("a name");
    let mut connection: Connection = if script.is_client {
        rustls::ServerConnection::new(ends.server.clone()).expect("a server").into()
    } else {
        rustls::ClientConnection::new(ends.client.clone(), name).expect("a client").into()
    };
    let mut handshake = handshake(script);
    let mut to_peer = sent(&mut connection);
    while !handshake.is_over() || connection.is_handshaking() {
        let answer = handshake.advance(&to_peer);
        receive(&mut connection, &answer, &mut Vec::new()).expect("an honest handshake");
        to_peer = sent(&mut connection);
    }
    let mut peer = handshake.into_peer();
    peer.open(&to_peer);
    let mut content = Vec::new();
    let received = receive(&mut connection, &script.seal(&mut peer), &mut content);
    let (verdict, reason) = match received {
        Ok(true) => (Verdict::Clean, String::new()),
        Ok(false) => (Verdict::Open, String::new()),
        Err(error) => {
            let verdict = match &error {
                rustls::Error::AlertReceived(alert) => Verdict::Alert(u8::from(*alert)),
                _ => Verdict::Protocol,
            };
            (verdict, format!("{error:?}"))
        }
    };
    let alerts = alerts(peer.open(&sent(&mut connection)));
    Outcome { content, verdict, alerts, reason }
}

fn sent(connection: &mut Connection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while connection.wants_write() {
        connection.write_tls(&mut bytes).expect("a vector takes everything");
    }
    bytes
}

/// Whether the peer has said goodbye.
fn receive(connection: &mut Connection, mut bytes: &[u8], content: &mut Vec<u8>) -> Result<bool, rustls::Error> {
    let mut is_over = false;
    while !bytes.is_empty() && !is_over {
        if connection.read_tls(&mut bytes).is_err() {
            break;
        }
        let processed = connection.process_new_packets();
        if let Err(error) = connection.reader().read_to_end(content) {
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
        }
        is_over = processed?.peer_has_closed();
    }
    Ok(is_over)
}

/// A stream.
pub(super) fn ours(script: &Script) -> Outcome {
    let script = script.clone();
    let machine = lem_rs::Machine::new().expect("a machine");
    machine.run(converse(script)).expect("nobody waits for ever")
}

async fn converse(script: Script) -> Outcome {
    let ends = ends();
    let (one, other) = std::os::unix::net::UnixStream::pair().expect("two sockets");
    let (near, far) = (plain(one), plain(other));
    let (client, server) = ends.ours.clone();
    let is_client = script.is_client;
    let us = spawn(async move {
        if is_client { server.upgrade_server(near).await } else { client.upgrade(near, "localhost").await }
    });
    let mut handshake = handshake(&script);
    let mut received = Vec::new();
    loop {
        let message = handshake.advance(&received);
        if !message.is_empty() {
            far.write(&message).await.expect("the other end reads");
        }
        if handshake.is_over() {
            break;
        }
        received = far.read(ReadMode::Available).await.expect("the other end answers");
    }
    let mut peer = handshake.into_peer();
    let stream = us.await.expect("no panic").expect("an honest handshake");
    assert_eq!(Records::of(&stream), Some(Records::Ours));
    let reading = spawn(async move {
        let mut content = Vec::new();
        let end = loop {
            match stream.read(ReadMode::Available).await {
                Ok(bytes) => content.extend(bytes),
                Err(error) => break error,
            }
        };
        (content, end)
    });
    let bytes = script.seal(&mut peer);
    // It may be over before all was sent.
    if far.write(&bytes).await.is_ok() {
        let _ = far.close_write();
    }
    let (content, end) = reading.await.expect("no panic");
    let alerts = heard(&far, &mut peer).await;
    let reason = format!("{end:?}");
    let verdict = match (&end, TlsError::of(&end)) {
        (_, Some(TlsError::Alert { alert, .. })) => Verdict::Alert(alert.number()),
        (_, Some(TlsError::Protocol(_))) => Verdict::Protocol,
        (Error::Closed, _) => Verdict::Clean,
        (Error::Truncated(_), _) => Verdict::Open,
        _ => Verdict::Internal,
    };
    Outcome { content, verdict, alerts, reason }
}

async fn heard(far: &UnixStream, peer: &mut RawPeer) -> Vec<u8> {
    let mut records = Vec::new();
    while let Ok(bytes) = far.read(ReadMode::Available).await {
        records.extend(peer.open(&bytes));
    }
    alerts(records)
}

fn plain(socket: std::os::unix::net::UnixStream) -> UnixStream {
    let source = Source::adopt(socket).expect("a socket");
    Stream::new(Plain::new(source), InputBuffer::default(), StreamOptions::default())
}
