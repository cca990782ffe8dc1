//! Listening: the original's server verbs, on TCP and on Unix-domain sockets.

use std::future::Future;
use std::io;
use std::net::TcpStream as StdStream;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::thread;

use lem_rs::{Cut, Endpoint, Error, JoinHandle, Listener, ReadMode, TcpStream, spawn, yield_now};
use lem_ssl_tests::scratch::Scratch;
use lem_ssl_tests::watched_machine;

use crate::support::{Table, drop_flag, machine_with, panic_quietly, poll_once, run, run_on};

async fn local() -> Listener {
    Listener::bind("127.0.0.1:0").await.unwrap()
}

fn accepting(listener: &Rc<Listener>) -> JoinHandle<Result<TcpStream, Error>> {
    let listener = listener.clone();
    spawn(async move { listener.accept().await })
}

#[test]
fn port_zero_asks_for_a_free_port_and_tells_it() {
    run(async {
        let (first, second) = (local().await, local().await);
        let ports = [&first, &second].map(|listener| listener.local_ip().unwrap().port());
        assert!(ports[0] != 0 && ports[1] != 0 && ports[0] != ports[1]);
        assert_eq!(first.local_addr().to_string(), format!("127.0.0.1:{}", ports[0]));
    });
}

#[test]
fn an_address_in_use_says_so() {
    run(async {
        let first = local().await;
        let address = first.local_ip().unwrap();
        let error = Listener::bind(address).await.unwrap_err();
        assert_eq!(error.to_string(), format!("cannot listen on {address}: address already in use"));
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::AddrInUse);
        drop(first);
        // Nobody had connected, so that the address is free at once.
        Listener::bind(address).await.unwrap();
    });
}

#[test]
fn an_address_of_somebody_else_says_so() {
    run(async {
        // From the block for documentation (RFC 5737): no machine has it.
        let error = Listener::bind("203.0.113.77:0").await.unwrap_err();
        assert_eq!(error.to_string(), "cannot listen on 203.0.113.77:0: cannot assign requested address");
    });
}

#[test]
fn a_name_is_listened_on_at_its_first_address_that_can_be_used() {
    run_on(&machine_with(Table::of(&["203.0.113.77", "127.0.0.1"])), async {
        let listener = Listener::bind("name.test:0").await.unwrap();
        assert!(listener.local_ip().unwrap().ip().is_loopback());
    });
}

#[test]
fn listening_outside_of_a_machine_is_an_error() {
    let mut binding = pin!(Listener::bind("127.0.0.1:0"));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let Poll::Ready(Err(Error::Misuse(what))) = binding.as_mut().poll(&mut cx) else { panic!("it should be refused") };
    assert!(what.starts_with("no machine runs on this thread"));
}

#[test]
fn a_unix_socket_is_listened_on_and_connected_to() {
    let scratch = Scratch::new("listener");
    let path = scratch.path().join("socket");
    let address = format!("unix:{}", path.display());
    run(async {
        let listener = Rc::new(Listener::bind(&address).await.unwrap());
        assert_eq!(*listener.local_addr(), Endpoint::Unix(Some(path.clone())));
        assert_eq!(listener.local_addr().to_string(), address);
        assert_eq!(listener.local_ip(), None);
        let accepted = accepting(&listener);
        let client = TcpStream::connect(&address).await.unwrap();
        assert_eq!(client.peer_addr().unwrap(), Endpoint::Unix(Some(path)));
        let server = accepted.await.unwrap().unwrap();
        assert_eq!(server.peer_addr().unwrap(), Endpoint::Unix(None));
        client.write("over a path\n").await.unwrap();
        assert_eq!(server.read_line_trimmed().await.unwrap(), "over a path");
        let error = Listener::bind(&address).await.unwrap_err();
        assert_eq!(error.to_string(), format!("cannot listen on {address}: {IN_THE_WAY}"));
        client.abort();
        server.abort();
    });
}

#[test]
fn many_connections_are_accepted_each_once() {
    const CLIENTS: usize = 300;
    run(async {
        let listener = local().await;
        let address = listener.local_ip().unwrap();
        let clients =
            thread::spawn(move || (0..CLIENTS).map(|_| StdStream::connect(address).unwrap()).collect::<Vec<_>>());
        let mut peers = Vec::new();
        for _ in 0..CLIENTS {
            let stream = listener.accept().await.unwrap();
            peers.push(stream.peer_addr().unwrap().ip().unwrap());
            stream.abort();
        }
        let mut expected: Vec<_> = clients.join().unwrap().iter().map(|client| client.local_addr().unwrap()).collect();
        peers.sort_unstable();
        expected.sort_unstable();
        assert_eq!(peers, expected);
    });
}

#[test]
fn a_second_accept_is_told_busy() {
    run(async {
        let listener = Rc::new(local().await);
        let first = accepting(&listener);
        yield_now().await;
        assert!(listener.is_busy());
        assert_eq!(listener.accept().await.unwrap_err().to_string(), "busy");
        let client = TcpStream::connect(listener.local_ip().unwrap()).await.unwrap();
        first.await.unwrap().unwrap().abort();
        client.abort();
        assert!(!listener.is_busy());
    });
}

