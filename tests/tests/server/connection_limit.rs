//! The limit of open connections: accepting stops, the kernel's queue holds what comes, and nobody is lost.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use lem_ssl_rs::{Error, Server, ServerEvent, ServerOptions, Stream, TcpStream, yield_now};

use crate::support::{at_once, check, client_context, connect, is_echoed, raw, serve_with, server_context, until};

async fn limited(connections: usize) -> Rc<Server> {
    serve_with(&server_context(), ServerOptions::default().connections(connections)).await
}

async fn filled(server: &Server, count: usize) -> Vec<Stream> {
    let mut clients = Vec::new();
    for _ in 0..count {
        let client = connect(server).await;
        is_echoed(&client, "here\n").await;
        clients.push(client);
    }
    clients
}

/// Long enough for a server that accepts to have done so.
async fn settle() {
    for _ in 0..200 {
        yield_now().await;
    }
}

#[test]
fn one_more_than_may_be_open_waits_until_one_goes() {
    check(async {
        let server = limited(3).await;
        let mut clients = filled(&server, 3).await;
        let context = client_context();
        let mut waiting = pin!(context.connect_as(server.local_addr(), "localhost"));
        for _ in 0..200 {
            assert!(at_once(waiting.as_mut()).await.is_none());
            yield_now().await;
        }
        assert_eq!((server.counters().accepted, server.counters().limited), (3, 1));
        for client in &clients {
            is_echoed(client, "meanwhile\n").await;
        }
        clients.pop().unwrap().shutdown().await.unwrap();
        let fourth = waiting.await.unwrap();
        is_echoed(&fourth, "here\n").await;
        assert_eq!((server.counters().accepted, server.counters().open), (4, 3));
    });
}

#[test]
fn the_limit_is_told_and_counted() {
    check(async {
        let server = serve_with(&server_context(), ServerOptions::default()).await;
        let told = Rc::new(RefCell::new(Vec::new()));
        let keeping = told.clone();
        server.on_event(move |event| {
            if let ServerEvent::AtLimit { connections } = event {
                keeping.borrow_mut().push((*connections, event.to_string()));
            }
        });
        server.set_connections(2);
        let clients = filled(&server, 2).await;
        settle().await;
        let said = "accepting stops: 2 connections are open, as many as may be";
        assert_eq!(*told.borrow(), [(2, said.to_owned())]);
        // It comes to the limit again and again; a log hears of it once a second.
        for client in clients {
            client.shutdown().await.unwrap();
            let open = server.counters().open;
            until(|| server.counters().open < 2 || server.counters().open < open).await;
            drop(filled(&server, 1).await);
        }
        assert!(server.counters().limited >= 2, "{}", server.counters().limited);
        assert_eq!(told.borrow().len(), 1);
    });
}

#[test]
fn by_default_there_is_no_limit() {
    check(async {
        assert_eq!(ServerOptions::default().connections, usize::MAX);
        let server = serve_with(&server_context(), ServerOptions::default()).await;
        let clients = filled(&server, 20).await;
        assert_eq!((server.counters().open, server.counters().limited), (clients.len() as u64, 0));
    });
}

#[test]
fn a_limit_of_zero_accepts_nobody_until_it_is_raised() {
    check(async {
        let server = limited(0).await;
        let context = client_context();
        let mut waiting = pin!(context.connect_as(server.local_addr(), "localhost"));
        for _ in 0..200 {
            assert!(at_once(waiting.as_mut()).await.is_none());
            yield_now().await;
        }
        assert_eq!(server.counters().accepted, 0);
        server.set_connections(1);
        is_echoed(&waiting.await.unwrap(), "here\n").await;
    });
}

#[test]
fn a_limit_that_is_lowered_closes_nobody_and_accepts_nobody() {
    check(async {
        let server = limited(10).await;
        let mut clients = filled(&server, 3).await;
        // The task that accepts waits for a connection now: it must not take the next one.
        settle().await;
        server.set_connections(2);
        let context = client_context();
        let mut waiting = pin!(context.connect_as(server.local_addr(), "localhost"));
        for _ in 0..200 {
            assert!(at_once(waiting.as_mut()).await.is_none());
            yield_now().await;
        }
        assert_eq!(server.counters().accepted, 3);
        clients.pop().unwrap().shutdown().await.unwrap();
        until(|| server.counters().open == 2).await;
        settle().await;
        assert!(at_once(waiting.as_mut()).await.is_none());
        for client in &clients {
            is_echoed(client, "still here\n").await;
        }
        clients.pop().unwrap().shutdown().await.unwrap();
        is_echoed(&waiting.await.unwrap(), "here\n").await;
        assert!(!server.is_closed());
    });
}

#[test]
fn a_connection_that_shakes_hands_counts() {
    check(async {
        let server = limited(2).await;
        let silent = [raw(&server).await, raw(&server).await];
        until(|| server.counters().accepted == 2).await;
        let context = client_context();
        let mut waiting = pin!(context.connect_as(server.local_addr(), "localhost"));
        for _ in 0..200 {
            assert!(at_once(waiting.as_mut()).await.is_none());
            yield_now().await;
        }
        drop(silent);
        is_echoed(&waiting.await.unwrap(), "here\n").await;
    });
}

#[test]
fn a_failed_handshake_gives_its_place_back() {
    check(async {
        let server = limited(1).await;
        for _ in 0..5 {
            let client: TcpStream = raw(&server).await;
            client.write("GET / HTTP/1.1\r\n\r\n").await.unwrap();
            let _ = client.read(lem_ssl_rs::ReadMode::All).await;
            drop(client);
        }
        is_echoed(&connect(&server).await, "here\n").await;
    });
}

#[test]
fn a_server_at_its_limit_can_be_closed_and_drained() {
    check(async {
        let server = limited(1).await;
        let client = filled(&server, 1).await.pop().unwrap();
        settle().await;
        let mut draining = pin!(server.drain(Duration::from_secs(3_600)));
        assert!(at_once(draining.as_mut()).await.is_none());
        TcpStream::connect(server.local_addr()).await.unwrap_err();
        client.shutdown().await.unwrap();
        assert_eq!(draining.await.finished, 1);
        server.set_connections(5);
        assert!(matches!(server.accept().await, Err(Error::Closed)));
    });
}

#[test]
fn a_log_may_close_the_server_that_tells_it_of_the_limit() {
    check(async {
        let server = serve_with(&server_context(), ServerOptions::default()).await;
        let (weak, told) = (Rc::downgrade(&server), Rc::new(Cell::new(false)));
        let telling = told.clone();
        server.on_event(move |event| {
            if let ServerEvent::AtLimit { .. } = event {
                telling.set(true);
                weak.upgrade().unwrap().close().unwrap();
            }
        });
        server.set_connections(1);
        // Whether it fails depends on how far its handshake is then.
        let client = client_context().connect_as(server.local_addr(), "localhost").await;
        until(|| told.get()).await;
        assert!(server.is_closed());
        drop(client);
        // The task that accepts is over: nothing is left that waits.
        until(|| server.counters().open == 0).await;
    });
}
