//! Bugs that were found, each with the test that shows it.

use std::future::Future;
use std::io::Write;
use std::sync::Arc;

use lem_ssl_rs::{Cut, Error, ReadMode, Stream, Version, spawn};
use lem_ssl_tests::watched_machine;

use crate::support::{End, Peer, client, pki, run, wire};

async fn accepted() -> (Stream, Peer) {
    let (near, far) = wire();
    let tls = client(&Arc::new(pki().client_config(&[Version::Tls13])));
    let us = spawn(async move { pki().server_context().build().unwrap().upgrade_server(near).await.unwrap() });
    let mut peer = Peer::new(tls, far).await;
    assert!(peer.shake_hands().await);
    (us.await.unwrap(), peer)
}

/// The peer says goodbye, and goes away without reading ours.
async fn leaves_after_its_goodbye(write_more: bool) -> Result<(), Error> {
    let (stream, mut peer) = accepted().await;
    peer.tls.send_close_notify();
    peer.flush().await;
    assert_eq!(stream.read(ReadMode::Available).await.unwrap_err().to_string(), "closed");
    if write_more {
        stream.write("and another thing").await.unwrap();
    }
    let closing = spawn(async move { stream.shutdown().await });
    peer.beat().await;
    peer.go(End::Gone);
    closing.await.unwrap()
}

#[test]
fn a_peer_that_leaves_after_its_goodbye_is_no_failure_of_shutdown() {
    run(async {
        leaves_after_its_goodbye(false).await.unwrap();
    });
}

#[test]
fn a_peer_that_leaves_without_reading_what_came_after_its_goodbye_is_one() {
    run(async {
        let error = leaves_after_its_goodbye(true).await.unwrap_err();
        assert!(matches!(error, Error::Truncated(Cut::Reset)), "{error}");
    });
}

#[test]
fn one_bad_record_is_one_alert_and_no_panic() {
    run(async {
        for bytes in [&[0; 1][..], &[0xff; 64], b"\x17\x03\x03\x00\x02ab\x17\x03\x03\x00\x02cd"] {
            let (near, far) = wire();
            let us = spawn(async move { pki().server_context().build().unwrap().upgrade_server(near).await });
            far.write(bytes).await.unwrap();
            far.close_write().unwrap();
            us.await.unwrap().unwrap_err();
            let answer = far.read(ReadMode::All).await.unwrap();
            // At most one record, and it is an alert (RFC 8446 section 5.1): two bytes behind a header of five.
            assert!(answer.is_empty() || (answer.len() == 7 && answer[0] == 21), "{bytes:?}: {answer:?}");
        }
    });
}

#[test]
fn reading_into_the_same_vector_reuses_its_memory() {
    run(async {
        let (stream, mut peer) = accepted().await;
        let mut target = Vec::with_capacity(1 << 20);
        let memory = target.as_ptr();
        for text in ["five!", "and a little more", "."] {
            peer.tls.writer().write_all(text.as_bytes()).unwrap();
            peer.flush().await;
            let count = stream.read_into(ReadMode::Available, &mut target).await.unwrap();
            assert_eq!((count, target.as_slice()), (text.len(), text.as_bytes()));
            assert_eq!((target.as_ptr(), target.capacity()), (memory, 1 << 20));
        }
        // A read that waits and is dropped leaves the memory where it was, and loses nothing.
        poll_once_and_drop(&stream, &mut target).await;
        assert_eq!(target.as_ptr(), memory);
    });
}

/// Polls a read once and drops it.
async fn poll_once_and_drop(stream: &Stream, target: &mut Vec<u8>) {
    let mut read = std::pin::pin!(stream.read_into(4, target));
    std::future::poll_fn(|cx| {
        assert!(read.as_mut().poll(cx).is_pending());
        std::task::Poll::Ready(())
    })
    .await;
}

/// A TCP connection: ours, and a peer of the standard library.
async fn tcp() -> (lem_rs::TcpStream, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = lem_rs::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (stream, listener.accept().unwrap().0)
}

/// The peer says half of it and resets the connection; we write until the kernel has noticed.
async fn reset_in_the_middle() -> lem_rs::TcpStream {
    let (stream, mut peer) = tcp().await;
    stream.write("never read").await.unwrap();
    peer.write_all(b"half of the docu").unwrap();
    // Closing with something unread makes the kernel send RST.
    drop(peer);
    while stream.write("x").await.is_ok() {
        lem_rs::yield_now().await;
    }
    stream
}

#[test]
fn a_reset_that_a_write_has_met_is_no_clean_end_for_the_reads() {
    run(async {
        let stream = reset_in_the_middle().await;
        let error = stream.read(ReadMode::All).await.unwrap_err();
        assert!(matches!(error, Error::Truncated(Cut::Reset)), "{error}");
        assert_eq!(stream.read(ReadMode::All).await.unwrap(), b"half of the docu");
    });
}

#[test]
fn shutdown_says_that_the_connection_had_failed_before() {
    run(async {
        let stream = reset_in_the_middle().await;
        stream.shutdown().await.unwrap_err();
        let stream = reset_in_the_middle().await;
        stream.read(ReadMode::All).await.unwrap_err();
        let error = stream.shutdown().await.unwrap_err();
        assert!(matches!(error, Error::Truncated(Cut::Reset)), "{error}");
    });
}

#[test]
fn what_outlives_its_machine_is_closed_and_what_is_not_running_says_so() {
    let machine = watched_machine();
    let (stream, listener, _peer) = machine
        .run(async {
            let (stream, peer) = tcp().await;
            (stream, lem_rs::Listener::bind("127.0.0.1:0").await.unwrap(), peer)
        })
        .unwrap();
    watched_machine()
        .run(async {
            assert!(matches!(stream.read(1).await, Err(Error::Misuse(_))));
            assert!(matches!(stream.write("x").await, Err(Error::Misuse(_))));
            assert!(matches!(listener.accept().await, Err(Error::Misuse(_))));
            drop(machine);
            assert!(stream.is_closed() && listener.is_closed());
            assert!(matches!(stream.read(1).await, Err(Error::Closed)));
            assert!(matches!(stream.write("x").await, Err(Error::Closed)));
            assert!(matches!(listener.accept().await, Err(Error::Closed)));
        })
        .unwrap();
}

#[test]
fn a_client_that_never_gives_way_after_connecting_has_finished_its_handshake() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    let server = std::thread::spawn(move || {
        let config = Arc::new(pki().server_config(&pki().server, &[Version::Tls13]));
        let (mut socket, _) = listener.accept().unwrap();
        let mut connection = rustls::ServerConnection::new(config).unwrap();
        while connection.is_handshaking() {
            connection.complete_io(&mut socket).unwrap();
        }
        tell.send(()).unwrap();
    });
    run(async {
        let stream = pki().client_context().build().unwrap().connect_as(address, "localhost").await.unwrap();
        // The loop stands still meanwhile. The limit is a watchdog.
        told.recv_timeout(std::time::Duration::from_secs(60)).expect("the server has the client's last message");
        stream.abort();
    });
    server.join().unwrap();
}