#[test]
fn an_interrupted_accept_loses_no_connection() {
    run(async {
        let listener = Rc::new(local().await);
        assert_eq!(listener.interrupt().unwrap_err().to_string(), "not busy");
        let first = accepting(&listener);
        yield_now().await;
        let client = StdStream::connect(listener.local_ip().unwrap()).unwrap();
        // The connection is there already; the task has not seen it yet.
        listener.interrupt().unwrap();
        assert!(!listener.is_busy());
        assert_eq!(listener.interrupt().unwrap_err().to_string(), "not busy");
        assert_eq!(first.await.unwrap().unwrap_err().to_string(), "interrupted");
        let stream = listener.accept().await.unwrap();
        assert_eq!(stream.peer_addr().unwrap().ip(), client.local_addr().ok());
        stream.abort();
    });
}

#[test]
fn a_dropped_accept_loses_no_connection() {
    run(async {
        let listener = local().await;
        {
            let mut accepting = pin!(listener.accept());
            assert!(poll_once(accepting.as_mut()).await.is_pending());
            assert!(listener.is_busy());
        }
        assert!(!listener.is_busy());
        let client = StdStream::connect(listener.local_ip().unwrap()).unwrap();
        let stream = listener.accept().await.unwrap();
        assert_eq!(stream.peer_addr().unwrap().ip(), client.local_addr().ok());
        stream.abort();
    });
}

#[test]
fn closing_interrupts_the_waiting_task_and_a_second_close_is_already_closed() {
    let machine = watched_machine();
    run_on(&machine, async {
        let listener = Rc::new(local().await);
        let address = listener.local_ip().unwrap();
        let waiting = accepting(&listener);
        yield_now().await;
        assert!(!listener.is_closed());
        listener.close().unwrap();
        assert!(listener.is_closed() && !listener.is_busy());
        assert_eq!(waiting.await.unwrap().unwrap_err().to_string(), "interrupted");
        assert_eq!(listener.accept().await.unwrap_err().to_string(), "closed");
        assert_eq!(listener.close().unwrap_err().to_string(), "already closed");
        assert_eq!(listener.interrupt().unwrap_err().to_string(), "not busy");
        // It is gone for the world too, though its value lives on and still tells where it was.
        assert_eq!(machine.counts().2, 0);
        assert!(matches!(TcpStream::connect(address).await, Err(Error::Connect(_))));
        assert_eq!(listener.local_ip(), Some(address));
    });
}

#[test]
fn accepted_connections_outlive_their_listener() {
    run(async {
        let listener = local().await;
        let client = TcpStream::connect(listener.local_ip().unwrap()).await.unwrap();
        let server = listener.accept().await.unwrap();
        drop(listener);
        client.write("still here\n").await.unwrap();
        assert_eq!(server.read_line_trimmed().await.unwrap(), "still here");
        client.abort();
        server.abort();
    });
}

#[test]
fn autospawn_handles_each_connection_until_it_is_interrupted() {
    run(async {
        let listener = Rc::new(local().await);
        let theirs = listener.clone();
        let serving = spawn(async move {
            let handler = |stream: TcpStream| async move {
                let line = stream.read(ReadMode::Line).await.unwrap();
                if line == b"panic\n" {
                    panic_quietly("in a handler");
                }
                stream.write(&line).await.unwrap();
                stream.shutdown().await.unwrap();
            };
            theirs.autospawn(handler).await
        });
        for line in ["first\n", "panic\n", "third\n"] {
            let client = TcpStream::connect(listener.local_ip().unwrap()).await.unwrap();
            client.write(line).await.unwrap();
            client.close_write().unwrap();
            let answer = client.read(ReadMode::All).await;
            if line == "panic\n" {
                assert!(matches!(answer, Err(Error::Truncated(Cut::Reset))), "{answer:?}");
            } else {
                assert_eq!(answer.unwrap(), line.as_bytes());
            }
        }
        listener.interrupt().unwrap();
        assert_eq!(serving.await.unwrap().unwrap_err().to_string(), "interrupted");
        assert!(!listener.is_closed());
    });
}

#[test]
fn handlers_go_on_when_autospawn_is_dropped() {
    run(async {
        let listener = Rc::new(local().await);
        let (done, guard) = drop_flag();
        let guard = std::cell::Cell::new(Some(guard));
        let theirs = listener.clone();
        let serving = spawn(async move {
            let handler = |stream: TcpStream| {
                let guard = guard.take();
                async move {
                    let _guard = guard;
                    let line = stream.read(ReadMode::Line).await.unwrap();
                    stream.write(&line).await.unwrap();
                    stream.read(ReadMode::All).await.unwrap();
                }
            };
            theirs.autospawn(handler).await
        });
        let client = TcpStream::connect(listener.local_ip().unwrap()).await.unwrap();
        client.write("hello\n").await.unwrap();
        // The answer says that the handler runs.
        client.read(ReadMode::Line).await.unwrap();
        serving.cancel();
        assert!(!done.get(), "the handler went with the one who accepts");
        client.close().unwrap();
        while !done.get() {
            lem_rs::sleep(std::time::Duration::from_millis(1)).await;
        }
    });
}

const IN_THE_WAY: &str = "address already in use: if no other process listens there, remove the file first";

#[cfg(unix)]
#[test]
fn a_socket_file_that_is_in_the_way_is_told_with_what_to_do() {
    let folder = Scratch::new("stale");
    let address = format!("unix:{}", folder.path().join("service.sock").display());
    run(async {
        drop(Listener::bind(&address).await.unwrap());
        let error = Listener::bind(&address).await.unwrap_err();
        assert_eq!(error.to_string(), format!("cannot listen on {address}: {IN_THE_WAY}"));
        assert!(matches!(error, Error::Io { source, .. } if source.kind() == io::ErrorKind::AddrInUse));
    });
}
