//! Handshakes between rustls and rustls, in memory: which are resumed.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::{NoServerSessionStorage, ProducesTickets, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, ServerConfig, ServerConnection,
    SupportedProtocolVersion,
};

use super::{Machine, POLICY, SECRET, shared};
use crate::Identity;

#[test]
fn a_fleet_resumes_each_others_sessions_and_later_does_full_handshakes_without_an_error() {
    for version in [&TLS12, &TLS13] {
        // Each machine has a certificate of its own for the same name.
        let (one, two) = (Server::new(Machine::of_fleet(), version), Server::new(Machine::of_fleet(), version));
        let client = client_of(&[&one, &two], version, None);
        assert_eq!(handshake(&client, &one), HandshakeKind::Full);
        assert_eq!(handshake(&client, &two), HandshakeKind::Resumed, "{version:?}");
        assert_eq!(handshake(&client, &one), HandshakeKind::Resumed, "{version:?}");
        // Its ticket is from period 0: the next period still takes it.
        two.machine.at_period(1);
        assert_eq!(handshake(&client, &two), HandshakeKind::Resumed, "{version:?}");
        // Now from period 1, or 0 from the other's clock, which is slow.
        assert_eq!(handshake(&client, &one), HandshakeKind::Resumed, "{version:?}");
        two.machine.at_period(4);
        assert_eq!(handshake(&client, &two), HandshakeKind::Full, "{version:?}");
        assert_eq!(handshake(&client, &two), HandshakeKind::Resumed, "{version:?}");
    }
}

#[test]
fn a_ticket_of_the_third_period_ago_costs_a_full_handshake_and_no_error() {
    for version in [&TLS12, &TLS13] {
        for (period, expected) in [(1, HandshakeKind::Resumed), (2, HandshakeKind::Full), (3, HandshakeKind::Full)] {
            let (one, two) = (Server::new(Machine::of_fleet(), version), Server::new(Machine::of_fleet(), version));
            let client = client_of(&[&one, &two], version, None);
            assert_eq!(handshake(&client, &one), HandshakeKind::Full);
            two.machine.at_period(period);
            assert_eq!(handshake(&client, &two), expected, "{version:?}, {period} periods later");
        }
    }
}

#[test]
fn another_secret_or_policy_costs_a_full_handshake_and_no_error() {
    let provider = crate::provider::default_provider().unwrap();
    for version in [&TLS12, &TLS13] {
        for other in [
            Machine::new(shared([1; 32]), &provider, POLICY),
            Machine::new(shared(SECRET), &provider, b"another policy"),
            Machine::alone(),
        ] {
            let (one, two) = (Server::new(Machine::of_fleet(), version), Server::new(other, version));
            let client = client_of(&[&one, &two], version, None);
            assert_eq!(handshake(&client, &one), HandshakeKind::Full);
            assert_eq!(handshake(&client, &two), HandshakeKind::Full, "{version:?}");
            assert_eq!(handshake(&client, &two), HandshakeKind::Resumed, "{version:?}");
        }
    }
}

#[test]
fn a_server_with_random_keys_resumes_until_they_are_gone() {
    for version in [&TLS12, &TLS13] {
        let server = Server::new(Machine::alone(), version);
        let client = client_of(&[&server], version, None);
        assert_eq!(handshake(&client, &server), HandshakeKind::Full);
        assert_eq!(handshake(&client, &server), HandshakeKind::Resumed, "{version:?}");
        server.machine.at_period(1);
        assert_eq!(handshake(&client, &server), HandshakeKind::Resumed, "{version:?}");
        server.machine.at_period(3);
        assert_eq!(handshake(&client, &server), HandshakeKind::Full, "{version:?}");
    }
}

#[test]
fn a_clients_certificate_travels_in_its_ticket() {
    for version in [&TLS12, &TLS13] {
        let visitor = Identity::self_signed(["visitor.test"]).unwrap();
        let (one, two) = (
            Server::asking(Machine::of_fleet(), version, &visitor),
            Server::asking(Machine::of_fleet(), version, &visitor),
        );
        let client = client_of(&[&one, &two], version, Some(certified(&visitor)));
        assert_eq!(handshake(&client, &one), HandshakeKind::Full);
        let (kind, chain) = handshake_with_chain(&client, &two);
        assert_eq!(kind, HandshakeKind::Resumed, "{version:?}");
        assert_eq!(chain, visitor.chain());
    }
}

