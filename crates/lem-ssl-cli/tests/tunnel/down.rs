//! Back ends that are not there, or not who they should be.

use std::io::ErrorKind;

use lem_ssl_rs::{Cut, Error, TcpStream, spawn};
use lem_ssl_tests::pki::Leaf;

use crate::support::{BackEnd, Tunnel, World, echo, run, talk};

/// A client that says something is reset, if it was let in at all.
async fn reset(tunnel: &Tunnel) {
    let client = match TcpStream::connect(tunnel.address.as_str()).await {
        Ok(client) => client,
        Err(Error::Connect(error)) if error.kind() == ErrorKind::ConnectionReset => return,
        Err(error) => panic!("{error}"),
    };
    // It may be reset before that.
    let _ = client.write("a secret").await;
    let refused = client.read(1).await.unwrap_err();
    assert!(matches!(refused, Error::Truncated(Cut::Reset)), "{refused}");
}

#[test]
fn a_client_whose_back_end_is_down_is_cut_and_the_next_is_served_when_it_is_up() {
    let world = World::new();
    let files = world.good();
    // A port where nobody listens; it is ours as soon as it is wanted.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let tunnel = Tunnel::start(&[&["--tls-in", "--connect", &address.to_string()][..], &files.arguments()].concat());
    let plain = Tunnel::start(&["--plain", "--connect", &address.to_string()]);
    run(async {
        let client = tunnel.tls(&world).await;
        // No close_notify: it must not pass for an empty answer.
        let refused = client.read(1).await.unwrap_err();
        assert!(matches!(refused, Error::Truncated(_)), "{refused}");
        tunnel.says("cut, the back end cannot be reached (cannot connect to").await;
        reset(&plain).await;
        let up = lem_ssl_rs::Listener::bind(address.to_string()).await.unwrap();
        let client = spawn(talk(tunnel.tls(&world).await, b"hello"));
        echo(up.accept().await.unwrap()).await;
        client.await.unwrap();
    });
}

#[test]
fn a_back_end_that_cannot_be_verified_gets_nothing() {
    let world = World::new();
    run(async {
        for (name, leaf, word) in [
            ("elsewhere", Leaf::server(&["elsewhere.example"]), "not valid for the name localhost"),
            ("expired", Leaf::server(&["localhost"]).expired(), "expired on"),
        ] {
            let back_end = BackEnd::tls(&world.issue(name, leaf)).await;
            let tunnel = Tunnel::start(&["--tls-out", "--out-ca", &world.ca, "--connect", &back_end.address()]);
            reset(&tunnel).await;
            tunnel.says(word).await;
        }
    });
}

#[test]
fn a_back_end_that_says_nothing_has_its_time_and_no_more() {
    let world = World::new();
    run(async {
        let back_end = BackEnd::plain().await;
        let address = back_end.address();
        let arguments = ["--tls-out", "--out-ca", &world.ca, "--connect-timeout", "0.2", "--connect", &address];
        let tunnel = Tunnel::start(&arguments);
        reset(&tunnel).await;
        tunnel.says("handshake with localhost").await;
    });
}

#[test]
fn a_back_end_that_wants_a_certificate_is_told_with_the_option_that_gives_one() {
    let world = World::new();
    run(async {
        for version in [&[][..], &["--out-tls", "1.2"]] {
            let roots = world.roots();
            let back_end = BackEnd::tls_with(&world.good(), |builder| builder.client_roots(roots)).await;
            let address = back_end.address();
            let arguments = [&["--tls-out", "--out-ca", &world.ca, "--connect", &address][..], version].concat();
            let tunnel = Tunnel::start(&arguments);
            let refusing = spawn(async move {
                let BackEnd::Tls(server) = back_end else { return };
                let _ = server.accept().await;
            });
            reset(&tunnel).await;
            tunnel.says("give --out-cert and --out-key").await;
            assert!(!tunnel.running.stderr().contains("context"), "{}", tunnel.running.stderr());
            refusing.detach();
        }
    });
}
