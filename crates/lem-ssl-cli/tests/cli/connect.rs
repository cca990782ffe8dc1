//! `lem-ssl connect`: bytes in, bytes out, and how it ends.

use std::io::{BufRead, BufReader, Read, Write};

use lem_ssl_rs::ReadMode;
use lem_ssl_tests::pki::Leaf;

use crate::support::{Peer, Running, Server, World, lem_ssl, signal};

fn echo(world: &World, further: &[&str]) -> Server {
    Server::start(&[&["--echo"][..], &world.good().arguments(), further].concat())
}

#[test]
fn everything_comes_back_and_the_end_of_input_is_a_half_close() {
    let world = World::new();
    let server = echo(&world, &[]);
    let data: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    for version in ["1.2", "1.3"] {
        let finished = lem_ssl(["connect", &server.address, "--ca", &world.ca, "--tls", version], &data).expect(0);
        assert!(finished.stdout == data, "{version}: {} bytes", finished.stdout.len());
        assert!(finished.stderr.contains(&format!("TLS {version}")), "{}", finished.stderr);
        assert!(finished.stderr.contains("verified for 127.0.0.1"), "{}", finished.stderr);
        assert!(finished.stderr.contains("CN=localhost"), "{}", finished.stderr);
    }
}

#[test]
fn quiet_means_not_a_word() {
    let world = World::new();
    let server = echo(&world, &[]);
    let finished = lem_ssl(["connect", &server.address, "--ca", &world.ca, "-q"], b"hello").expect(0);
    assert_eq!((finished.text().as_str(), finished.stderr.as_str()), ("hello", ""));
}

#[test]
fn a_server_that_is_not_who_it_should_be_gets_no_byte() {
    let world = World::new();
    let server = echo(&world, &[]);
    let address = server.by_name();
    let refused = |further: &[&str], code: i32, says: &str| {
        let finished = lem_ssl([&["connect", &address][..], further].concat(), b"secret").expect(code);
        assert_eq!(finished.text(), "");
        assert!(finished.stderr.starts_with("lem-ssl: ") && finished.stderr.contains(says), "{}", finished.stderr);
        assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.stderr);
    };
    refused(&[], 8, "not among the trusted roots");
    refused(&["--ca", &world.ca, "--server-name", "other.example"], 7, "localhost");
    // Asked for it by a name that cannot be overlooked, it goes on, and says so.
    let finished = lem_ssl(["connect", &address, "--danger-accept-any-certificate"], b"hello").expect(0);
    assert_eq!(finished.text(), "hello");
    assert!(finished.stderr.contains("NOT VERIFIED"), "{}", finished.stderr);
}

#[test]
fn the_servers_answer_is_read_to_its_end_after_ours() {
    let world = World::new();
    let peer = Peer::new(&world, async |plain, context| {
        let stream = context.upgrade_server(plain).await.unwrap();
        assert_eq!(stream.read(ReadMode::All).await.unwrap(), b"question");
        stream.write(&vec![b'a'; 1_000_000]).await.unwrap();
        stream.shutdown().await.unwrap();
    });
    let address = format!("127.0.0.1:{}", peer.port);
    let finished = lem_ssl(["connect", &address, "--ca", &world.ca], b"question").expect(0);
    assert_eq!(finished.stdout.len(), 1_000_000);
    peer.join();
}

#[test]
fn a_cut_is_10_and_what_came_before_it_is_printed() {
    let world = World::new();
    let peer = Peer::new(&world, async |plain, context| {
        let stream = context.upgrade_server(plain).await.unwrap();
        stream.write("half an ans").await.unwrap();
        // Until the client has read that; then without a goodbye.
        stream.read(2).await.unwrap();
        stream.abort();
    });
    let address = format!("127.0.0.1:{}", peer.port);
    let mut running = Running::start(["connect", &address, "--ca", &world.ca, "--quiet"]);
    let mut stdin = running.stdin();
    let mut answer = [0; 11];
    let mut stdout = running.stdout();
    stdout.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"half an ans");
    stdin.write_all(b"ok").unwrap();
    let finished = running.finish().expect(10);
    assert!(finished.stderr.starts_with("lem-ssl: truncated"), "{}", finished.stderr);
    peer.join();
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let world = World::new();
    let peer = Peer::new(&world, async |plain, context| {
        let stream = context.upgrade_server(plain).await.unwrap();
        let line = b"y\n".repeat(10_000);
        // Until the client has gone.
        while stream.write(&line).await.is_ok() {}
    });
    let address = format!("127.0.0.1:{}", peer.port);
    let mut running = Running::start(["connect", &address, "--ca", &world.ca, "--quiet"]);
    let stdin = running.stdin();
    let mut stdout = BufReader::new(running.stdout());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "y\n");
    drop(stdout);
    let finished = running.finish().expect(0);
    assert_eq!(finished.stderr, "");
    drop(stdin);
    peer.join();
}

