//! Which back end a name leads to.

use lem_ssl_rs::{Error, ReadMode, spawn};
use lem_ssl_tests::pki::Leaf;

use crate::support::{BackEnd, Files, Tunnel, World, run};

/// A back end that says its name to everybody.
async fn named(name: &'static str) -> String {
    let back_end = BackEnd::plain().await;
    let address = back_end.address();
    spawn(async move {
        loop {
            let stream = back_end.accept_plain().await;
            stream.write(name).await.unwrap();
            drop(stream);
        }
    })
    .detach();
    address
}

/// A certificate for all the names of these tests.
fn certificate(world: &World) -> Files {
    world.issue("names", Leaf::server(&["a.example", "*.b.example", "c.example", "localhost"]))
}

async fn reached(tunnel: &Tunnel, world: &World, name: &str) -> Result<Vec<u8>, Error> {
    tunnel.tls_as(world, name).await?.read(ReadMode::All).await
}

#[test]
fn a_name_leads_to_its_back_end_and_every_other_to_the_default() {
    let world = World::new();
    run(async {
        let routes = [format!("a.example={}", named("a").await), format!("*.b.example={}", named("b").await)];
        let (default, files) = (named("default").await, certificate(&world));
        let arguments = ["--tls-in", "--route", &routes[0], "--route", &routes[1], "--connect", &default];
        let tunnel = Tunnel::start(&[&arguments[..], &files.arguments()].concat());
        for (name, back_end) in [
            ("a.example", "a"),
            ("x.b.example", "b"),
            ("y.b.example", "b"),
            ("c.example", "default"),
            ("localhost", "default"),
        ] {
            assert_eq!(reached(&tunnel, &world, name).await.unwrap(), back_end.as_bytes(), "{name}");
        }
    });
}

#[test]
fn without_a_default_an_unknown_name_is_refused() {
    let world = World::new();
    run(async {
        let route = format!("a.example={}", named("a").await);
        let files = certificate(&world);
        let tunnel = Tunnel::start(&[&["--tls-in", "--route", &route][..], &files.arguments()].concat());
        assert_eq!(reached(&tunnel, &world, "a.example").await.unwrap(), b"a");
        // There is a certificate, and no back end: no end that could pass for an empty answer.
        let refused = reached(&tunnel, &world, "c.example").await.unwrap_err();
        assert!(matches!(refused, Error::Truncated(_)), "{refused}");
        tunnel.says("to c.example: refused, no back end is for the name that it asks for").await;
        // There is not even a certificate: refused in the handshake.
        let refused = reached(&tunnel, &world, "d.example").await.unwrap_err();
        assert!(refused.to_string().contains("the peer refused the handshake"), "{refused}");
        // Nor for those that ask for no name.
        let refused = reached(&tunnel, &world, "127.0.0.1").await.unwrap_err();
        assert!(refused.to_string().contains("the peer refused the handshake"), "{refused}");
    });
}
