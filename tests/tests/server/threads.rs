//! Several threads at one address.

use std::cell::Cell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lem_ssl_rs::{
    Error, LiveContext, ReadMode, ServerOptions, Stream, TcpStream, Threads, serve_threads, sleep, unblock,
};

use crate::support::{certificates_of, check, client_context, identity, issue, server_builder, server_context, until};

const LONG: Duration = Duration::from_secs(3_600);

/// The kernel chooses a thread by the client's port; among so many, each of two has some (1 in 2^199 otherwise).
const ENOUGH: usize = 200;

async fn connect(address: SocketAddr) -> Stream {
    client_context().connect_as(address, "localhost").await.unwrap()
}

/// Asks which thread answers, and how many it has answered so far.
async fn ask(client: &Stream) -> (usize, u32) {
    client.write("?\n").await.unwrap();
    let answer = String::from_utf8(client.read(ReadMode::Line).await.unwrap()).unwrap();
    let (thread, count) = answer.trim().split_once(' ').unwrap();
    (thread.parse().unwrap(), count.parse().unwrap())
}

/// Answers each line with the thread's number and how many lines the thread has answered: state without a lock.
fn answering(alive: &Arc<()>) -> impl Fn(usize) -> Handler + Clone + Send + use<> {
    let alive = alive.clone();
    move |thread| {
        let (count, alive) = (Rc::new(Cell::new(0)), alive.clone());
        Box::new(move |stream: Stream| {
            let (count, alive) = (count.clone(), alive.clone());
            Box::pin(async move {
                while stream.read(ReadMode::Line).await.is_ok() {
                    count.set(count.get() + 1);
                    if stream.write(&format!("{thread} {}\n", count.get())).await.is_err() {
                        break;
                    }
                }
                drop(alive);
            })
        })
    }
}

type Handler = Box<dyn Fn(Stream) -> std::pin::Pin<Box<dyn Future<Output = ()>>>>;

fn start(threads: usize, live: impl Into<LiveContext>, alive: &Arc<()>) -> Threads {
    serve_threads(threads, "127.0.0.1:0", live, ServerOptions::default(), answering(alive)).unwrap()
}

/// Whether nothing of the threads is left: no handler, no factory.
#[track_caller]
fn nothing_is_left(alive: &Arc<()>) {
    assert_eq!(Arc::strong_count(alive), 1);
}

/// Clients until each of two threads has one.
async fn one_client_each(address: SocketAddr) -> HashMap<usize, Stream> {
    let mut clients = HashMap::new();
    for _ in 0..ENOUGH {
        let client = connect(address).await;
        let (thread, _) = ask(&client).await;
        clients.entry(thread).or_insert(client);
        if clients.len() == 2 {
            return clients;
        }
    }
    panic!("one thread had none of {ENOUGH} clients");
}

#[test]
fn each_thread_serves_with_state_of_its_own() {
    check(async {
        let alive = Arc::new(());
        let threads = start(2, server_context(), &alive);
        let address = threads.local_addr().unwrap();
        let mut answers: HashMap<usize, u32> = HashMap::new();
        for _ in 0..ENOUGH {
            let client = connect(address).await;
            for _ in 0..3 {
                let (thread, count) = ask(&client).await;
                let seen = answers.entry(thread).or_default();
                *seen += 1;
                assert_eq!(count, *seen, "thread {thread} counts its own");
            }
            client.shutdown().await.unwrap();
            if answers.len() == 2 {
                break;
            }
        }
        assert_eq!(answers.len(), 2, "one thread served nobody: {answers:?}");
        assert!(answers.keys().all(|thread| *thread < 2));
        let drained = unblock(move || threads.stop(LONG)).await.unwrap().unwrap();
        // The last client is through, but its thread may not have heard so.
        assert_eq!(drained.closed, 0);
        nothing_is_left(&alive);
    });
}

