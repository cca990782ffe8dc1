//! Who may come in.

use lem_ssl_rs::{Context, Error, ReadMode, spawn};
use lem_ssl_tests::pki::Leaf;

use crate::support::{BackEnd, Tunnel, World, client_as, lem_ssl, run};

/// A back end that says its name to everybody.
async fn named(name: &'static str) -> String {
    let back_end = BackEnd::plain().await;
    let address = back_end.address();
    spawn(async move {
        loop {
            let stream = back_end.accept_plain().await;
            stream.write(name).await.unwrap();
            // Closed by the other side, too.
            spawn(async move { stream.shutdown().await }).detach();
        }
    })
    .detach();
    address
}

/// What this client is told by the back end, or why it is told nothing.
async fn ask(client: &Context, tunnel: &Tunnel, name: &str) -> Result<Vec<u8>, Error> {
    let stream = client.connect_as(tunnel.address.as_str(), name).await?;
    let told = stream.read(ReadMode::All).await?;
    stream.shutdown().await?;
    Ok(told)
}

/// It has got the alert that says why.
#[track_caller]
fn assert_denied(asked: Result<Vec<u8>, Error>) {
    let refused = asked.unwrap_err().to_string();
    assert!(refused.contains("access denied"), "{refused}");
}

fn fingerprint(der: &[u8]) -> String {
    lem_ssl_rs::Certificate::fingerprint(der).unwrap().map(|byte| format!("{byte:02X}")).join(":")
}

#[test]
fn a_client_on_any_of_the_lists_comes_in_and_every_other_is_told_that_it_may_not() {
    let world = World::new();
    run(async {
        let (address, files) = (named("inside").await, world.good());
        let (by_hash, issued) = client_as(&world, &["dora"]);
        let hash = fingerprint(issued.leaf_der());
        let lists = ["--allow-cn", "alice", "--allow-dns", "bob.example", "--allow-fingerprint", &hash];
        let uri = ["--allow-uri", "spiffe://td.example/ns/*/sa/web", "--client-ca", &world.ca];
        let arguments = [&["--tls-in", "--connect", &address][..], &lists, &uri, &files.arguments()].concat();
        let tunnel = Tunnel::start(&[&arguments[..], &["--metrics", "127.0.0.1:0"]].concat());
        for names in [&["alice"][..], &["x", "Bob.Example"], &["x", "spiffe://td.example/ns/a/sa/web"]] {
            let (client, _) = client_as(&world, names);
            assert_eq!(ask(&client, &tunnel, "localhost").await.unwrap(), b"inside", "{names:?}");
            // By a session that is resumed, too.
            assert_eq!(ask(&client, &tunnel, "localhost").await.unwrap(), b"inside", "{names:?}");
        }
        assert_eq!(ask(&by_hash, &tunnel, "localhost").await.unwrap(), b"inside");
        // The same name by another certificate.
        assert_denied(ask(&client_as(&world, &["dora"]).0, &tunnel, "localhost").await);
        for names in [
            &["mallory", "alice"][..],
            &["mallory", "mallory.bob.example"],
            &["mallory", "spiffe://td.example/ns/a/b/sa/web"],
            &["mallory", "spiffe://td.example/ns/a/sa/web", "spiffe://td.example/other"],
        ] {
            let (client, _) = client_as(&world, names);
            assert_denied(ask(&client, &tunnel, "localhost").await);
            assert_denied(ask(&client, &tunnel, "localhost").await);
        }
        tunnel
            .says("refused, no --allow list has this client (it has shown CN=mallory, for mallory, alice, finger")
            .await;
        let samples = crate::metrics::scrape(&tunnel).await;
        assert_eq!(samples["lem_ssl_tunnel_connections_ended_total{outcome=\"denied\"}"], 9.0);
        assert_eq!(samples["lem_ssl_tunnel_client_connections_total{client=\"CN=alice\"}"], 2.0);
        assert!(!samples.contains_key("lem_ssl_tunnel_client_connections_total{client=\"CN=mallory\"}"));
    });
}