#[test]
fn ctrl_c_says_goodbye_and_ends_with_130_and_sigterm_with_143() {
    let world = World::new();
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let peer = Peer::new(&world, async |plain, context| {
            let stream = context.upgrade_server(plain).await.unwrap();
            let hello = stream.read(5).await.unwrap();
            stream.write(&hello).await.unwrap();
            // A clean end: the goodbye came.
            assert_eq!(stream.read(ReadMode::All).await.unwrap(), b"");
        });
        let address = format!("127.0.0.1:{}", peer.port);
        let mut running = Running::start(["connect", &address, "--ca", &world.ca]);
        let mut stdin = running.stdin();
        stdin.write_all(b"hello").unwrap();
        let mut stdout = running.stdout();
        stdout.read_exact(&mut [0; 5]).unwrap();
        signal(running.id(), name);
        let finished = running.finish().expect(code);
        assert!(!finished.stderr.contains("lem-ssl:"), "{}", finished.stderr);
        peer.join();
    }
}

#[test]
fn ctrl_c_ends_a_handshake_that_hangs() {
    let world = World::new();
    let (begun, begins) = std::sync::mpsc::channel();
    let peer = Peer::new(&world, async move |plain, _| {
        plain.read(5).await.unwrap();
        begun.send(()).unwrap();
        while plain.read(ReadMode::Available).await.is_ok() {}
    });
    let address = format!("127.0.0.1:{}", peer.port);
    let mut running = Running::start(["connect", &address, "--ca", &world.ca]);
    let stdin = running.stdin();
    begins.recv().unwrap();
    signal(running.id(), "INT");
    assert_eq!(running.finish().expect(130).stderr, "");
    drop(stdin);
    peer.join();
}

#[test]
fn a_handshake_that_hangs_ends_with_the_time_that_was_given() {
    let world = World::new();
    for subcommand in ["connect", "check"] {
        let peer = Peer::new(&world, async move |plain, _| while plain.read(ReadMode::Available).await.is_ok() {});
        let address = format!("127.0.0.1:{}", peer.port);
        let finished = lem_ssl([subcommand, &address, "--ca", &world.ca, "--timeout", "0.3"], b"").expect(5);
        let said = finished.text() + &finished.stderr;
        assert!(said.contains("handshake with 127.0.0.1"), "{said}");
        peer.join();
    }
}

#[test]
fn standard_output_that_takes_nothing_is_1() {
    let world = World::new();
    let server = echo(&world, &[]);
    let command = env!("CARGO_BIN_EXE_lem-ssl");
    let line = format!("echo hello | '{command}' connect {} --ca '{}' -q > /dev/full", server.address, world.ca);
    let finished = std::process::Command::new("sh").arg("-c").arg(line).output().unwrap();
    let said = String::from_utf8_lossy(&finished.stderr).into_owned();
    assert_eq!((finished.status.code(), said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.starts_with("lem-ssl: cannot write standard output"), "{said}");
}

#[test]
fn a_client_certificate_is_shown_and_one_that_is_missing_is_5() {
    let world = World::new();
    let server = echo(&world, &["--client-ca", &world.ca]);
    let client = world.issue("client", Leaf::client(&["me.example"]));
    for version in ["1.2", "1.3"] {
        let arguments = ["connect", &server.address, "--ca", &world.ca, "--tls", version];
        let finished = lem_ssl([&arguments[..], &client.arguments()].concat(), b"hello").expect(0);
        assert_eq!(finished.text(), "hello");
        let finished = lem_ssl(arguments, b"hello").expect(5);
        assert!(finished.stderr.contains("certificate"), "{}", finished.stderr);
    }
}

#[test]
fn lines_get_a_carriage_return_if_asked_for() {
    let world = World::new();
    let server = echo(&world, &[]);
    let finished = lem_ssl(["connect", &server.address, "--ca", &world.ca, "--crlf"], b"a\nb\r\n").expect(0);
    assert_eq!(finished.text(), "a\r\nb\r\n");
}

#[test]
fn a_protocol_that_both_speak_is_chosen_and_told() {
    let world = World::new();
    let server = echo(&world, &["--alpn", "chat/2,chat/1"]);
    let connect = |alpn: &str| lem_ssl(["connect", &server.address, "--ca", &world.ca, "--alpn", alpn], b"");
    let finished = connect("chat/1,other").expect(0);
    assert!(finished.stderr.contains("ALPN chat/1"), "{}", finished.stderr);
    connect("other").expect(5);
}

#[test]
fn input_that_is_kept_open_waits_for_the_peers_end() {
    let world = World::new();
    let peer = Peer::new(&world, async |plain, context| {
        let stream = context.upgrade_server(plain).await.unwrap();
        assert_eq!(stream.read(2).await.unwrap(), b"hi");
        stream.write("bye").await.unwrap();
        stream.close_write().unwrap();
        assert_eq!(stream.read(ReadMode::All).await.unwrap(), b"");
    });
    let address = format!("127.0.0.1:{}", peer.port);
    let finished = lem_ssl(["connect", &address, "--ca", &world.ca, "--keep-open"], b"hi").expect(0);
    assert_eq!(finished.text(), "bye");
    peer.join();
}
