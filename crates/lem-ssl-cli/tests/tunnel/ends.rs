//! How the ends of one side come to the other.

use std::io::{Read, Write};

use lem_ssl_rs::lem_rs::transport::Transport;
use lem_ssl_rs::{CloseCause, Cut, EndOfStream, Error, ReadMode};

use crate::support::{BackEnd, Tunnel, World, run};

/// A tunnel from TLS to TLS.
fn both(world: &World, back_end: &BackEnd) -> Tunnel {
    let files = world.good();
    let arguments = ["--tls-in", "--tls-out", "--out-ca", &world.ca, "--connect", &back_end.address()];
    Tunnel::start(&[&arguments[..], &files.arguments()].concat())
}

/// One from TLS to plain text.
fn outward(world: &World, back_end: &BackEnd) -> Tunnel {
    let files = world.good();
    Tunnel::start(&[&["--tls-in", "--connect", &back_end.address()][..], &files.arguments()].concat())
}

/// One from plain text to TLS.
fn inward(world: &World, back_end: &BackEnd) -> Tunnel {
    Tunnel::start(&["--tls-out", "--out-ca", &world.ca, "--connect", &back_end.address()])
}

#[test]
fn a_clients_half_close_is_passed_on_and_the_answer_still_comes() {
    let world = World::new();
    run(async {
        let back_end = BackEnd::tls(&world.good()).await;
        for tls_in in [false, true] {
            let tunnel = if tls_in { both(&world, &back_end) } else { inward(&world, &back_end) };
            if tls_in {
                let client = tunnel.tls(&world).await;
                client.write("question").await.unwrap();
                client.close_write().unwrap();
                answer(&back_end).await;
                assert_eq!(client.read(ReadMode::All).await.unwrap(), b"answer");
            } else {
                let client = tunnel.plain().await;
                client.write("question").await.unwrap();
                client.close_write().unwrap();
                answer(&back_end).await;
                assert_eq!(client.read(ReadMode::All).await.unwrap(), b"answer");
            }
            tunnel.says("finished; 8 bytes up, 6 bytes down").await;
        }
    });
}

/// Answers after the end of the question only.
async fn answer(back_end: &BackEnd) {
    let server = back_end.accept_tls().await;
    assert_eq!(server.read(ReadMode::All).await.unwrap(), b"question");
    server.write("answer").await.unwrap();
    server.shutdown().await.unwrap();
}

#[test]
fn a_back_ends_half_close_is_passed_on_and_the_client_may_go_on() {
    let world = World::new();
    run(async {
        let back_end = BackEnd::plain().await;
        let tunnel = outward(&world, &back_end);
        let client = tunnel.tls(&world).await;
        let server = back_end.accept_plain().await;
        server.write("greeting").await.unwrap();
        server.close_write().unwrap();
        assert_eq!(client.read(ReadMode::All).await.unwrap(), b"greeting");
        // Only after the other direction has ended.
        client.write("and more").await.unwrap();
        assert_eq!(server.read(8).await.unwrap(), b"and more");
        client.shutdown().await.unwrap();
        assert!(matches!(server.read(1).await, Err(Error::Closed)));
        tunnel.says("finished; 8 bytes up, 8 bytes down").await;
    });
}

#[test]
fn a_client_that_was_cut_is_a_reset_for_a_back_end_in_plain_text() {
    let world = World::new();
    run(async {
        let back_end = BackEnd::plain().await;
        let tunnel = outward(&world, &back_end);
        let client = tunnel.tls(&world).await;
        client.write("half of").await.unwrap();
        let server = back_end.accept_plain().await;
        assert_eq!(server.read(7).await.unwrap(), b"half of");
        // No close_notify; a reset, if it had not read what TLS 1.3 sends beside the content.
        client.abort();
        assert!(matches!(server.read(ReadMode::Available).await, Err(Error::Truncated(Cut::Reset))));
        tunnel.says("cut, by the client (truncated: ").await;
    });
}

#[test]
fn a_client_that_was_cut_is_cut_for_a_back_end_with_tls() {
    let world = World::new();
    run(async {
        let back_end = BackEnd::tls(&world.good()).await;
        let tunnel = both(&world, &back_end);
        let client = tunnel.tls(&world).await;
        client.write("half of").await.unwrap();
        let server = back_end.accept_tls().await;
        assert_eq!(server.read(7).await.unwrap(), b"half of");
        client.abort();
        assert!(matches!(server.read(ReadMode::All).await, Err(Error::Truncated(_))));

        let tunnel = inward(&world, &back_end);
        let client = tunnel.plain().await;
        client.write("half of").await.unwrap();
        let server = back_end.accept_tls().await;
        assert_eq!(server.read(7).await.unwrap(), b"half of");
        client.with_transport(|plain| plain.source().reset_when_closed().unwrap());
        client.abort();
        assert!(matches!(server.read(ReadMode::All).await, Err(Error::Truncated(_))));
    });
}