#[test]
fn a_session_that_does_not_fit_into_a_ticket_is_not_resumed_and_no_error() {
    for version in [&TLS12, &TLS13] {
        let visitor = Identity::self_signed(["visitor.test"]).unwrap();
        let server = Server::asking(Machine::of_fleet(), version, &visitor);
        let mut long = certified(&visitor);
        // About 20 KB. Certificates that lead nowhere are passed over in a chain.
        let certificate = long.cert[0].clone();
        long.cert.extend(vec![certificate.clone(); 20_000 / certificate.len()]);
        let client = client_of(&[&server], version, Some(long));
        for _ in 0..3 {
            assert_eq!(handshake(&client, &server), HandshakeKind::Full, "{version:?}");
        }
    }
}

struct Server {
    machine: Machine,
    identity: Identity,
    config: Arc<ServerConfig>,
}

impl Server {
    fn new(machine: Machine, version: &'static SupportedProtocolVersion) -> Self {
        Self::build(machine, version, None)
    }

    /// One that asks its clients for a certificate, and trusts one.
    fn asking(machine: Machine, version: &'static SupportedProtocolVersion, trusted: &Identity) -> Self {
        Self::build(machine, version, Some(trusted))
    }

    fn build(machine: Machine, version: &'static SupportedProtocolVersion, trusted: Option<&Identity>) -> Self {
        let identity = Identity::self_signed(["fleet.test"]).unwrap();
        let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&[version]).unwrap();
        let builder = match trusted {
            Some(trusted) => {
                let verifier = WebPkiClientVerifier::builder_with_provider(roots([trusted]), provider());
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified(&identity))));
        let ticketer: Arc<dyn ProducesTickets> = machine.tickets.clone();
        config.ticketer = ticketer;
        // Nothing is stored here: what is resumed comes from tickets.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Self { machine, identity, config: Arc::new(config) }
    }
}

fn client_of(
    servers: &[&Server],
    version: &'static SupportedProtocolVersion,
    identity: Option<CertifiedKey>,
) -> Arc<ClientConfig> {
    let roots = roots(servers.iter().map(|server| &server.identity));
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider()).build().unwrap();
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_webpki_verifier(verifier);
    Arc::new(match identity {
        Some(key) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key))),
        None => builder.with_no_client_auth(),
    })
}

#[track_caller]
fn handshake(client: &Arc<ClientConfig>, server: &Server) -> HandshakeKind {
    handshake_with_chain(client, server).0
}

/// How the handshake went, on both sides, and whom the server saw.
#[track_caller]
fn handshake_with_chain(client: &Arc<ClientConfig>, server: &Server) -> (HandshakeKind, Vec<CertificateDer<'static>>) {
    let name = ServerName::try_from("fleet.test").unwrap();
    let mut client = ClientConnection::new(client.clone(), name).unwrap();
    let mut server = ServerConnection::new(server.config.clone()).unwrap();
    // Until nothing moves: the tickets of TLS 1.3 come after the handshake.
    while client.wants_write() || server.wants_write() {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        let mut unread = &wire[..];
        while !unread.is_empty() {
            server.read_tls(&mut unread).unwrap();
            server.process_new_packets().unwrap();
        }
        wire.clear();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        let mut unread = &wire[..];
        while !unread.is_empty() {
            client.read_tls(&mut unread).unwrap();
            client.process_new_packets().unwrap();
        }
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    assert_eq!(client.handshake_kind(), server.handshake_kind());
    let chain = server.peer_certificates().unwrap_or_default().to_vec();
    (server.handshake_kind().unwrap(), chain)
}

fn certified(identity: &Identity) -> CertifiedKey {
    identity.certified(provider().key_provider).unwrap().as_ref().clone()
}

fn roots<'a>(identities: impl IntoIterator<Item = &'a Identity>) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for identity in identities {
        roots.add(identity.chain()[0].clone()).unwrap();
    }
    Arc::new(roots)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls_graviola::default_provider())
}
