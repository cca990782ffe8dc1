//! How many handshakes there may be at once.

use std::rc::Rc;

use lem_ssl_rs::{ReadMode, ServerOptions, TcpStream, spawn, yield_now};

use crate::support::{
    check, client_context, echo, is_answered, is_echoed, listen, raw, serve_with, server_context, until,
};

/// The server has let go of it: it was not answered by a single byte.
async fn is_dropped(client: &TcpStream) {
    // By a FIN, or by a reset if something of it was unread.
    let received = client.read(ReadMode::All).await.unwrap_or_default();
    assert!(received.is_empty(), "{received:?}");
}

#[test]
fn handshakes_beyond_the_cap_wait_and_are_not_lost() {
    check(async {
        let server = serve_with(&server_context(), ServerOptions::default().handshakes(3)).await;
        let mut silent = Vec::new();
        for _ in 0..3 {
            silent.push(raw(&server).await);
        }
        until(|| server.counters().handshakes_started == 3).await;
        let waiting = server.clone();
        let waiting = spawn(async move { is_answered(&waiting).await });
        for _ in 0..200 {
            yield_now().await;
        }
        assert_eq!(server.counters().accepted, 3, "the fourth is not even accepted");
        silent.pop();
        waiting.await.unwrap();
        let counters = server.counters();
        assert_eq!((counters.accepted, counters.refused), (4, 0));
    });
}

#[test]
fn a_stream_that_nobody_has_accepted_keeps_its_place() {
    check(async {
        let server = listen(ServerOptions::default().handshakes(2)).await;
        let context = client_context();
        let mut clients = Vec::new();
        for _ in 0..2 {
            clients.push(context.connect_as(server.local_addr(), "localhost").await.unwrap());
        }
        let third = server.clone();
        let third = spawn(async move { is_answered(&third).await });
        until(|| server.counters().handshakes_finished == 2).await;
        for _ in 0..200 {
            yield_now().await;
        }
        assert_eq!(server.counters().accepted, 2);
        for _ in 0..3 {
            let accepted = server.accept().await.unwrap();
            spawn(echo(accepted)).detach();
        }
        third.await.unwrap();
        is_echoed(&clients[0], "one\n").await;
        is_echoed(&clients[1], "two\n").await;
    });
}

#[test]
fn one_address_has_no_more_handshakes_than_it_may_and_the_rest_are_refused() {
    check(async {
        const MAX_HANDSHAKES: usize = 4;
        const MORE: usize = 6;
        let server = serve_with(&server_context(), ServerOptions::default().handshakes_per_peer(MAX_HANDSHAKES)).await;
        let mut silent = Vec::new();
        for _ in 0..MAX_HANDSHAKES {
            silent.push(raw(&server).await);
        }
        until(|| server.counters().handshakes_started == MAX_HANDSHAKES as u64).await;
        for _ in 0..MORE {
            is_dropped(&raw(&server).await).await;
        }
        let counters = server.counters();
        assert_eq!((counters.accepted, counters.refused), ((MAX_HANDSHAKES + MORE) as u64, MORE as u64));
        assert_eq!((counters.handshakes_started, counters.failed.total()), (MAX_HANDSHAKES as u64, 0));
        // The place of one that goes is free again.
        silent.pop();
        until(|| server.counters().failed.cut == 1).await;
        is_answered(&server).await;
        assert_eq!(server.counters().refused, MORE as u64);
    });
}

#[test]
fn streams_that_nobody_has_accepted_count_against_their_address() {
    check(async {
        let server = listen(ServerOptions::default().handshakes(4).handshakes_per_peer(2)).await;
        let context = client_context();
        let mut clients = Vec::new();
        for _ in 0..2 {
            clients.push(context.connect_as(server.local_addr(), "localhost").await.unwrap());
        }
        until(|| server.counters().handshakes_finished == 2).await;
        is_dropped(&raw(&server).await).await;
        assert_eq!(server.counters().refused, 1);
        // Two places are left for others, and each that is accepted gives one back to its address.
        let accepted = server.accept().await.unwrap();
        clients.push(context.connect_as(server.local_addr(), "localhost").await.unwrap());
        assert_eq!(server.counters().refused, 1);
        drop(accepted);
    });
}

#[test]
fn one_handshake_of_each_address_is_the_least() {
    check(async {
        let mut options = ServerOptions::default();
        (options.handshakes, options.handshakes_per_peer) = (0, 0);
        let server = serve_with(&server_context(), options).await;
        is_answered(&server).await;
        assert_eq!(server.counters().refused, 0);
    });
}

#[test]
fn finished_streams_do_not_count_against_their_address() {
    check(async {
        let server = serve_with(&server_context(), ServerOptions::default().handshakes_per_peer(1)).await;
        let context = client_context();
        let mut clients = Vec::new();
        for _ in 0..5 {
            let client = context.connect_as(server.local_addr(), "localhost").await.unwrap();
            is_echoed(&client, "x\n").await;
            clients.push(client);
        }
        assert_eq!((server.counters().open, server.counters().refused), (5, 0));
    });
}

#[test]
fn the_cap_of_one_address_does_not_concern_another() {
    check(async {
        let options = ServerOptions::default().handshakes_per_peer(1);
        let server = Rc::new(server_context().listen_with("[::]:0", options).await.unwrap());
        let accepting = server.clone();
        spawn(async move { accepting.autospawn(echo).await }).detach();
        let port = server.local_addr().ip().unwrap().port();
        let _silent = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        until(|| server.counters().handshakes_started == 1).await;
        is_dropped(&TcpStream::connect(("127.0.0.1", port)).await.unwrap()).await;
        let client = client_context().connect_as(("::1", port), "localhost").await.unwrap();
        is_echoed(&client, "another address\n").await;
        assert_eq!(server.counters().refused, 1);
    });
}
