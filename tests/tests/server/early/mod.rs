//! Early data (0-RTT): only where it is asked for, never twice, never unmarked.

use std::io::Write;
use std::rc::Rc;

use lem_ssl_rs::{Context, Early, Error, ReadMode, Server, ServerOptions, spawn, unblock};

use crate::support::{Returning, Visitor, at_once, both, check, client_context, identity, issue, server_builder};

mod cut;
mod ended;
mod refused;
mod skipped;

/// Enough for every request here.
const MAX_EARLY_DATA: u32 = 20_000;

fn early_context() -> Context {
    server_builder().identity(identity(&issue(&["localhost"]))).early_data(MAX_EARLY_DATA).build().unwrap()
}

async fn listen(context: &Context) -> Rc<Server> {
    let options = ServerOptions::default().early_data(true);
    Rc::new(context.listen_with("127.0.0.1:0", options).await.unwrap())
}

/// A server that tells each client what came early, and what came in the stream.
async fn tell(context: &Context) -> Rc<Server> {
    let server = listen(context).await;
    let accepting = server.clone();
    spawn(async move {
        while let Ok(early) = accepting.accept_early().await {
            spawn(answer(early)).detach();
        }
    })
    .detach();
    server
}

async fn answer(mut early: Early) -> Result<(), Error> {
    let mut said = String::new();
    while let Some(data) = early.read().await? {
        said.push_str(&String::from_utf8(data.accept_replay()).unwrap());
    }
    let (stream, left) = early.finish().await?;
    assert!(left.is_empty(), "everything was read");
    let content = String::from_utf8(stream.read(ReadMode::All).await?).unwrap();
    stream.write(&format!("early: {said}, content: {content}")).await?;
    stream.shutdown().await
}

/// A client that has a session with the server.
async fn returning(server: &Server) -> Returning {
    let client = Returning::new();
    let first = client.visit(server, "request", "").await;
    assert!(!first.offered);
    assert_eq!(first.heard, "early: , content: request");
    client
}

/// The first flight of a client that comes back, with its early data, was sent, and this is what was accepted.
async fn half_way(server: &Server, client: &Returning, early: &str) -> (Early, Visitor) {
    let address = server.local_addr().ip().unwrap();
    let (mut visitor, offered) = client.begin(address, early);
    assert!(offered);
    let flight = visitor.flight();
    visitor.socket.write_all(&flight).unwrap();
    (server.accept_early().await.unwrap(), visitor)
}

/// A server that accepts by hand, and a client that has a session with it.
async fn by_hand() -> (Rc<Server>, Returning) {
    let server = listen(&early_context()).await;
    let client = Returning::new();
    let accepting = async { answer(server.accept_early().await.unwrap()).await.unwrap() };
    both(client.visit(&server, "", ""), accepting).await;
    (server, client)
}

#[test]
fn early_data_are_received_apart_from_the_stream() {
    check(async {
        let server = tell(&early_context()).await;
        let client = returning(&server).await;
        for _ in 0..3 {
            let visit = client.visit(&server, "request", "more").await;
            assert!(visit.offered && visit.accepted);
            assert_eq!(visit.heard, "early: request, content: more");
        }
        let counters = server.counters();
        assert_eq!((counters.handshakes_early, counters.handshakes_resumed, counters.failed.total()), (3, 3, 0));
        assert_eq!(counters.received, 4 * 7 + 3 * 4, "early data count as well");
    });
}

#[test]
fn early_data_in_many_records_arrive_whole() {
    check(async {
        let server = tell(&early_context()).await;
        let client = returning(&server).await;
        let long = "x".repeat(MAX_EARLY_DATA as usize);
        let visit = client.visit(&server, &long, "more").await;
        assert!(visit.accepted);
        assert_eq!(visit.heard, format!("early: {long}, content: more"));
    });
}

#[test]
fn early_data_are_handed_out_before_the_handshake_is_finished_and_can_be_answered() {
    check(async {
        let (server, client) = by_hand().await;
        let (mut early, mut visitor) = half_way(&server, &client, "request").await;
        assert!(!early.is_finished());
        assert_eq!(format!("{early:?}"), "Early { finished: false, unread: 7, .. }");
        assert!(early.info().unwrap().resumed);
        let data = early.read().await.unwrap().unwrap();
        assert_eq!(data.look(), b"request");
        early.write("answer").await.unwrap();
        // The client's own end of the handshake is still with the client.
        let mut visitor = unblock(move || {
            visitor.hears("answer");
            visitor
        })
        .await
        .unwrap();
        assert!(at_once(early.read()).await.is_none());
        let finishing = unblock(move || {
            visitor.tls.writer().write_all(b"late\n").unwrap();
            let flight = visitor.flight();
            visitor.socket.write_all(&flight).unwrap();
            visitor
        });
        let (stream, left) = early.finish().await.unwrap();
        assert!(left.is_empty());
        assert_eq!(stream.read(ReadMode::Line).await.unwrap(), b"late\n");
        assert_eq!(server.counters().handshakes_finished, 2);
        drop(finishing.await.unwrap());
    });
}

#[test]
fn what_nobody_read_early_comes_marked_beside_the_stream() {
    check(async {
        let (server, client) = by_hand().await;
        let accepting = async {
            let (stream, left) = server.accept_early().await.unwrap().finish().await.unwrap();
            assert_eq!(stream.read(ReadMode::All).await.unwrap(), b"more");
            assert_eq!(left.len(), 7);
            assert_eq!(format!("{left:?}"), "Replayable { len: 7, .. }");
            assert_eq!(left.accept_replay(), b"request");
        };
        let (visit, ()) = both(client.visit(&server, "request", "more"), accepting).await;
        assert!(visit.accepted);
    });
}

#[test]
fn without_early_data_it_is_an_ordinary_accept() {
    check(async {
        let context = server_builder().identity(identity(&issue(&["localhost"]))).build().unwrap();
        let server = context.listen("127.0.0.1:0").await.unwrap();
        let clients = client_context();
        let (client, early) = both(clients.connect_as(server.local_addr(), "localhost"), server.accept_early()).await;
        let mut early = early.unwrap();
        assert!(early.is_finished() && early.read().await.unwrap().is_none());
        let (stream, left) = early.finish().await.unwrap();
        assert!(left.is_empty());
        client.unwrap().write("hello\n").await.unwrap();
        assert_eq!(stream.read(ReadMode::Line).await.unwrap(), b"hello\n");
        stream.abort();
    });
}
