//! The end of early data, and of the handshake, and what comes along with it, cut anywhere: nothing of it is lost, whoever
//! has the records afterwards.

use std::io::Write;
use std::net::TcpStream;

use lem_ssl_rs::{Context, Early, Error, ReadMode, Server, Stream, unblock};
use lem_ssl_tests::records::{Records, on_both_records};

use super::{by_hand, early_context, listen};
use crate::support::{Returning, Visitor, both, check, server_context};

/// What the client says after its early data, in records of its own.
const LATE: &[u8] = b"late";

/// A client's last flight of the handshake, with content, new keys, content under those, and its end.
fn last_flight(visitor: &mut Visitor) -> Vec<u8> {
    while visitor.tls.is_handshaking() {
        assert_ne!(visitor.tls.read_tls(&mut visitor.socket).unwrap(), 0, "the server ended the connection");
        visitor.tls.process_new_packets().unwrap();
    }
    let flight = visitor.flight();
    visitor.tls.writer().write_all(LATE).unwrap();
    let content = visitor.flight();
    visitor.tls.refresh_traffic_keys().unwrap();
    visitor.tls.writer().write_all(LATE).unwrap();
    visitor.tls.send_close_notify();
    [flight, content, visitor.flight()].concat()
}

/// Sends `bytes` in two pieces, the second when the first was received.
fn send(socket: &mut TcpStream, bytes: &[u8], cut: usize) {
    socket.set_nodelay(true).unwrap();
    let (first, second) = bytes.split_at(cut.min(bytes.len()));
    socket.write_all(first).unwrap();
    if !first.is_empty() {
        // Nothing depends on it but that there are two pieces, mostly.
        std::thread::sleep(std::time::Duration::from_micros(200));
    }
    socket.write_all(second).unwrap();
}

async fn read_out(stream: Stream, records: Records, content: &[u8], cut: usize) {
    assert_eq!(Records::of(&stream), Some(records), "cut at {cut}");
    let heard = stream.read(ReadMode::All).await;
    assert_eq!(heard.unwrap(), content, "{records:?}, cut at {cut}");
    stream.write("answer").await.unwrap();
    stream.close().unwrap();
}

async fn taken(server: &Server, client: &Returning, records: Records, cut: usize) -> usize {
    let address = server.local_addr().ip().unwrap();
    let client = client.clone();
    let visit = unblock(move || {
        let (mut visitor, offered) = client.begin(address, "early");
        assert!(offered);
        let flight = visitor.flight();
        visitor.socket.write_all(&flight).unwrap();
        let bytes = last_flight(&mut visitor);
        send(&mut visitor.socket, &bytes, cut);
        visitor.hears("answer");
        bytes.len()
    });
    let serving = async {
        let mut early: Early = server.accept_early().await.unwrap();
        let mut said = Vec::new();
        while let Some(data) = early.read().await? {
            said.extend(data.accept_replay());
        }
        assert_eq!(said, b"early", "{records:?}, cut at {cut}");
        let (stream, left) = early.finish().await?;
        assert!(left.is_empty());
        read_out(stream, records, &LATE.repeat(2), cut).await;
        Ok::<(), Error>(())
    };
    let (length, served) = both(async { visit.await.unwrap() }, serving).await;
    served.unwrap();
    length
}

#[test]
fn what_follows_early_data_arrives_wherever_it_is_cut() {
    on_both_records(|records| {
        check(async move {
            let (server, client) = by_hand().await;
            let length = taken(&server, &client, records, 0).await;
            for cut in (1..length).step_by(if records == Records::Ours { 1 } else { 9 }) {
                taken(&server, &client, records, cut).await;
            }
        });
    });
}

async fn refused(context: &Context, server: &Server, client: &Returning, records: Records, cut: usize) -> usize {
    // Only a session that allows early data makes a client send some.
    let early = listen(context).await;
    let answering = async { super::answer(early.accept_early().await.unwrap()).await.unwrap() };
    both(client.visit(&early, "", ""), answering).await;
    let (client, address) = (client.clone(), server.local_addr().ip().unwrap());
    let visit = unblock(move || {
        let (mut visitor, offered) = client.begin(address, "refused");
        assert!(offered);
        let flight = visitor.flight();
        visitor.socket.write_all(&flight).unwrap();
        let bytes = last_flight(&mut visitor);
        assert!(!visitor.tls.is_early_data_accepted());
        send(&mut visitor.socket, &bytes, cut);
        visitor.hears("answer");
        bytes.len()
    });
    let serving = async { read_out(server.accept().await.unwrap(), records, &LATE.repeat(2), cut).await };
    both(async { visit.await.unwrap() }, serving).await.0
}

#[test]
fn what_follows_early_data_that_were_refused_arrives_wherever_it_is_cut() {
    on_both_records(|records| {
        check(async move {
            let context = early_context();
            // One that could receive some, and one that cannot.
            for refusing in [context.clone(), server_context()] {
                let server = refusing.listen("127.0.0.1:0").await.unwrap();
                let client = Returning::new();
                let length = refused(&context, &server, &client, records, 0).await;
                for cut in (1..length).step_by(if records == Records::Ours { 3 } else { 17 }) {
                    refused(&context, &server, &client, records, cut).await;
                }
            }
        });
    });
}
