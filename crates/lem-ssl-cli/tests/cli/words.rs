//! What the command says when something fails: in its own words, with the option that helps, and nothing of a library's.

use lem_ssl_tests::pki::Leaf;

use crate::support::{Server, World, lem_ssl};

/// What only makes sense to who writes programs.
const FOREIGN: &[&str] = &["context", "identity", "builder", "connect_as", "::", "Other(", "{ ", "the feature"];

/// Runs the command to its end with this code; what it says.
#[track_caller]
fn said(code: i32, arguments: &[&str]) -> String {
    let said = lem_ssl(arguments, b"").expect(code).stderr;
    for foreign in FOREIGN {
        assert!(!said.contains(foreign), "{foreign}: {said}");
    }
    said
}

#[test]
fn a_server_that_wants_a_certificate_is_answered_by_options() {
    let world = World::new();
    for version in [&[][..], &["--tls", "1.2"]] {
        let files = world.good();
        let server = Server::start(&[&["--http", "--client-ca", &world.ca][..], version, &files.arguments()].concat());
        let address = server.by_name();
        let words = said(5, &["connect", &address, "--ca", &world.ca]);
        assert!(words.contains("give --cert and --key"), "{words}");
        let url = format!("https://{address}/x");
        let words = said(5, &["get", &url, "-o", "-", "--ca", &world.ca]);
        assert!(words.contains("give --cert and --key"), "{words}");
    }
}

#[test]
fn a_server_that_is_not_trusted_is_answered_by_an_option() {
    let world = World::new();
    let server = Server::start(&["--echo", "--self-signed", "localhost"]);
    let words = said(8, &["connect", &server.by_name()]);
    assert!(words.contains("--ca FILE"), "{words}");
    let server = Server::start(&[&["--echo"][..], &world.good().arguments()].concat());
    let words = said(8, &["connect", &server.by_name()]);
    assert!(words.contains("--ca FILE says whom to trust"), "{words}");
    said(7, &["connect", &server.by_name(), "--ca", &world.ca, "--server-name", "other.example"]);
    let old = world.issue("old", Leaf::server(&["localhost"]).expired());
    let server = Server::start(&[&["--echo"][..], &old.arguments()].concat());
    said(6, &["connect", &server.by_name(), "--ca", &world.ca]);
}

#[test]
fn protocols_that_do_not_meet_are_answered_by_an_option() {
    let world = World::new();
    let server = Server::start(&[&["--echo", "--alpn", "one"][..], &world.good().arguments()].concat());
    let words = said(5, &["connect", &server.by_name(), "--ca", &world.ca, "--alpn", "other"]);
    assert!(words.ends_with("(--alpn)\n"), "{words}");
    server.running.wait_for("(--alpn)");
    said(2, &["connect", &server.by_name(), "--ca", &world.ca, "--alpn", ""]);
    let server = Server::start(&[&["--echo", "--tls", "1.3"][..], &world.good().arguments()].concat());
    said(5, &["connect", &server.by_name(), "--ca", &world.ca, "--tls", "1.2"]);
}

#[test]
fn a_peer_that_says_nothing_is_answered_by_an_option() {
    let world = World::new();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("localhost:{}", silent.local_addr().unwrap().port());
    let words = said(5, &["connect", &address, "--ca", &world.ca, "--timeout", "0.2"]);
    assert!(words.contains("(--timeout)"), "{words}");
}

#[test]
fn arguments_that_cannot_work_are_answered_by_an_option() {
    let world = World::new();
    let nonsense = world.scratch.write("nonsense.pem", "nonsense");
    let nonsense = nonsense.to_str().unwrap();
    let files = world.good();
    for (arguments, word) in [
        (&["connect", "localhost:1", "--server-name", "a b"][..], "--server-name"),
        (&["connect", "unix:/nowhere"], "--server-name"),
        (&["connect", "localhost:1", "--ca", nonsense], "nonsense.pem"),
        (&["connect", "localhost:1", "--cert", nonsense, "--key", &files.key], "nonsense.pem"),
        (&["connect", "localhost:1", "--cert", &files.chain, "--key", &files.chain], "no private key"),
        (&["serve", "--listen", "127.0.0.1:0", "--echo"], "--self-signed"),
        (
            &["serve", "--listen", "127.0.0.1:0", "--echo", "--self-signed", "a", "--client-ca", nonsense],
            "nonsense.pem",
        ),
        (&["tunnel", "--listen", "127.0.0.1:0", "--tls-in", "--connect", "localhost:1"], "--self-signed"),
        (&["tunnel", "--listen", "127.0.0.1:0", "--tls-out", "--connect", "unix:/x"], "--out-server-name"),
    ] {
        let words = said(2, arguments);
        assert!(words.contains(word), "{arguments:?}: {words}");
    }
}
