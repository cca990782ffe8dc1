//! `stream.with_transport(look)`: the stream can be used while somebody looks at its transport.

use std::rc::Rc;

use lem_rs::ReadMode;
use lem_rs::transport::Transport;

use crate::support::{Carrier, at_once, on_every_stream, says, until};

on_every_stream! {
    a_stream_can_be_closed_while_it_is_looked_at,
    a_stream_can_be_aborted_while_it_is_looked_at,
    a_sending_side_can_be_closed_while_it_is_looked_at,
    reads_and_writes_are_busy_while_it_is_looked_at,
    it_can_be_looked_at_while_it_is_looked_at,
    a_task_that_waits_can_be_interrupted_while_it_is_looked_at,
    what_is_dropped_while_it_is_looked_at_loses_nothing,
}

async fn a_stream_can_be_closed_while_it_is_looked_at(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    near.write("all of it").await.unwrap();
    near.with_transport(|transport| {
        near.close().unwrap();
        says(near.close(), "already closed");
        assert!(near.is_closed());
        // What is looked at is there as long as somebody looks.
        assert!(transport.source().peer().is_ok());
    })
    .unwrap();
    assert_eq!(far.read(ReadMode::All).await.unwrap(), b"all of it");
    far.close().unwrap();
    near.shutdown().await.unwrap();
}

async fn a_stream_can_be_aborted_while_it_is_looked_at(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    near.with_transport(|_| near.abort()).unwrap();
    assert!(near.is_closed() && near.with_transport(|_| ()).is_none());
    let _ = far.read(ReadMode::All).await;
    assert!(far.is_closed());
}

async fn a_sending_side_can_be_closed_while_it_is_looked_at(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    near.with_transport(|_| near.close_write().unwrap()).unwrap();
    assert_eq!(far.read(ReadMode::All).await.unwrap(), b"");
    far.write("reply").await.unwrap();
    assert_eq!(near.read(5).await.unwrap(), b"reply");
}

async fn reads_and_writes_are_busy_while_it_is_looked_at(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let shared = Rc::new(near);
    let theirs = shared.clone();
    let mut read = std::pin::pin!(async { theirs.read(1).await });
    let mut write = std::pin::pin!(async { theirs.write("x").await });
    let waker = std::task::Waker::noop();
    let mut cx = std::task::Context::from_waker(waker);
    shared
        .with_transport(|_| {
            let std::task::Poll::Ready(result) = read.as_mut().poll(&mut cx) else { panic!("it waits") };
            says(result, "busy");
            let std::task::Poll::Ready(result) = write.as_mut().poll(&mut cx) else { panic!("it waits") };
            says(result, "busy");
        })
        .unwrap();
    shared.write("y").await.unwrap();
    assert_eq!(far.read(1).await.unwrap(), b"y");
}

async fn it_can_be_looked_at_while_it_is_looked_at(carrier: impl Carrier) {
    let (near, _far) = carrier.pair().await;
    let seen = near.with_transport(|outer| {
        near.with_transport(|inner| std::ptr::eq(outer, inner)).unwrap()
            && near.peer_addr().is_ok()
            && near.info().is_some()
    });
    assert_eq!(seen, Some(true));
}

async fn a_task_that_waits_can_be_interrupted_while_it_is_looked_at(carrier: impl Carrier) {
    let (near, _far) = carrier.pair().await;
    let near = Rc::new(near);
    let reader = lem_rs::spawn({
        let near = near.clone();
        async move { near.read(1).await }
    });
    until(|| near.is_busy()).await;
    near.with_transport(|_| near.interrupt().unwrap()).unwrap();
    says(reader.await.unwrap(), "interrupted");
}

async fn what_is_dropped_while_it_is_looked_at_loses_nothing(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    far.write("one\ntwo\n").await.unwrap();
    let mut lines = near.lines();
    assert_eq!(lines.next().await.unwrap().unwrap(), b"one\n");
    let mut read = Box::pin(near.read(100));
    assert!(at_once(&mut read).await.is_some_and(|busy| busy.is_err()));
    near.with_transport(|_| {
        drop(lines);
        drop(read);
    })
    .unwrap();
    assert_eq!(near.read(ReadMode::Line).await.unwrap(), b"two\n");
}
