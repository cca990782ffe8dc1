//! The tunnel with certificates of an authority's, and what it tells monitoring of them.

use lem_ssl_rs::{Context, Identity, Listener, ReadMode, TcpStream, TlsError};
use lem_ssl_tests::pki::Leaf;

use crate::support::{Authority, Step, Trouble, World, folder, run, signal, start, until};

async fn metrics(address: &str) -> String {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.write("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    String::from_utf8(stream.read(ReadMode::All).await.unwrap()).unwrap()
}

#[track_caller]
fn has(metrics: &str, samples: &[&str]) {
    for sample in samples {
        assert!(metrics.contains(&format!("\nlem_ssl_tunnel_{sample}")), "{sample}: {metrics}");
    }
}

#[test]
fn a_tunnel_gets_its_certificate_and_the_authority_never_reaches_the_back_end() {
    let world = World::new();
    run(async {
        let authority = Authority::start(&world).await;
        authority.fails(Step::NewOrder, Trouble::Problem("400 Bad Request", "malformed", "not like this", ""));
        let back_end = Listener::bind("127.0.0.1:0").await.unwrap();
        let route = format!("a.test=127.0.0.1:{}", back_end.local_addr().ip().unwrap().port());
        let (directory, state) = (authority.directory(), folder(&world));
        let arguments = ["tunnel", "--listen", "127.0.0.1:0", "--tls-in", "--route", &route, "--acme", "a.test"];
        let further = ["--acme-state", &state, "--acme-directory", &directory, "--acme-ca", &world.ca];
        let clients = ["--client-ca", &world.ca, "--metrics", "127.0.0.1:0"];
        let (running, lines) = start(&[&arguments[..], &further, &clients].concat(), 2);
        let address = lines[0].strip_prefix("listening on ").unwrap();
        let monitoring = lines[1].strip_prefix("metrics on ").unwrap();
        authority.validates_at(address.parse().unwrap());
        until(|| running.stderr().contains("no new certificate for a.test")).await;
        let said = metrics(monitoring).await;
        has(&said, &["acme_attempts_total{name=\"a.test\"} 1", "acme_certificates_total{name=\"a.test\"} 0"]);
        has(&said, &["acme_failures_total{name=\"a.test\",reason=\"refused\"} 1"]);
        has(&said, &["acme_failures_total{name=\"a.test\",reason=\"failed\"} 0"]);
        has(&said, &["acme_next_attempt_timestamp_seconds{name=\"a.test\"} 1"]);
        assert!(!said.contains("acme_certificate_not_after_timestamp_seconds{"), "there is none: {said}");

        signal(running.id(), "HUP");
        until(|| running.stderr().contains("a new certificate for a.test is in place")).await;
        let said = metrics(monitoring).await;
        has(&said, &["acme_attempts_total{name=\"a.test\"} 2", "acme_certificates_total{name=\"a.test\"} 1"]);
        has(&said, &["acme_certificate_not_after_timestamp_seconds{name=\"a.test\"} 1", "validations_total 1"]);
        // The authority is no client, and has no certificate as clients need one.
        has(&said, &["connections_accepted_total 0"]);

        let files = world.issue("client", Leaf::client(&["me"]));
        let identity = Identity::from_pem_files(&files.chain, &files.key).unwrap();
        let context = Context::builder().roots(authority.roots()).identity(identity).build().unwrap();
        let client = context.connect_as(address, "a.test").await.unwrap();
        client.write("hello").await.unwrap();
        let carried = back_end.accept().await.unwrap();
        assert_eq!(carried.read(5).await.unwrap(), b"hello", "the first that comes is the client");
        // With routes and no --connect, a name that is not ours is refused.
        let error = context.connect_as(address, "b.test").await.unwrap_err();
        assert!(matches!(TlsError::of(&error), Some(TlsError::Alert { .. })), "{error}");
    });
}
