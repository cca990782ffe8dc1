//! Clients of TLS 1.2 that know no tickets: the server remembers their sessions.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use lem_ssl_rs::{
    ClientAuth, ContextBuilder, FleetSecret, LiveContext, RevocationLists, Roots, Server, ServerOptions, Tickets,
    spawn, unblock,
};
use lem_ssl_tests::pki::{Authority, Issued, Leaf};
use rustls::client::{Resumption, Tls12Resumption};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore};

use crate::support::{check, identity, issue, provider, root, server_builder};

/// A client that remembers sessions by their identifiers only.
fn without_tickets(certificate: Option<&Issued>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(root().certificate_der().clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match certificate {
        Some(own) => builder.with_client_auth_cert(own.chain_der.clone(), own.private_key()).unwrap(),
        None => builder.with_no_client_auth(),
    };
    config.resumption = Resumption::in_memory_sessions(16).tls12_resumption(Tls12Resumption::SessionIdOnly);
    Arc::new(config)
}

/// How the handshake went, or why it did not, as the client sees it.
async fn visit(config: &Arc<ClientConfig>, server: &Server) -> Result<HandshakeKind, String> {
    let (config, address) = (config.clone(), server.local_addr().ip().unwrap());
    let visiting = spawn(unblock(move || {
        let mut tls = ClientConnection::new(config, "localhost".try_into().unwrap()).unwrap();
        let mut socket = TcpStream::connect(address).unwrap();
        let mut stream = rustls::Stream::new(&mut tls, &mut socket);
        stream.write_all(b"hello\n").map_err(|error| error.to_string())?;
        let mut answer = [0; 6];
        stream.read_exact(&mut answer).map_err(|error| error.to_string())?;
        Ok(tls.handshake_kind().unwrap())
    }));
    if let Ok(stream) = server.accept().await {
        stream.read(6).await.unwrap();
        stream.write("hello\n").await.unwrap();
    }
    visiting.await.unwrap().unwrap()
}

fn builder() -> ContextBuilder {
    server_builder().identity(identity(&issue(&["localhost"])))
}

async fn listen(builder: ContextBuilder) -> Server {
    builder.build().unwrap().listen("127.0.0.1:0").await.unwrap()
}

#[test]
fn a_client_without_tickets_resumes_its_session() {
    check(async {
        let secret = FleetSecret::new([7; 32]).unwrap();
        for tickets in [Tickets::PerProcess, Tickets::Fleet(secret)] {
            let server = listen(builder().tickets(tickets)).await;
            let client = without_tickets(None);
            for expected in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed] {
                assert_eq!(visit(&client, &server).await, Ok(expected));
            }
            assert_eq!(server.counters().handshakes_resumed, 2);
        }
    });
}

#[test]
fn with_resumption_off_nothing_is_remembered() {
    check(async {
        let server = listen(builder().tickets(Tickets::Off)).await;
        let client = without_tickets(None);
        for _ in 0..3 {
            assert_eq!(visit(&client, &server).await, Ok(HandshakeKind::Full));
        }
    });
}

#[test]
fn a_remembered_session_survives_a_new_certificate_and_not_a_new_policy() {
    check(async {
        let live = LiveContext::new(builder().build().unwrap());
        let server = Server::listen(live.clone(), "127.0.0.1:0", ServerOptions::default()).await.unwrap();
        let client = without_tickets(None);
        assert_eq!(visit(&client, &server).await, Ok(HandshakeKind::Full));
        live.replace(builder().build().unwrap()).unwrap();
        assert_eq!(visit(&client, &server).await, Ok(HandshakeKind::Resumed));
        let roots = Roots::Pem(root().certificate_pem().into());
        live.replace(builder().client_roots(roots).client_auth(ClientAuth::Optional).build().unwrap()).unwrap();
        assert_eq!(visit(&client, &server).await, Ok(HandshakeKind::Full));
        live.replace(builder().tickets(Tickets::Off).build().unwrap()).unwrap();
        assert_eq!(visit(&client, &server).await, Ok(HandshakeKind::Full));
    });
}

#[test]
fn a_remembered_client_is_checked_again_when_it_comes_back() {
    check(async {
        let club = Authority::new("Club");
        let member = club.issue(Leaf::client(&["member.test"]));
        let roots = || Roots::Pem(club.certificate_pem().into());
        let live = LiveContext::new(builder().client_roots(roots()).build().unwrap());
        let server = Server::listen(live.clone(), "127.0.0.1:0", ServerOptions::default()).await.unwrap();
        let client = without_tickets(Some(&member));
        assert_eq!(visit(&client, &server).await, Ok(HandshakeKind::Full));
        assert_eq!(visit(&client, &server).await, Ok(HandshakeKind::Resumed));
        let list = RevocationLists::Pem(club.revocation_list_pem(&[&member]).into());
        live.replace(builder().client_roots(roots()).revocation_lists(list).build().unwrap()).unwrap();
        let refused = spawn({
            let (client, server) = (client.clone(), server.local_addr().clone());
            unblock(move || {
                let mut tls = ClientConnection::new(client, "localhost".try_into().unwrap()).unwrap();
                let mut socket = TcpStream::connect(server.ip().unwrap()).unwrap();
                rustls::Stream::new(&mut tls, &mut socket).read(&mut [0]).map_err(|error| error.to_string())
            })
        });
        crate::support::until(|| server.counters().failed.certificate == 1).await;
        assert!(!matches!(refused.await.unwrap().unwrap(), Ok(1)), "nobody spoke to it");
    });
}

#[test]
fn a_session_is_remembered_by_its_own_context_only() {
    check(async {
        let (one, two) = (listen(builder()).await, listen(builder()).await);
        let client = without_tickets(None);
        assert_eq!(visit(&client, &one).await, Ok(HandshakeKind::Full));
        assert_eq!(visit(&client, &two).await, Ok(HandshakeKind::Full));
    });
}