#[test]
fn counters_add_up() {
    check(async {
        let alive = Arc::new(());
        let threads = Arc::new(start(2, server_context(), &alive));
        let shown = format!("{threads:?}");
        assert!(shown.starts_with("Threads { threads: 2, local: "), "{shown}");
        let clients = one_client_each(threads.local_addr().unwrap()).await;
        let asking = threads.clone();
        let counters = unblock(move || asking.counters()).await.unwrap();
        assert!(counters.accepted >= 2);
        assert_eq!(counters.handshakes_finished, counters.accepted);
        // Each client has asked once, with two bytes.
        assert_eq!(counters.received, 2 * counters.accepted);
        assert!(counters.open >= 2);
        drop(clients);
        loop {
            let asking = threads.clone();
            if unblock(move || asking.counters()).await.unwrap().open == 0 {
                break;
            }
        }
    });
}

#[test]
fn stopping_waits_for_the_streams_of_all_threads() {
    check(async {
        let alive = Arc::new(());
        let threads = start(2, server_context(), &alive);
        let address = threads.local_addr().unwrap();
        let clients = one_client_each(address).await;
        let stopping = lem_ssl_rs::spawn(async move { unblock(move || threads.stop(LONG)).await.unwrap().unwrap() });
        // New connections are refused as soon as both threads have heard of it.
        while TcpStream::connect(address).await.is_ok() {
            sleep(Duration::from_millis(1)).await;
        }
        assert!(!stopping.is_finished());
        for client in clients.values() {
            ask(client).await;
            client.shutdown().await.unwrap();
        }
        let drained = stopping.await.unwrap();
        assert_eq!(drained.closed, 0);
        assert!(drained.finished >= 2, "{drained:?}");
        nothing_is_left(&alive);
    });
}

#[test]
fn stopping_closes_what_is_left_at_the_deadline() {
    check(async {
        let alive = Arc::new(());
        let threads = start(2, server_context(), &alive);
        let clients = one_client_each(threads.local_addr().unwrap()).await;
        let stopping = lem_ssl_rs::spawn(async move { unblock(move || threads.stop(Duration::ZERO)).await.unwrap() });
        for client in clients.values() {
            assert!(matches!(client.read(1).await, Err(Error::Closed)));
            client.shutdown().await.unwrap();
        }
        let drained = stopping.await.unwrap().unwrap();
        assert!(drained.closed >= 2, "{drained:?}");
        nothing_is_left(&alive);
    });
}

#[test]
fn all_threads_tell_what_happens() {
    check(async {
        let alive = Arc::new(());
        let threads = start(2, server_context(), &alive);
        let address = threads.local_addr().unwrap();
        let told: Arc<Mutex<Vec<(usize, String)>>> = Arc::default();
        let tell = told.clone();
        threads.on_event(move |thread, event| tell.lock().unwrap().push((thread, event.to_string())));
        // A thread that answers this has handled the order before it.
        let threads = unblock(move || (threads.counters(), threads)).await.unwrap().1;
        for _ in 0..ENOUGH {
            let hostile = TcpStream::connect(address).await.unwrap();
            hostile.write("GET / HTTP/1.0\r\n\r\n").await.unwrap();
            assert!(hostile.read(ReadMode::All).await.is_ok());
        }
        until(|| told.lock().unwrap().len() == ENOUGH).await;
        let told = std::mem::take(&mut *told.lock().unwrap());
        assert!(
            told.iter().all(|(_, event)| event.contains("127.0.0.1:") && event.contains("HTTP request")),
            "{told:?}"
        );
        for thread in 0..2 {
            assert!(told.iter().any(|(number, _)| *number == thread), "thread {thread} told nothing");
        }
        unblock(move || threads.stop(LONG)).await.unwrap().unwrap();
        nothing_is_left(&alive);
    });
}

