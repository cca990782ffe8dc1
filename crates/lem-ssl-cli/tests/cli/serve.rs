//! `lem-ssl serve` as a service: signals, reloads, limits.

use std::collections::BTreeSet;
use std::io::Read;

use lem_ssl_rs::Error;
use lem_ssl_tests::pki::Leaf;

use crate::support::{Client, Running, Server, World, lem_ssl, signal};

const GET: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[test]
fn a_server_that_is_asked_to_end_lets_go_of_idle_clients_and_ends_well() {
    let world = World::new();
    for signal in ["TERM", "INT"] {
        let server = Server::start(&[&["--http"][..], &world.good().arguments()].concat());
        let address = server.address.clone();
        Client::with(&world, &address, async |client| {
            client.send(GET).await;
            assert_eq!(client.answer(false).await.unwrap().status, 200);
            server.signal(signal);
            assert!(matches!(client.end().await, Error::Closed));
        });
        let finished = server.running.finish().expect(0);
        assert!(finished.stderr.contains("all clients have finished"), "{}", finished.stderr);
    }
}

#[test]
fn a_client_that_does_not_end_is_closed_after_the_drain_and_hears_a_goodbye() {
    let world = World::new();
    let server = Server::start(&[&["--echo", "--drain", "0.2"][..], &world.good().arguments()].concat());
    let address = server.address.clone();
    Client::with(&world, &address, async |client| {
        client.send("hello").await;
        server.running.wait_for("connected");
        server.signal("TERM");
        client.expect("hello").await;
        assert!(matches!(client.end().await, Error::Closed));
    });
    let finished = server.running.finish().expect(0);
    assert!(finished.stderr.contains("closed 1 connection"), "{}", finished.stderr);
}

#[test]
fn a_second_signal_ends_it_on_the_spot() {
    let world = World::new();
    let mut server = Server::start(&[&["--echo", "--drain", "1000"][..], &world.good().arguments()].concat());
    let mut client = Running::start(["connect", &server.address, "--ca", &world.ca]);
    let stdin = client.stdin();
    client.wait_for("verified");
    server.running.wait_for("connected");
    server.signal("INT");
    server.running.wait_for("no more clients");
    server.running.insist("INT");
    server.running.finish().expect(130);
    client.finish().expect(10);
    drop(stdin);
}

#[test]
fn a_hangup_brings_the_new_certificate_and_a_bad_one_leaves_the_old() {
    let world = World::new();
    let files = world.issue("live", Leaf::server(&["localhost", "first.example"]));
    let server = Server::start(&[&["--http"][..], &files.arguments()].concat());
    let names = || {
        let report = lem_ssl(["check", "--json", "--ca", &world.ca, &server.by_name()], b"").expect(0);
        let report: serde_json::Value = serde_json::from_str(&report.text()).unwrap();
        report["certificates"][0]["names"][1].as_str().unwrap().to_owned()
    };
    assert_eq!(names(), "first.example");
    world.issue("live", Leaf::server(&["localhost", "second.example"]));
    server.signal("HUP");
    server.running.wait_for("reloaded; new connections");
    assert_eq!(names(), "second.example");
    std::fs::write(&files.key, "nonsense").unwrap();
    server.signal("HUP");
    server.running.wait_for("the old set stays in place");
    assert_eq!(names(), "second.example");
}

/// A named pipe that nobody writes to.
fn pipe_in_place_of(file: &str) {
    std::fs::remove_file(file).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(file).status().unwrap().success());
}

#[test]
fn a_file_that_blocks_keeps_a_server_neither_from_reloading_anew_nor_from_ending() {
    let world = World::new();
    let files = world.issue("live", Leaf::server(&["localhost", "first.example"]));
    let server = Server::start(&[&["--http"][..], &files.arguments()].concat());
    pipe_in_place_of(&files.key);
    server.signal("HUP");
    server.signal("HUP");
    // Served as before.
    lem_ssl(["check", "--ca", &world.ca, &server.by_name()], b"").expect(0);
    std::fs::remove_file(&files.key).unwrap();
    world.issue("live", Leaf::server(&["localhost", "second.example"]));
    server.signal("HUP");
    server.running.wait_for("reloaded; new connections");
    let report = lem_ssl(["check", "--json", "--ca", &world.ca, &server.by_name()], b"").expect(0);
    assert!(report.text().contains("second.example"));
    pipe_in_place_of(&files.key);
    server.signal("HUP");
    server.signal("TERM");
    server.running.finish().expect(0);
}

#[test]
fn clients_beyond_the_limit_wait_for_their_turn() {
    let world = World::new();
    let server = Server::start(&[&["--http", "--max-connections", "1"][..], &world.good().arguments()].concat());
    let address = server.address.clone();
    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".to_vec();
    let second = Client::with(&world, &address, async |first| {
        first.send(GET).await;
        assert_eq!(first.answer(false).await.unwrap().status, 200);
        let mut second = Running::start(["connect", &address, "--ca", &world.ca]);
        let mut stdin = second.stdin();
        std::io::Write::write_all(&mut stdin, &request).unwrap();
        drop(stdin);
        // It is connected, and not served: the log would say so.
        second.wait_for("verified");
        first.send(GET).await;
        assert_eq!(first.answer(false).await.unwrap().status, 200);
        // The log is written beside the answers.
        server.running.wait_for("\"GET");
        let log = server.running.stderr();
        let served: BTreeSet<_> =
            log.lines().filter_map(|line| line.split_once(": \"GET")?.0.rsplit(' ').next()).collect();
        assert_eq!(served.len(), 1, "{log}");
        second
    });
    assert!(second.finish().expect(0).text().starts_with("HTTP/1.1 200 OK"));
}

#[test]
fn identities_are_chosen_by_the_name_that_is_asked_for() {
    let world = World::new();
    let one = world.issue("one", Leaf::server(&["one.example"]));
    let two = world.issue("two", Leaf::server(&["two.example"]));
    let server = Server::start(&[&["--echo"][..], &one.arguments(), &two.arguments()].concat());
    for name in ["one.example", "two.example"] {
        let arguments = ["connect", &server.address, "--ca", &world.ca, "--server-name", name];
        let finished = lem_ssl(arguments, b"").expect(0);
        assert!(finished.stderr.contains(&format!("CN={name}")), "{}", finished.stderr);
    }
}

#[test]
fn it_serves_a_unix_socket_and_a_made_up_certificate() {
    let world = World::new();
    let path = world.scratch.path().join("socket");
    let listen = format!("unix:{}", path.display());
    let mut server = Running::start(["serve", "--listen", &listen, "--self-signed", "localhost", "--echo", "--quiet"]);
    let mut line = vec![0; "listening on ".len()];
    server.stdout().read_exact(&mut line).unwrap();
    let arguments = ["connect", &listen, "--server-name", "localhost", "--danger-accept-any-certificate"];
    assert_eq!(lem_ssl(arguments, b"hello").expect(0).text(), "hello");
    lem_ssl(["connect", &listen, "--server-name", "localhost"], b"hello").expect(8);
    assert!(path.exists());
    signal(server.id(), "TERM");
    server.finish().expect(0);
    assert!(!path.exists(), "the socket would be in the way of the next server");
}