#[test]
fn a_route_has_a_list_of_its_own_in_place_of_the_general_one() {
    let world = World::new();
    run(async {
        let files = world.issue("names", Leaf::server(&["a.example", "b.example", "localhost"]));
        let routes = [format!("a.example={}", named("a").await), format!("b.example={}", named("b").await)];
        let (default, authority) = (named("default").await, world.ca.as_str());
        let route = ["--route", &routes[0], "--route", &routes[1], "--connect", &default, "--client-ca", authority];
        let lists = ["--allow-cn", "alice", "--route-allow", "A.example=cn:bob", "--route-allow", "a.example=cn:eve"];
        let tunnel = Tunnel::start(&[&["--tls-in"][..], &route, &lists, &files.arguments()].concat());
        let (alice, bob) = (client_as(&world, &["alice"]).0, client_as(&world, &["bob"]).0);
        assert_eq!(ask(&bob, &tunnel, "a.example").await.unwrap(), b"a");
        assert_eq!(ask(&alice, &tunnel, "b.example").await.unwrap(), b"b");
        assert_eq!(ask(&alice, &tunnel, "localhost").await.unwrap(), b"default");
        assert_denied(ask(&alice, &tunnel, "a.example").await);
        assert_denied(ask(&bob, &tunnel, "b.example").await);
        assert_denied(ask(&bob, &tunnel, "localhost").await);
    });
}

#[test]
fn the_log_tells_who_a_client_is_in_words_and_as_json() {
    let world = World::new();
    run(async {
        let (address, files) = (named("inside").await, world.good());
        let arguments = ["--tls-in", "--connect", &address, "--client-ca", &world.ca];
        let arguments = [&arguments[..], &files.arguments()].concat();
        let plain = Tunnel::start(&arguments);
        let json = Tunnel::start(&[&arguments[..], &["--log-format", "json"]].concat());
        let (client, issued) = client_as(&world, &["alice", "spiffe://td.example/alice"]);
        for tunnel in [&plain, &json] {
            ask(&client, tunnel, "localhost").await.unwrap();
            tunnel.says("finished").await;
        }
        let said = plain.running.stderr();
        assert!(said.contains("; CN=alice, for alice, spiffe://td.example/alice\n"), "{said}");
        let line = json.running.stderr().lines().last().unwrap().to_owned();
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        for (key, value) in [
            ("level", "info"),
            ("sni", "localhost"),
            ("route", "default"),
            ("tls_version", "TLSv1.3"),
            ("subject", "CN=alice"),
            ("outcome", "finished"),
            ("fingerprint", &fingerprint(issued.leaf_der()).replace(':', "").to_lowercase()),
        ] {
            assert_eq!(line[key].as_str(), Some(value), "{line}");
        }
        assert_eq!((line["connection"].as_u64(), line["bytes_down"].as_u64()), (Some(1), Some(6)), "{line}");
        assert_eq!(line["names"].as_array().unwrap().len(), 2);
        assert!(line["time"].as_str().unwrap().ends_with('Z') && line["client"].as_str().is_some());
    });
}

#[test]
fn a_list_that_cannot_be_what_was_meant_is_refused_at_the_start() {
    let world = World::new();
    let files = world.good();
    let start = |further: &[&str]| {
        let arguments = ["tunnel", "--listen", "127.0.0.1:0", "--tls-in", "--connect", "localhost:1"];
        lem_ssl([&arguments[..], &files.arguments(), further].concat(), b"").expect(2).stderr
    };
    assert!(start(&["--allow-cn", "alice"]).contains("--client-ca"), "nobody verifies who is listed");
    let ca = ["--client-ca", &world.ca];
    for (further, word) in [
        (["--allow-uri", "spiffe://*/web"], "whole segment of the path"),
        (["--allow-fingerprint", "abc"], "64 hexadecimal digits"),
        (["--allow-cn", ""], "empty"),
        (["--route-allow", "a.example=cn:alice"], "and no --route"),
        (["--route-allow", "a.example=alice"], "cn:NAME"),
    ] {
        let said = start(&[&further[..], &ca].concat());
        assert!(said.contains(word), "{said}");
    }
}
