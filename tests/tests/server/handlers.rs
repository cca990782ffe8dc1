//! What a handler does concerns its own stream only.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;

use lem_ssl_rs::{Error, ReadMode, Server, ServerOptions, Stream, WriteQueue, spawn, yield_now};

use crate::support::{check, connect, echo, is_answered, is_echoed, listen, until};

/// Serves with `handler`, beside the test.
fn answer<F: Future<Output = ()> + 'static>(server: &Rc<Server>, handler: impl Fn(Stream) -> F + 'static) {
    let accepting = server.clone();
    spawn(async move { accepting.autospawn(handler).await }).detach();
}

/// The stream ended without a goodbye: what came of it is not all.
async fn is_cut_off(client: &Stream) {
    let end = client.read(1).await;
    assert!(matches!(end, Err(Error::Truncated(_))), "{end:?}");
}

#[test]
fn a_panic_in_a_handler_ends_that_stream_only() {
    check(async {
        let server = listen(ServerOptions::default()).await;
        answer(&server, |stream| async move {
            let line = stream.read(ReadMode::Line).await.unwrap();
            assert_ne!(line, b"panic\n", "this panic is part of the test");
            stream.write(&line).await.unwrap();
            echo(stream).await;
        });
        let other = connect(&server).await;
        is_echoed(&other, "one\n").await;
        for _ in 0..3 {
            let client = connect(&server).await;
            client.write("panic\n").await.unwrap();
            is_cut_off(&client).await;
        }
        is_echoed(&other, "two\n").await;
        is_answered(&server).await;
        drop(other);
        until(|| server.counters().open == 0).await;
    });
}

#[test]
fn a_panic_before_a_handler_has_a_future_ends_that_stream_only() {
    check(async {
        let server = listen(ServerOptions::default()).await;
        let calls = Rc::new(Cell::new(0));
        answer(&server, move |stream| {
            calls.set(calls.get() + 1);
            assert_ne!(calls.get(), 2, "this panic is part of the test");
            echo(stream)
        });
        let other = connect(&server).await;
        is_echoed(&other, "one\n").await;
        is_cut_off(&connect(&server).await).await;
        is_echoed(&other, "two\n").await;
        is_answered(&server).await;
    });
}

#[test]
fn a_client_that_never_reads_holds_up_nobody() {
    check(async {
        let server = listen(ServerOptions::default()).await;
        let written = Rc::new(Cell::new(0));
        let count = written.clone();
        answer(&server, move |stream| {
            let count = count.clone();
            async move {
                let line = stream.read(ReadMode::Line).await.unwrap();
                if line != b"flood\n" {
                    stream.write(&line).await.unwrap();
                    return echo(stream).await;
                }
                while stream.write(&[0; 64 * 1024]).await.is_ok() {
                    count.set(stream.bytes_written());
                }
            }
        });
        let mut slow = Vec::new();
        for _ in 0..5 {
            let client = connect(&server).await;
            client.write("flood\n").await.unwrap();
            slow.push(client);
        }
        let other = connect(&server).await;
        // Until the kernel takes no more for any of the five.
        let mut before = None;
        while before != Some(server.counters().sent) {
            before = Some(server.counters().sent);
            for _ in 0..20 {
                is_echoed(&other, "meanwhile\n").await;
                before = before.map(|sent| sent + "meanwhile\n".len() as u64);
            }
        }
        assert!(written.get() > 0);
        is_answered(&server).await;
        drop(slow);
        is_answered(&server).await;
        drop(other);
        until(|| server.counters().open == 0).await;
    });
}

#[test]
fn a_client_that_never_stops_sending_holds_up_nobody() {
    check(async {
        let server = listen(ServerOptions::default()).await;
        answer(&server, echo);
        let fast = Rc::new(connect(&server).await);
        let sending = fast.clone();
        // It reads nothing either: the handler is stuck in its write, and the kernel keeps the rest away from us.
        let task = spawn(async move { while sending.write(&b"x\n".repeat(32 * 1024)).await.is_ok() {} });
        for _ in 0..20 {
            is_answered(&server).await;
        }
        fast.abort();
        task.await.unwrap();
        is_answered(&server).await;
    });
}

#[test]
fn handlers_go_on_when_the_accepting_task_is_interrupted_and_new_ones_come_after() {
    check(async {
        let server = listen(ServerOptions::default()).await;
        answer(&server, echo);
        let first = connect(&server).await;
        is_echoed(&first, "one\n").await;
        server.interrupt().unwrap();
        until(|| !server.is_busy()).await;
        let second = connect(&server).await;
        second.write("early\n").await.unwrap();
        for _ in 0..50 {
            yield_now().await;
        }
        answer(&server, echo);
        assert_eq!(second.read(ReadMode::Line).await.unwrap(), b"early\n");
        is_echoed(&first, "two\n").await;
    });
}

/// How a handler holds its stream when it panics.
const HOLDS: [&str; 6] = ["whole", "split", "writer only", "queue", "shared", "polled"];

#[test]
fn half_an_answer_before_a_panic_is_never_a_whole_one_however_the_stream_is_held() {
    check(async {
        for hold in HOLDS {
            let server = listen(ServerOptions::default()).await;
            answer(&server, move |stream| async move {
                stream.read(ReadMode::Line).await.unwrap();
                match hold {
                    "split" => {
                        let (_reader, writer) = stream.split();
                        writer.write("half").await.unwrap();
                        panic!("this panic is part of the test");
                    }
                    "writer only" => {
                        let (reader, writer) = stream.split();
                        drop(reader);
                        writer.write("half").await.unwrap();
                        panic!("this panic is part of the test");
                    }
                    "queue" => {
                        let (_reader, writer) = stream.split();
                        let queue = WriteQueue::new(writer);
                        queue.write("half").await.unwrap();
                        panic!("this panic is part of the test");
                    }
                    "shared" => {
                        let stream = Rc::new(stream);
                        let other = stream.clone();
                        stream.write("half").await.unwrap();
                        drop(other);
                        panic!("this panic is part of the test");
                    }
                    "polled" => {
                        let mut polled = stream.into_polled();
                        poll_fn(|cx| polled.poll_write(cx, b"half")).await.unwrap();
                        poll_fn(|cx| polled.poll_flush(cx)).await.unwrap();
                        panic!("this panic is part of the test");
                    }
                    _ => {
                        stream.write("half").await.unwrap();
                        panic!("this panic is part of the test");
                    }
                }
            });
            let client = connect(&server).await;
            client.write("go\n").await.unwrap();
            let all = client.read(ReadMode::All).await;
            assert!(matches!(all, Err(Error::Truncated(_))), "{hold}: {all:?}");
            assert_eq!(client.read(ReadMode::Available).await.unwrap(), b"half", "{hold}");
            until(|| server.counters().open == 0).await;
        }
    });
}
