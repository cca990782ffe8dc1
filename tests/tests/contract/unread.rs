//! Nothing is lost: an interrupted, timed out or dropped read consumes nothing, in whatever mode.

use std::rc::Rc;
use std::time::Duration;

use lem_rs::transport::Transport;
use lem_rs::{ReadMode, Stream, spawn, timeout};

use crate::support::{Carrier, at_once, both, on_every_stream, says, until};

on_every_stream! {
    an_interrupted_read_consumes_nothing,
    a_read_that_was_timed_out_consumes_nothing,
    a_dropped_read_consumes_nothing,
    a_cancelled_task_consumes_nothing,
    an_interrupted_read_without_a_mode_loses_nothing,
    a_read_that_is_interrupted_as_data_arrives_consumes_nothing,
    a_read_that_is_dropped_as_data_arrives_consumes_nothing,
    an_interrupted_read_into_leaves_the_vector_alone,
    the_same_line_survives_many_timeouts,
    after_an_interrupt_another_task_may_read_at_once,
}

/// What is sent in two parts; neither part satisfies any of the modes below, and all of it satisfies each.
const FIRST: &[u8] = b"GET / HT";
const SECOND: &[u8] = b"TP/1.0\r\n";
const MODES: [ReadMode; 3] = [ReadMode::Exact(16), ReadMode::Line, ReadMode::All];

/// Reads what was begun before: every byte of both parts, in each mode.
async fn nothing_is_missing<T: Transport>(near: &Stream<T>, far: Stream<T>, mode: ReadMode) {
    far.write(SECOND).await.unwrap();
    far.close().unwrap();
    assert_eq!(near.read(mode).await.unwrap(), [FIRST, SECOND].concat());
    assert_eq!(near.bytes_read(), 16);
}

async fn an_interrupted_read_consumes_nothing(carrier: impl Carrier) {
    for mode in MODES {
        let (near, far) = carrier.pair().await;
        let interrupter = async {
            far.write(FIRST).await.unwrap();
            until(|| near.buffered() == FIRST.len()).await;
            near.interrupt().unwrap();
        };
        let (read, ()) = both(near.read(mode), interrupter).await;
        says(read, "interrupted");
        nothing_is_missing(&near, far, mode).await;
    }
}

async fn a_read_that_was_timed_out_consumes_nothing(carrier: impl Carrier) {
    for mode in MODES {
        let (near, far) = carrier.pair().await;
        far.write(FIRST).await.unwrap();
        // However long this takes: the read cannot be satisfied, so the time runs out.
        while near.buffered() < FIRST.len() {
            timeout(Duration::from_millis(1), near.read(mode)).await.unwrap_err();
        }
        assert!(!near.is_busy());
        nothing_is_missing(&near, far, mode).await;
    }
}

async fn a_dropped_read_consumes_nothing(carrier: impl Carrier) {
    for mode in MODES {
        let (near, far) = carrier.pair().await;
        far.write(FIRST).await.unwrap();
        until_polled_in(&near, mode).await;
        assert!(!near.is_busy(), "the task that waited is gone");
        nothing_is_missing(&near, far, mode).await;
    }
}

/// Begins and drops reads until the first part has arrived.
async fn until_polled_in<T: Transport>(near: &Stream<T>, mode: ReadMode) {
    while near.buffered() < FIRST.len() {
        assert!(at_once(near.read(mode)).await.is_none(), "the first part is too little");
        lem_rs::yield_now().await;
    }
}

async fn a_cancelled_task_consumes_nothing(carrier: impl Carrier) {
    for mode in MODES {
        let (near, far) = carrier.pair().await;
        let near = Rc::new(near);
        let reader = near.clone();
        let task = spawn(async move { reader.read(mode).await });
        far.write(FIRST).await.unwrap();
        until(|| near.buffered() == FIRST.len()).await;
        task.cancel();
        task.await.unwrap_err();
        nothing_is_missing(&near, far, mode).await;
    }
}

async fn an_interrupted_read_without_a_mode_loses_nothing(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let interrupter = async {
        until(|| near.is_busy()).await;
        near.interrupt().unwrap();
    };
    let (read, ()) = both(near.read(ReadMode::Available), interrupter).await;
    says(read, "interrupted");
    timeout(Duration::from_millis(1), near.read(ReadMode::Available)).await.unwrap_err();
    assert!(at_once(near.read(ReadMode::Available)).await.is_none());
    far.write(FIRST).await.unwrap();
    assert_eq!(near.read(ReadMode::Available).await.unwrap(), FIRST);
}

/// The data is in the kernel, and the reader may even be woken, when the interrupt comes.
async fn a_read_that_is_interrupted_as_data_arrives_consumes_nothing(carrier: impl Carrier) {
    for mode in [ReadMode::Available, ReadMode::Exact(8), ReadMode::Line] {
        let (near, far) = carrier.pair().await;
        let near = Rc::new(near);
        let reader = near.clone();
        let task = spawn(async move { reader.read(mode).await });
        until(|| near.is_busy()).await;
        far.write("8 bytes\n").await.unwrap();
        // This task has not given way since: the reader has seen nothing yet.
        near.interrupt().unwrap();
        says(task.await.unwrap(), "interrupted");
        assert_eq!(near.read(mode).await.unwrap(), b"8 bytes\n");
    }
}

async fn a_read_that_is_dropped_as_data_arrives_consumes_nothing(carrier: impl Carrier) {
    for mode in [ReadMode::Available, ReadMode::Exact(8), ReadMode::Line] {
        let (near, far) = carrier.pair().await;
        let near = Rc::new(near);
        let reader = near.clone();
        let task = spawn(async move { reader.read(mode).await });
        until(|| near.is_busy()).await;
        far.write("8 bytes\n").await.unwrap();
        task.cancel();
        task.await.unwrap_err();
        assert_eq!(near.read(mode).await.unwrap(), b"8 bytes\n");
    }
}

async fn an_interrupted_read_into_leaves_the_vector_alone(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let mut target = b"precious".to_vec();
    let interrupter = async {
        far.write(FIRST).await.unwrap();
        until(|| near.buffered() == FIRST.len()).await;
        near.interrupt().unwrap();
    };
    let (read, ()) = both(near.read_into(ReadMode::Line, &mut target), interrupter).await;
    says(read, "interrupted");
    assert_eq!(target, b"precious");
    nothing_is_missing(&near, far, ReadMode::Line).await;
}

async fn the_same_line_survives_many_timeouts(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    for byte in b"patience" {
        far.write(&[*byte]).await.unwrap();
        timeout(Duration::from_millis(1), near.read(ReadMode::Line)).await.unwrap_err();
        timeout(Duration::ZERO, near.read(100)).await.unwrap_err();
    }
    far.write("\n").await.unwrap();
    assert_eq!(near.read(ReadMode::Line).await.unwrap(), b"patience\n");
}

async fn after_an_interrupt_another_task_may_read_at_once(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let near = Rc::new(near);
    let reader = near.clone();
    let first = spawn(async move { reader.read(ReadMode::Line).await });
    until(|| near.is_busy()).await;
    near.interrupt().unwrap();
    // The first has not run since, and does not know yet; it must not disturb the second when it does.
    let second = async {
        let line = near.read(ReadMode::Line).await;
        assert_eq!(line.unwrap(), b"for the second\n");
    };
    let writer = async {
        says(first.await.unwrap(), "interrupted");
        assert!(near.is_busy());
        far.write("for the second\n").await.unwrap();
    };
    both(second, writer).await;
}
