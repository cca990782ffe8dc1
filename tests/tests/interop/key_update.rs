//! OpenSSL changes its keys in the middle of a connection (RFC 8446 section 4.6.3): `K` asks us to change ours too, `k`
//! does not.

use lem_ssl_rs::{ReadMode, Stream, Version, spawn};

use crate::support::certificates::Certificates;
use crate::support::openssl::{s_client, s_server};
use crate::support::program::Program;
use crate::support::{client, listen, pattern, run, text};

#[test]
fn a_client_of_ours_that_only_reads_answers_openssl_s_new_keys() {
    let certificates = Certificates::new();
    let (mut server, port) = s_server(&certificates.server, &["-msg"]);
    run(async {
        let stream = client(&certificates.roots_pem, Version::Tls13).connect(("localhost", port)).await.unwrap();
        server.says("CIPHER is ").await;
        only_reads(&stream, &mut server, SERVER_CHANGED).await;
    });
}

#[test]
fn a_server_of_ours_that_only_reads_answers_openssl_s_new_keys() {
    let certificates = Certificates::new();
    run(async {
        let (server, port) = listen(&certificates.server, Version::Tls13).await;
        let mut peer = s_client(port, &certificates.roots_file, &["-msg"]);
        let stream = server.accept().await.unwrap();
        // Its commands work only when its handshake is over.
        peer.says("Verify return code: 0 (ok)").await;
        only_reads(&stream, &mut peer, CLIENT_CHANGED).await;
    });
}

#[test]
fn a_client_of_ours_that_only_writes_is_understood_after_openssl_s_new_keys() {
    let certificates = Certificates::new();
    for command in ["K\n", "k\n"] {
        let (mut server, port) = s_server(&certificates.server, &["-msg"]);
        run(async {
            let stream = client(&certificates.roots_pem, Version::Tls13).connect(("localhost", port)).await.unwrap();
            server.says("CIPHER is ").await;
            only_writes(&stream, &mut server, command, SERVER_CHANGED).await;
        });
    }
}

#[test]
fn a_server_of_ours_that_only_writes_is_understood_after_openssl_s_new_keys() {
    let certificates = Certificates::new();
    for command in ["K\n", "k\n"] {
        run(async {
            let (server, port) = listen(&certificates.server, Version::Tls13).await;
            let mut peer = s_client(port, &certificates.roots_file, &[] as &[&str]);
            let stream = server.accept().await.unwrap();
            only_writes(&stream, &mut peer, command, CLIENT_CHANGED).await;
        });
    }
}

#[test]
fn new_keys_in_the_middle_of_a_long_write_lose_nothing() {
    let certificates = Certificates::new();
    let content: Vec<u8> = pattern(4 * 1024 * 1024, 7).iter().map(|byte| b'a' + byte % 26).collect();
    run(async {
        let (server, port) = listen(&certificates.server, Version::Tls13).await;
        let mut peer = s_client(port, &certificates.roots_file, &[] as &[&str]);
        let (reader, writer) = server.accept().await.unwrap().split();
        let expected = content.clone();
        // One reads all the time, so the requests are met between two records of the write.
        let reading = spawn(async move { reader.read(ReadMode::Line).await.map(|line| (line, reader)) });
        let writing = spawn(async move {
            for part in content.chunks(content.len() / 64) {
                writer.write(part).await?;
            }
            writer.write("\nall written\n").await.map(|()| writer)
        });
        for times in 1..=3 {
            peer.tell("K\n");
            peer.says_times(times, CLIENT_CHANGED).await;
        }
        peer.says("all written").await;
        peer.tell("done\n");
        let (line, reader) = reading.await.unwrap().unwrap();
        assert_eq!(text(line), "done\n");
        assert!(peer.said().as_bytes().windows(expected.len()).any(|part| part == expected), "all of it was shown");
        writing.await.unwrap().unwrap().shutdown().await.unwrap();
        assert_eq!(reader.read(ReadMode::Available).await.unwrap_err().to_string(), "closed");
        peer.succeeds().await;
    });
}

/// The peer asks for new keys while a task of ours does nothing but read: the answer goes out by itself, what comes
/// next is understood, and what we write at last is too.
async fn only_reads(stream: &Stream, peer: &mut Program, acknowledged: &str) {
    peer.tell("K\n");
    peer.says(acknowledged).await;
    peer.tell("after the first change\n");
    assert_eq!(text(stream.read(ReadMode::Line).await.unwrap()), "after the first change\n");
    // With -msg it shows what it received: that is our answer, and nothing else of ours has been sent.
    peer.says("<<< TLS 1.3, Handshake [length 0005], KeyUpdate").await;
    peer.tell("k\n");
    peer.says_times(2, acknowledged).await;
    peer.tell("after the second\n");
    assert_eq!(text(stream.read(ReadMode::Line).await.unwrap()), "after the second\n");
    stream.write("and ours\n").await.unwrap();
    peer.says("and ours").await;
}

/// The peer changes its keys while we only write: what we write is shown, and what it had written meanwhile is
/// understood when we read at last.
async fn only_writes(stream: &Stream, peer: &mut Program, command: &str, acknowledged: &str) {
    stream.write("before the change\n").await.unwrap();
    peer.says("before the change").await;
    peer.tell(command);
    peer.says(acknowledged).await;
    peer.tell("from the peer\n");
    for number in 0..100 {
        stream.write(&format!("line {number}\n")).await.unwrap();
    }
    peer.says("line 99").await;
    assert_eq!(text(stream.read(ReadMode::Line).await.unwrap()), "from the peer\n");
    stream.write("after its change was read\n").await.unwrap();
    peer.says("after its change was read").await;
}

/// How `s_client` says that it has taken the command; the message goes out with what it sends next. It takes all that
/// it has read at once for the command, so nothing may be typed before that.
const CLIENT_CHANGED: &str = "KEYUPDATE";

/// How `s_server` with `-msg` says that it has sent the message. What it says itself stays in its buffer.
const SERVER_CHANGED: &str = ">>> TLS 1.3, Handshake [length 0005], KeyUpdate";