#[test]
fn dropping_the_threads_stops_them() {
    check(async {
        let alive = Arc::new(());
        let threads = start(2, server_context(), &alive);
        let address = threads.local_addr().unwrap();
        ask(&connect(address).await).await;
        unblock(move || drop(threads)).await.unwrap();
        TcpStream::connect(address).await.unwrap_err();
        nothing_is_left(&alive);
    });
}

#[test]
fn a_reload_reaches_all_threads() {
    check(async {
        let (old, new) = (issue(&["localhost"]), issue(&["localhost", "new.test"]));
        let of = |issued| server_builder().identity(identity(issued)).build().unwrap();
        let live = LiveContext::new(of(&old));
        let alive = Arc::new(());
        let threads = start(2, live.clone(), &alive);
        let address = threads.local_addr().unwrap();
        for client in one_client_each(address).await.values() {
            assert_eq!(certificates_of(client), old.chain_der);
        }
        live.replace(of(&new)).unwrap();
        for client in one_client_each(address).await.values() {
            assert_eq!(certificates_of(client), new.chain_der);
        }
        unblock(move || threads.stop(Duration::ZERO)).await.unwrap().unwrap();
    });
}

#[test]
fn a_panic_in_a_handler_concerns_neither_its_thread_nor_the_others() {
    check(async {
        let factory = |thread: usize| {
            move |stream: Stream| {
                // Before there is a future.
                let panics = stream.info().unwrap().requested_name.as_deref() == Some("panic.test");
                assert!(!panics, "this panic is part of the test");
                async move {
                    while stream.read(ReadMode::Line).await.is_ok() {
                        stream.write(&format!("{thread} 0\n")).await.unwrap();
                    }
                }
            }
        };
        let context = server_builder().identity(identity(&issue(&["localhost", "panic.test"]))).build().unwrap();
        let threads = serve_threads(2, "127.0.0.1:0", context, ServerOptions::default(), factory).unwrap();
        let address = threads.local_addr().unwrap();
        let clients = one_client_each(address).await;
        for _ in 0..10 {
            let client = client_context().connect_as(address, "panic.test").await.unwrap();
            assert!(matches!(client.read(1).await, Err(Error::Truncated(_))));
        }
        for client in clients.values() {
            ask(client).await;
        }
        one_client_each(address).await;
        drop(clients);
        unblock(move || threads.stop(Duration::ZERO)).await.unwrap().unwrap();
    });
}

#[test]
fn a_factory_that_panics_is_an_error_and_leaves_nothing_running() {
    for bad in [0, 1] {
        let alive = Arc::new(());
        let inner = answering(&alive);
        let factory = move |thread| {
            assert_ne!(thread, bad, "this panic is part of the test");
            inner(thread)
        };
        let started = serve_threads(2, "127.0.0.1:0", server_context(), ServerOptions::default(), factory);
        assert!(started.unwrap_err().to_string().contains("thread"));
        nothing_is_left(&alive);
    }
}

#[test]
fn an_address_that_cannot_be_bound_is_an_error_and_leaves_nothing_running() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let alive = Arc::new(());
    let started = serve_threads(2, address, server_context(), ServerOptions::default(), answering(&alive));
    let message = started.unwrap_err().to_string();
    assert!(message.contains("in use") && message.contains(&address.to_string()), "{message}");
    nothing_is_left(&alive);
}

#[test]
fn what_cannot_be_served_on_threads_is_refused_with_a_reason() {
    let alive = Arc::new(());
    let start = |threads, address: &str, context| {
        serve_threads(threads, address, context, ServerOptions::default(), answering(&alive)).unwrap_err().to_string()
    };
    assert!(start(0, "127.0.0.1:0", server_context()).contains("no threads"));
    assert!(start(2, "unix:/tmp/socket", server_context()).contains("Unix-domain"));
    assert!(start(2, "127.0.0.1", server_context()).contains("no port"));
    assert!(start(2, "127.0.0.1:0", client_context()).contains("no identity"));
    nothing_is_left(&alive);
}
