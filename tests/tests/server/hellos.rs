//! What a server knows of a client by its hello belongs to that client, whatever came before on the same thread.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use lem_rs::sim::Sim;
use lem_ssl_rs::{
    ChannelBinding, Context, ContextBuilder, Error, ExportKeyingMaterial, Listener, ReadMode, Server, Stream,
    TcpStream, TlsError, copy_bidirectional, danger, sleep, spawn,
};
use rustls::NamedGroup;

use crate::challenges::{challenge, validating};
use crate::support::{certificates_of, client_builder, client_context, identity, issue, server_builder};

/// A client that the servers here ask for a second hello: its first has no share of their only group.
fn asked_twice() -> Context {
    let mut provider = rustls_graviola::default_provider();
    provider.kx_groups.retain(|group| matches!(group.name(), NamedGroup::secp256r1 | NamedGroup::X25519));
    provider.kx_groups.sort_by_key(|group| group.name() == NamedGroup::X25519);
    danger::provider(client_builder(), Arc::new(provider)).build().unwrap()
}

/// Passes one connection on to the server, with its first piece cut in two at `at`; says whether there was a second
/// part.
async fn cut_once(relay: &Listener, at: usize) -> Result<bool, Error> {
    let mut client = relay.accept().await?;
    let mut server = TcpStream::connect("server.test:443").await?;
    let hello = client.read(ReadMode::Available).await?;
    let (first, second) = hello.split_at(at.min(hello.len()));
    server.write(first).await?;
    // Time is simulated: the server has seen the first part, and waits.
    sleep(Duration::from_secs(1)).await;
    server.write(second).await?;
    let is_cut = !second.is_empty();
    // However it ends.
    let _ = copy_bidirectional(&mut client, &mut server).await;
    Ok(is_cut)
}

/// Calls `visit` with the address of a relay that cuts the hello in two, at each place of it in turn.
async fn at_each_cut(mut visit: impl AsyncFnMut(&str)) -> Result<(), Error> {
    let relay = Rc::new(Listener::bind("server.test:8443").await?);
    for at in 1.. {
        let relaying = relay.clone();
        let cutting = spawn(async move { cut_once(&relaying, at).await });
        visit("server.test:8443").await;
        if !cutting.await?? {
            assert!(at > 100, "a hello is longer than that");
            return Ok(());
        }
    }
    Ok(())
}

fn in_a_world(main: impl AsyncFnOnce() -> Result<(), Error>) {
    let sim = Sim::builder(1).host("server.test", ["10.0.0.1"]).build();
    sim.run(main()).unwrap().unwrap();
}

async fn listen(builder: ContextBuilder) -> Result<Rc<Server>, Error> {
    Ok(Rc::new(builder.build()?.listen("server.test:443").await?))
}

/// Connects; gives both ends of the stream.
async fn both_ends(
    server: &Rc<Server>,
    client: &Context,
    address: &str,
    name: &str,
) -> Result<(Stream, Stream), Error> {
    let accepting = server.clone();
    let accepted = spawn(async move { accepting.accept().await });
    let connected = client.connect_as(address, name).await?;
    Ok((connected, accepted.await??))
}

#[test]
fn a_hello_in_two_pieces_is_its_clients_own_after_another_clients_second_hello() {
    in_a_world(async || {
        let (theirs, ours) = (issue(&["theirs.test"]), issue(&["ours.test"]));
        let server = listen(server_builder().identity(identity(&theirs)).identity(identity(&ours))).await?;
        let (twice, once) = (asked_twice(), client_context());
        at_each_cut(async |relay| {
            let (theirs, _) = both_ends(&server, &twice, "server.test:443", "theirs.test").await.unwrap();
            drop(theirs);
            let (connected, accepted) = both_ends(&server, &once, relay, "ours.test").await.unwrap();
            assert_eq!(accepted.info().unwrap().requested_name.as_deref(), Some("ours.test"));
            assert_eq!(certificates_of(&connected), ours.chain_der);
            let binding = |stream: &Stream| stream.channel_binding(ChannelBinding::TlsServerEndPoint).unwrap();
            assert_eq!(binding(&connected), binding(&accepted));
        })
        .await
    });
}

#[test]
fn an_authority_is_answered_after_another_clients_second_hello_however_its_own_is_cut_up() {
    in_a_world(async || {
        let (answer, challenge) = challenge("www.test");
        let site = issue(&["www.test"]);
        let server = listen(server_builder().identity(identity(&site)).identity(challenge)).await?;
        let accepting = server.clone();
        spawn(async move { while accepting.accept().await.is_ok() {} }).detach();
        let (twice, authority) = (asked_twice(), validating(&["acme-tls/1"]).build()?);
        at_each_cut(async |relay| {
            drop(twice.connect_as("server.test:443", "www.test").await.unwrap());
            let answered = authority.connect_as(relay, "www.test").await.unwrap();
            assert_eq!(certificates_of(&answered), std::slice::from_ref(&answer));
        })
        .await?;
        server.close()
    });
}

#[test]
fn a_client_that_was_asked_for_a_second_hello_is_known_by_that_one() {
    in_a_world(async || {
        let site = issue(&["www.test"]);
        // Each hello gets another chain: only the second is shown.
        let chosen = [issue(&["www.test"]), site.clone()].map(|issued| identity(&issued));
        let asked = std::sync::atomic::AtomicUsize::new(0);
        let builder = server_builder().identity_resolver(move |_| {
            let number = asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            chosen[number].clone().into()
        });
        let server = listen(builder).await?;
        let (connected, accepted) = both_ends(&server, &asked_twice(), "server.test:443", "www.test").await?;
        assert_eq!(certificates_of(&connected), site.chain_der);
        let binding = |stream: &Stream| stream.channel_binding(ChannelBinding::TlsServerEndPoint).unwrap();
        assert_eq!(binding(&connected), binding(&accepted));
        Ok(())
    });
}

#[test]
fn a_client_that_is_refused_gets_its_alert_after_an_authority_with_a_hello_in_two_pieces() {
    in_a_world(async || {
        let (_, challenge) = challenge("www.test");
        let builder = server_builder().identity(identity(&issue(&["www.test"]))).identity(challenge);
        let server = listen(builder.unknown_name(lem_ssl_rs::UnknownName::Refuse)).await?;
        drop(asked_twice().connect_as("server.test:443", "www.test").await?);
        let relay = Listener::bind("server.test:8443").await?;
        let cutting = spawn(async move { cut_once(&relay, 100).await });
        drop(validating(&["acme-tls/1"]).build()?.connect_as("server.test:8443", "www.test").await);
        cutting.await??;
        let error = client_context().connect_as("server.test:443", "other.test").await.unwrap_err();
        assert!(matches!(TlsError::of(&error), Some(TlsError::Alert { .. })), "{error:?}");
        server.close()
    });
}
