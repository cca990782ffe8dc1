//! What a handler returns: nothing, or a `Result` whose error is told with its peer and counted.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use lem_ssl_rs::{
    Error, HandlerResult, Listener, ReadMode, Server, ServerEvent, ServerOptions, Stream, TcpStream, sleep, spawn,
};

use crate::support::{check, connect, echo, is_answered, is_echoed, listen, until};

fn answer<F: Future<Output: HandlerResult> + 'static>(server: &Rc<Server>, handler: impl Fn(Stream) -> F + 'static) {
    let accepting = server.clone();
    spawn(async move { accepting.autospawn(handler).await }).detach();
}

/// What is told of handlers that fail: the peer and the words.
fn told(server: &Server) -> Rc<RefCell<Vec<(String, String)>>> {
    let told = Rc::new(RefCell::new(Vec::new()));
    let keeping = told.clone();
    server.on_event(move |event| {
        if let ServerEvent::HandlerFailed { peer, error } = event {
            assert!(event.to_string().starts_with(&format!("{peer}: ")), "{event}");
            keeping.borrow_mut().push((peer.to_string(), error.to_string()));
        }
    });
    told
}

#[test]
fn an_error_of_a_handler_is_told_with_the_peer_and_counted() {
    check(async {
        let server = listen(ServerOptions::default()).await;
        let told = told(&server);
        answer(&server, |stream| async move {
            let line = stream.read(ReadMode::Line).await?;
            stream.write(&line).await?;
            if line == b"fail\n" { Err(Error::Misuse("the disk is full".into())) } else { Ok(()) }
        });
        let client = connect(&server).await;
        is_echoed(&client, "well\n").await;
        let failing = connect(&server).await;
        is_echoed(&failing, "fail\n").await;
        let address = failing.local_addr().unwrap().to_string();
        until(|| server.counters().handlers_failed == 1).await;
        assert_eq!(*told.borrow(), [(address, "the disk is full".to_owned())]);
        assert_eq!(server.counters().handlers_panicked, 0);
    });
}

#[test]
fn the_peer_is_told_although_the_connection_is_gone() {
    check(async {
        let server = listen(ServerOptions::default()).await;
        let told = told(&server);
        answer(&server, |stream| async move { stream.read(ReadMode::Line).await.map(drop) });
        let client = connect(&server).await;
        let address = client.local_addr().unwrap().to_string();
        client.abort();
        until(|| server.counters().handlers_failed == 1).await;
        assert_eq!(told.borrow()[0].0, address);
        assert_eq!(told.borrow()[0].1, Error::Truncated(lem_ssl_rs::Cut::Fin).to_string());
    });
}

#[test]
fn a_handler_that_ends_with_its_peers_goodbye_has_not_failed() {
    check(async {
        let server = listen(ServerOptions::default()).await;
        let told = told(&server);
        for kind in 0..3 {
            match kind {
                0 => answer(&server, |stream| async move {
                    loop {
                        let line = stream.read(ReadMode::Line).await?;
                        if line == b"never\n" {
                            return Ok::<(), Error>(());
                        }
                    }
                }),
                1 => answer(&server, |_| async { Err::<(), Box<dyn std::error::Error>>(Error::Closed.into()) }),
                _ => {
                    answer(&server, |_| async {
                        Err::<(), Box<dyn std::error::Error + Send + Sync>>(Error::Closed.into())
                    });
                }
            }
            let client = connect(&server).await;
            client.write("line\n").await.unwrap();
            client.close().unwrap();
            until(|| server.counters().accepted == kind + 1).await;
            until(|| server.counters().open == 0).await;
            server.interrupt().unwrap();
            until(|| !server.is_busy()).await;
        }
        // What is cut in the middle of a line is told.
        answer(&server, |stream| async move { stream.read(ReadMode::Line).await.map(drop) });
        let client = connect(&server).await;
        client.write("half").await.unwrap();
        client.close().unwrap();
        until(|| server.counters().handlers_failed > 0).await;
        let words: Vec<_> = told.borrow().iter().map(|(_, words)| words.clone()).collect();
        assert_eq!(words, ["closed: 4 bytes of an unfinished message are left"]);
    });
}

/// A handler that waits for a line fails.
async fn leave_in_the_middle(client: &Stream) {
    client.write("half").await.unwrap();
    client.shutdown().await.unwrap();
}

/// Shows itself, and is no error of the standard library's.
struct OnlyShown;

impl fmt::Display for OnlyShown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("only shown")
    }
}

