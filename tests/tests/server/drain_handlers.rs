//! Draining waits for handlers as well as for streams, and ends in time.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use lem_ssl_rs::{
    Drained, Error, HandlerResult, Queue, ReadMode, Server, ServerOptions, Stream, sleep, spawn, yield_now,
};

use crate::support::{at_once, check, connect, listen, until};

const LONG: Duration = Duration::from_secs(3_600);

/// What a drain must have counted of streams.
fn counts(drained: Drained) -> (u64, u64) {
    (drained.finished, drained.closed)
}

/// Serves with `handler`, beside the test.
fn answer<F: Future<Output: HandlerResult> + 'static>(server: &Rc<Server>, handler: impl Fn(Stream) -> F + 'static) {
    let accepting = server.clone();
    spawn(async move { accepting.autospawn(handler).await }).detach();
}

/// What a drain must have counted of handlers.
fn handlers(drained: Drained) -> (u64, u64) {
    (drained.handlers_finished, drained.handlers_running)
}

#[test]
fn it_waits_for_a_handler_that_works_on_after_its_stream_was_closed() {
    check(async {
        let server = listen(ServerOptions::default()).await;
        let (done, go) = (Rc::new(Cell::new(false)), Queue::new());
        let (working, gate) = (done.clone(), go.clone());
        answer(&server, move |stream| {
            let (done, gate) = (working.clone(), gate.clone());
            async move {
                stream.shutdown().await.unwrap();
                gate.get().await.unwrap();
                done.set(true);
            }
        });
        connect(&server).await.shutdown().await.unwrap();
        until(|| server.counters().handshakes_finished == 1 && server.counters().open == 0).await;
        let mut draining = pin!(server.drain(LONG));
        for _ in 0..50 {
            assert!(at_once(draining.as_mut()).await.is_none(), "the handler works");
            yield_now().await;
        }
        go.put(());
        let drained = draining.await;
        assert!(done.get());
        assert_eq!((counts(drained), handlers(drained)), ((0, 0), (1, 0)));
    });
}

#[test]
fn a_handler_that_goes_on_for_ever_is_counted_at_the_deadline_and_left_to_itself() {
    check(async {
        let server = listen(ServerOptions::default()).await;
        let ticks = Rc::new(Cell::new(0));
        let counting = ticks.clone();
        answer(&server, move |stream| {
            let ticks = counting.clone();
            async move {
                drop(stream);
                loop {
                    sleep(Duration::from_millis(1)).await;
                    ticks.set(ticks.get() + 1);
                }
            }
        });
        connect(&server).await.shutdown().await.unwrap();
        let drained = server.drain(Duration::from_millis(20)).await;
        assert_eq!(handlers(drained), (0, 1));
        let before = ticks.get();
        until(|| ticks.get() > before).await;
        assert_eq!(handlers(server.drain(Duration::ZERO).await), (0, 1), "it still runs");
    });
}

#[test]
fn a_handler_that_holds_its_stream_as_poll_functions_is_waited_for_and_closed_at_the_deadline() {
    check(async {
        let server = listen(ServerOptions::default()).await;
        answer(&server, |stream| async move {
            let mut polled = stream.into_polled();
            let mut buffer = [0; 16];
            while let Ok(1..) = poll_fn(|cx| polled.poll_read(cx, &mut buffer)).await {}
        });
        let (ends, stays) = (connect(&server).await, connect(&server).await);
        until(|| server.counters().open == 2).await;
        for _ in 0..50 {
            yield_now().await;
        }
        let mut draining = pin!(server.drain(Duration::from_millis(50)));
        assert!(at_once(draining.as_mut()).await.is_none());
        ends.shutdown().await.unwrap();
        let drained = draining.await;
        assert_eq!((counts(drained), handlers(drained)), ((1, 1), (1, 1)));
        assert!(matches!(stays.read(1).await, Err(Error::Closed)), "a proper end");
        // It hears of it, and ends.
        assert_eq!(handlers(server.drain(LONG).await).1, 0);
    });
}

#[test]
fn a_handler_that_panics_or_fails_while_it_is_drained_has_ended() {
    check(async {
        let server = listen(ServerOptions::default()).await;
        answer(&server, |stream| async move {
            let line = stream.read(ReadMode::Line).await?;
            assert_ne!(line, b"panic\n", "this panic is part of the test");
            stream.read(ReadMode::Line).await.map(drop)
        });
        let (panics, fails) = (connect(&server).await, connect(&server).await);
        until(|| server.counters().open == 2).await;
        for _ in 0..50 {
            yield_now().await;
        }
        let mut draining = pin!(server.drain(LONG));
        assert!(at_once(draining.as_mut()).await.is_none());
        panics.write("panic\n").await.unwrap();
        fails.write("half").await.unwrap();
        fails.shutdown().await.unwrap();
        drop(panics);
        let drained = draining.await;
        assert_eq!((counts(drained), handlers(drained)), ((2, 0), (2, 0)));
        assert_eq!((server.counters().handlers_failed, server.counters().handlers_panicked), (1, 1));
    });
}

#[test]
fn a_handler_that_drains_its_own_server_ends_in_time() {
    check(async {
        let server = listen(ServerOptions::default()).await;
        let (drained, own) = (Rc::new(Cell::new(None)), Rc::downgrade(&server));
        let telling = drained.clone();
        answer(&server, move |stream| {
            let (server, telling) = (own.upgrade().unwrap(), telling.clone());
            async move {
                drop(stream);
                telling.set(Some(server.drain(Duration::from_millis(20)).await));
            }
        });
        connect(&server).await.shutdown().await.unwrap();
        until(|| drained.get().is_some()).await;
        assert_eq!(handlers(drained.get().unwrap()), (0, 1));
    });
}
