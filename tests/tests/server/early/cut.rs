//! The end of early data, and of the handshake, and what comes along with it, cut anywhere: nothing of it is lost, on
//! rustls' records and on ours.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;

use lem_ssl_rs::{Context, Early, Error, ReadMode, Roots, Server, Stream, unblock};
use lem_ssl_tests::pki::{Authority, Leaf};
use lem_ssl_tests::raw::{CONTENT, HANDSHAKE, KEY_UPDATE, RawHandshake};
use lem_ssl_tests::records::{Records, on_both_records};
use rustls::ClientConfig;

use super::{MAX_EARLY_DATA, by_hand, early_context, listen};
use crate::support::{Returning, Visitor, both, check, identity, issue, server_builder, server_context};

/// What the client says after its early data, in records of its own.
pub(super) const LATE: &[u8] = b"late";

/// A client's last flight of the handshake, with content, new keys, content under those, and its end.
pub(super) fn last_flight(visitor: &mut Visitor) -> Vec<u8> {
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
pub(super) fn send(socket: &mut TcpStream, bytes: &[u8], cut: usize) {
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

/// Of a client with such certificates no session is remembered, so it gets no ticket, and the server has nothing to say at
/// the end of the handshake.
const CERTIFICATES: usize = 60;

/// Whether a client asks for new keys along with its last message, and in which parts it does again after that.
type Asking = (bool, &'static [&'static [u8]]);

const ASKING: [Asking; 4] = [
    (true, &[]),
    (true, &[&[24, 0], &[0, 1, 1]]),
    (false, &[&[24, 0], &[0, 1, 1]]),
    (false, &[&[24], &[0, 0], &[1, 1]]),
];

/// A client whose content, new keys, and the first part of a message come along with its last message. It goes on when
/// those were heard, and is answered then.
fn go_on_under_new_keys(address: SocketAddr, config: ClientConfig, asking: Asking, has_heard: &mpsc::Receiver<()>) {
    let mut socket = TcpStream::connect(address).unwrap();
    let receive = |socket: &mut TcpStream| {
        let mut bytes = [0; 4_096];
        let count = socket.read(&mut bytes).unwrap();
        assert_ne!(count, 0, "the server ended the connection");
        bytes[..count].to_vec()
    };
    let mut handshake = RawHandshake::client(config);
    let mut flight = handshake.advance(&[]);
    while !handshake.is_over() {
        socket.write_all(&flight).unwrap();
        flight = handshake.advance(&receive(&mut socket));
    }
    let mut peer = handshake.into_peer();
    let (asks_at_once, parts) = asking;
    flight.extend(peer.seal(CONTENT, LATE));
    if asks_at_once {
        flight.extend(peer.key_update());
    }
    flight.extend(peer.seal(CONTENT, LATE));
    if let [first, ..] = parts {
        flight.extend(peer.seal(HANDSHAKE, first));
    }
    socket.write_all(&flight).unwrap();
    has_heard.recv().unwrap();
    let mut rest = Vec::new();
    if let [_, middle @ .., last] = parts {
        rest.extend(middle.iter().flat_map(|part| peer.seal(HANDSHAKE, part)));
        rest.extend(peer.new_keys_with(last));
    }
    rest.extend(peer.seal(CONTENT, LATE));
    socket.write_all(&rest).unwrap();
    let mut records = Vec::new();
    while !records.contains(&(CONTENT, b"answer".to_vec())) {
        records.extend(peer.open(&receive(&mut socket)));
    }
    let news = records.iter().filter(|(kind, message)| *kind == HANDSHAKE && message[0] == KEY_UPDATE[0]).count();
    assert!(news > 0, "{asking:?}: {records:?}");
}

#[test]
fn new_keys_that_come_along_with_the_last_message_are_answered_where_no_ticket_is_sent() {
    on_both_records(|_| {
        check(async {
            let club = Authority::new("Club");
            let mut member = club.issue(Leaf::client(&["member.test"]));
            member.chain_der.extend(vec![member.chain_der[0].clone(); CERTIFICATES]);
            let roots = Roots::Pem(club.certificate_pem().into_bytes());
            let builder = server_builder().identity(identity(&issue(&["localhost"]))).client_roots(roots);
            let server = listen(&builder.early_data(MAX_EARLY_DATA).build().unwrap()).await;
            let address = server.local_addr().ip().unwrap();
            for asking in ASKING {
                let config = ClientConfig::clone(&Returning::with_certificate(&member).config);
                let (heard, has_heard) = mpsc::channel();
                let visit = unblock(move || go_on_under_new_keys(address, config, asking, &has_heard));
                let serving = async {
                    let (stream, _) = server.accept_early().await.unwrap().finish().await.unwrap();
                    assert_eq!(stream.read(ReadMode::Exact(8)).await.unwrap(), LATE.repeat(2));
                    heard.send(()).unwrap();
                    assert_eq!(stream.read(ReadMode::Exact(4)).await.unwrap(), LATE);
                    stream.write("answer").await.unwrap();
                    stream.close().unwrap();
                };
                both(async { visit.await.unwrap() }, serving).await;
            }
        });
    });
}
