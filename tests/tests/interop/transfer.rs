//! Many megabytes in both directions at once.

use std::rc::Rc;

use lem_ssl_rs::{ReadHalf, ReadMode, Stream, spawn};

use crate::support::certificates::Certificates;
use crate::support::openssl::{s_client, s_server};
use crate::support::{VERSIONS, client, listen, pattern, python, run, sha256};

#[test]
fn megabytes_both_ways_at_once_reach_a_python_server_and_us() {
    let certificates = Certificates::new();
    let (ours, theirs) = (Rc::new(pattern(MUCH, 1)), pattern(MUCH, 2));
    let file = certificates.scratch.write("theirs", &theirs);
    let (server, port) = python::server("serve_duplex", &certificates.server, &[file.as_os_str()]);
    for (version, transfer) in VERSIONS.into_iter().zip(1..) {
        run(async {
            let stream = client(&certificates.roots_pem, version).connect(("localhost", port)).await.unwrap();
            assert!(exchange(stream, ours.clone(), MUCH).await == theirs, "what we read is what it sent");
            server.says(&format!("RECEIVED {transfer} {MUCH} {}", sha256(&ours))).await;
        });
    }
}

#[test]
fn megabytes_both_ways_at_once_reach_a_python_client_and_us() {
    let certificates = Certificates::new();
    let (ours, theirs) = (Rc::new(pattern(MUCH, 3)), pattern(MUCH, 4));
    let file = certificates.scratch.write("theirs", &theirs);
    for version in VERSIONS {
        run(async {
            let (server, port) = listen(&certificates.server, version).await;
            let peer = python::client("client_duplex", port, &certificates.roots_file, &[file.as_os_str()]);
            let stream = server.accept().await.unwrap();
            assert!(exchange(stream, ours.clone(), MUCH).await == theirs, "what we read is what it sent");
            assert!(peer.succeeds().await.contains(&format!("RECEIVED 1 {MUCH} {}", sha256(&ours))));
        });
    }
}

#[test]
fn megabytes_come_back_reversed_from_openssl_line_by_line() {
    // `-rev` answers each line with its letters in reverse order, and reads on only when that is sent: a client that
    // wrote everything before it read would be stuck for ever.
    let certificates = Certificates::new();
    let (_server, port) = s_server(&certificates.server, &["-rev"]);
    let lines: Vec<String> = (0..LINES).map(|number| format!("{number:0width$}", width = LINE_LEN)).collect();
    let (ours, theirs) = (lines.join("\n") + "\n", reversed(&lines));
    let ours = Rc::new(ours.into_bytes());
    for version in VERSIONS {
        run(async {
            let stream = client(&certificates.roots_pem, version).connect(("localhost", port)).await.unwrap();
            let (reader, writer) = stream.split();
            let content = ours.clone();
            let writing = spawn(async move { writer.write(&*content).await.map(|()| writer) });
            let received = reader.read(ReadMode::Exact(theirs.len())).await.unwrap();
            assert!(received == theirs, "what we read is what we sent, reversed");
            drop(writing.await.unwrap().unwrap());
        });
    }
}

#[test]
fn what_is_typed_into_an_openssl_client_arrives_whole_while_we_write() {
    let certificates = Certificates::new();
    let ours = Rc::new(pattern(SOME, 5).iter().map(|byte| b'a' + byte % 26).collect::<Vec<u8>>());
    let theirs = Rc::new(pattern(SOME, 6));
    for version in VERSIONS {
        run(async {
            let (server, port) = listen(&certificates.server, version).await;
            // Quiet, it shows nothing but what we write, and takes no letter for a command.
            let mut peer = s_client(port, &certificates.roots_file, &["-quiet"]);
            let stream = server.accept().await.unwrap();
            let mut input = peer.take_input();
            let content = theirs.to_vec();
            // A thread of its own: the pipe holds less than this, and openssl writes only as fast as we read.
            let typing = lem_ssl_rs::unblock(move || std::io::Write::write_all(&mut input, &content));
            let (reader, writer) = stream.split();
            let content = ours.clone();
            let writing = spawn(async move { writer.write(&*content).await.map(|()| writer) });
            let received = reader.read(SOME).await.unwrap();
            assert!(received == *theirs, "what we read is what was typed");
            typing.await.unwrap().unwrap();
            writing.await.unwrap().unwrap().shutdown().await.unwrap();
            assert_eq!(reader.read(ReadMode::Available).await.unwrap_err().to_string(), "closed");
            assert!(peer.succeeds().await.as_bytes().starts_with(&ours), "what it shows is what we wrote");
        });
    }
}

/// Sends everything and receives `len` bytes, both at once; then both ends say goodbye.
async fn exchange(stream: Stream, ours: Rc<Vec<u8>>, len: usize) -> Vec<u8> {
    let (reader, writer) = stream.split();
    let writing = spawn(async move {
        writer.write(&*ours).await?;
        writer.shutdown().await
    });
    let received = read_in_pieces(&reader, len).await;
    writing.await.unwrap().unwrap();
    assert_eq!(reader.read(ReadMode::Available).await.unwrap_err().to_string(), "closed");
    assert_eq!(reader.bytes_read(), len as u64);
    received
}

/// Half of it as it comes and half of it in one piece.
async fn read_in_pieces(reader: &ReadHalf, len: usize) -> Vec<u8> {
    let mut received = Vec::with_capacity(len);
    while received.len() < len / 2 {
        received.extend(reader.read(ReadMode::Available).await.unwrap());
    }
    received.extend(reader.read(len - received.len()).await.unwrap());
    received
}

fn reversed(lines: &[String]) -> Vec<u8> {
    lines.iter().flat_map(|line| line.bytes().rev().chain([b'\n']).collect::<Vec<u8>>()).collect()
}

const MUCH: usize = 16 * 1024 * 1024;
const SOME: usize = 2 * 1024 * 1024;
/// Of 8 MiB in all; `s_server`'s buffer for a line is 16 KiB.
const LINES: usize = 8192;
const LINE_LEN: usize = 1023;