#[test]
fn a_back_end_that_was_cut_is_cut_for_the_client() {
    let world = World::new();
    run(async {
        let back_end = BackEnd::tls(&world.good()).await;
        let tunnel = both(&world, &back_end);
        let client = tunnel.tls(&world).await;
        let server = back_end.accept_tls().await;
        server.write("half of").await.unwrap();
        assert_eq!(client.read(7).await.unwrap(), b"half of");
        server.abort();
        assert!(matches!(client.read(ReadMode::All).await, Err(Error::Truncated(_))));
        assert!(matches!(client.close_cause(), Some(CloseCause::Peer(EndOfStream::Cut(_)))));
        tunnel.says("cut, by the back end (truncated").await;

        let tunnel = inward(&world, &back_end);
        let client = tunnel.plain().await;
        let server = back_end.accept_tls().await;
        server.write("half of").await.unwrap();
        assert_eq!(client.read(7).await.unwrap(), b"half of");
        server.abort();
        assert!(matches!(client.read(1).await, Err(Error::Truncated(Cut::Reset))));
    });
}

#[test]
fn a_back_end_that_has_heard_enough_may_still_finish_its_answer() {
    let world = World::new();
    run(async {
        let back_end = BackEnd::tls(&world.good()).await;
        let tunnel = inward(&world, &back_end);
        let client = tunnel.plain().await;
        let (reader, writer) = client.split();
        let sending = lem_ssl_rs::spawn(async move {
            // Until it is told that nobody listens any more.
            while writer.write(&[b'x'; 64 * 1024]).await.is_ok() {}
        });
        let server = back_end.accept_tls().await;
        server.read(1).await.unwrap();
        server.write("too large").await.unwrap();
        // Says goodbye, and throws away what still comes until its patience is over.
        server.close().unwrap();
        assert_eq!(reader.read(9).await.unwrap(), b"too large");
        assert!(reader.read(1).await.is_err());
        drop(reader);
        sending.await.unwrap();
        tunnel.says("localhost").await;
    });
}

#[test]
fn a_connection_on_which_nothing_moves_is_cut() {
    let world = World::new();
    run(async {
        let back_end = BackEnd::plain().await;
        let files = world.good();
        let arguments = ["--tls-in", "--idle-timeout", "0.2", "--connect", &back_end.address()];
        let tunnel = Tunnel::start(&[&arguments[..], &files.arguments()].concat());
        let client = tunnel.tls(&world).await;
        let server = back_end.accept_plain().await;
        assert!(matches!(client.read(1).await, Err(Error::Truncated(_))));
        assert!(matches!(server.read(1).await, Err(Error::Truncated(Cut::Reset))));
        tunnel.says("nothing moved for too long").await;
    });
}

#[test]
fn who_does_not_read_slows_down_who_writes() {
    let world = World::new();
    let back_end = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let files = world.good();
    let address = back_end.local_addr().unwrap().to_string();
    let tunnel = Tunnel::start(&[&["--tls-in", "--connect", &address][..], &files.arguments()].concat());
    run(async {
        let client = tunnel.tls(&world).await;
        let (mut server, _) = lem_ssl_rs::unblock(move || back_end.accept()).await.unwrap().unwrap();
        let (reader, writer) = client.split();
        let chunk = vec![b'x'; 256 * 1024];
        let mut sent = 0_u64;
        // Whatever the kernels take, it comes to an end. A write that took longer than a second waits for a reader.
        while lem_ssl_rs::timeout(std::time::Duration::from_secs(1), writer.write(&chunk)).await.is_ok() {
            sent += chunk.len() as u64;
            assert!(sent < 256 << 20, "the tunnel stores everything");
        }
        let before = writer.bytes_written();
        // What was accepted arrives, in order, when somebody reads.
        let read = lem_ssl_rs::unblock(move || {
            let mut read = 0;
            let mut buffer = vec![0; 64 * 1024];
            while read < before {
                match server.read(&mut buffer).unwrap() {
                    0 => panic!("it ends after {read} of {before} bytes"),
                    count => read += count as u64,
                }
            }
            server.write_all(b"thanks").unwrap();
            (read, server)
        });
        let (read, _server) = read.await.unwrap();
        assert!(read >= before);
        assert_eq!(reader.read(6).await.unwrap(), b"thanks");
    });
}

#[test]
fn a_client_that_resets_before_it_is_carried_is_named_in_the_log() {
    let world = World::new();
    run(async {
        let back_end = BackEnd::plain().await;
        let (files, address) = (world.good(), back_end.address());
        let arguments = ["--tls-in", "--max-connections", "1", "--connect", &address];
        let tunnel = Tunnel::start(&[&arguments[..], &files.arguments()].concat());
        // While it holds the only place, others finish their handshake and wait.
        let first = (tunnel.tls(&world).await, back_end.accept_plain().await);
        let second = tunnel.tls(&world).await;
        let named = format!("#2 {} to ", second.local_addr().unwrap());
        second.with_transport(|tls| tls.source().reset_when_closed().unwrap());
        second.abort();
        drop(first);
        tunnel.says(&named).await;
    });
}