#[test]
fn whatever_can_be_shown_is_an_error_of_a_handler() {
    check(async {
        let server = listen(ServerOptions::default()).await;
        let told = told(&server);
        for kind in 0..5 {
            match kind {
                0 => answer(&server, |_| async { Err::<(), _>("a text") }),
                1 => answer(&server, |_| async { Err::<u64, _>(String::from("a string")) }),
                2 => answer(&server, |_| async { Err::<(), Box<dyn std::error::Error>>("a box".into()) }),
                3 => answer(&server, |_| async {
                    Err::<(), Box<dyn std::error::Error + Send + Sync>>("a box to send".into())
                }),
                _ => answer(&server, |_| async { Err::<(), _>(OnlyShown) }),
            }
            drop(connect(&server).await);
            until(|| told.borrow().len() == kind + 1).await;
            server.interrupt().unwrap();
            until(|| !server.is_busy()).await;
        }
        let words: Vec<_> = told.borrow().iter().map(|(_, words)| words.clone()).collect();
        assert_eq!(words, ["a text", "a string", "a box", "a box to send", "only shown"]);
    });
}

#[test]
fn handlers_that_return_nothing_or_never_return_still_compile() {
    check(async {
        let server = listen(ServerOptions::default()).await;
        answer(&server, |stream| async move {
            loop {
                match stream.read(ReadMode::Available).await {
                    Ok(data) => stream.write(&data).await.unwrap(),
                    Err(_) => sleep(Duration::from_secs(3_600)).await,
                }
            }
        });
        is_echoed(&connect(&server).await, "line\n").await;
        server.interrupt().unwrap();
        until(|| !server.is_busy()).await;
        answer(&server, echo);
        is_answered(&server).await;
    });
}

#[test]
fn a_panic_is_counted_and_is_no_error() {
    check(async {
        let server = listen(ServerOptions::default()).await;
        let told = told(&server);
        let calls = std::cell::Cell::new(0);
        answer(&server, move |stream| {
            calls.set(calls.get() + 1);
            assert_ne!(calls.get(), 2, "this panic is part of the test");
            async move {
                stream.read(ReadMode::Line).await?;
                assert!(stream.is_closed(), "this panic is part of the test");
                Ok::<(), Error>(())
            }
        });
        connect(&server).await.write("go\n").await.unwrap();
        until(|| server.counters().handlers_panicked == 1).await;
        drop(connect(&server).await);
        until(|| server.counters().handlers_panicked == 2).await;
        assert!(told.borrow().is_empty());
        assert_eq!(server.counters().handlers_failed, 0);
    });
}

#[test]
fn an_error_can_be_found_again_by_its_type() {
    check(async {
        let server = listen(ServerOptions::default()).await;
        let unfinished = Rc::new(RefCell::new(Vec::new()));
        let found = unfinished.clone();
        server.on_event(move |event| {
            if let ServerEvent::HandlerFailed { error, .. } = event {
                assert!(error.downcast_ref::<String>().is_none());
                found.borrow_mut().push(matches!(error.downcast_ref(), Some(Error::Incomplete { left: 4 })));
            }
        });
        answer(&server, |stream| async move { stream.read(ReadMode::Line).await.map(drop) });
        leave_in_the_middle(&connect(&server).await).await;
        until(|| !unfinished.borrow().is_empty()).await;
        assert_eq!(*unfinished.borrow(), [true]);
    });
}

#[test]
fn a_log_that_panics_at_an_error_leaves_the_server_as_it_was() {
    check(async {
        let server = listen(ServerOptions::default()).await;
        server.on_event(|_| panic!("this panic is part of the test"));
        answer(&server, |stream| async move { stream.read(ReadMode::Line).await.map(drop) });
        for failed in 1..=2 {
            leave_in_the_middle(&connect(&server).await).await;
            until(|| server.counters().handlers_failed == failed).await;
        }
        assert_eq!(server.counters().handlers_panicked, 0);
    });
}

#[test]
fn the_handlers_of_a_plain_listener_may_fail_as_well() {
    check(async {
        let listener = Rc::new(Listener::bind("127.0.0.1:0").await.unwrap());
        let told = Rc::new(RefCell::new(Vec::new()));
        let keeping = told.clone();
        listener.on_handler_error(move |peer, error| keeping.borrow_mut().push((peer.clone(), error.to_string())));
        let accepting = listener.clone();
        spawn(async move {
            let handler = |stream: TcpStream| async move { stream.read(ReadMode::Line).await.map(drop) };
            accepting.autospawn(handler).await
        })
        .detach();
        let client = TcpStream::connect(listener.local_addr()).await.unwrap();
        let address = client.local_addr().unwrap();
        client.write("half").await.unwrap();
        client.shutdown().await.unwrap();
        until(|| !told.borrow().is_empty()).await;
        assert_eq!(*told.borrow(), [(address, "closed: 4 bytes of an unfinished message are left".to_owned())]);
    });
}
