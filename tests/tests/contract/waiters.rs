//! One waiter: who waits makes the stream busy, and can be interrupted.

use std::pin::pin;
use std::rc::Rc;

use lem_rs::{ReadMode, spawn};

use crate::support::{Carrier, at_once, both, on_every_stream, pattern, says, until};

on_every_stream! {
    a_stream_is_busy_while_a_task_waits_to_read,
    a_stream_is_busy_while_a_task_waits_to_write,
    while_a_task_reads_every_other_verb_says_busy,
    while_a_task_writes_every_other_verb_says_busy,
    who_is_told_busy_does_not_disturb_who_waits,
    even_a_read_that_need_not_wait_is_told_busy,
    interrupt_without_a_waiter_says_not_busy,
    interrupt_makes_the_waiter_say_interrupted,
    an_interrupted_stream_is_not_busy_any_more,
    a_second_interrupt_says_not_busy,
    an_interrupted_stream_goes_on,
    an_interrupted_read_is_told_so_also_when_another_waits_by_then,
    dropping_who_waits_frees_the_stream,
    interrupt_after_close_says_not_busy,
    a_verb_that_nobody_has_polled_does_not_make_a_stream_busy,
}

const TOO_MUCH: usize = 32 * 1024 * 1024;

async fn a_stream_is_busy_while_a_task_waits_to_read(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    assert!(!near.is_busy());
    let watcher = async {
        until(|| near.is_busy()).await;
        assert!(!far.is_busy(), "the other end is another stream");
        far.write("x").await.unwrap();
    };
    both(async { near.read(1).await.unwrap() }, watcher).await;
    assert!(!near.is_busy());
}

async fn a_stream_is_busy_while_a_task_waits_to_write(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let data = pattern(TOO_MUCH);
    let watcher = async {
        until(|| near.is_busy()).await;
        far.read(TOO_MUCH).await.unwrap();
    };
    let (written, ()) = both(near.write(&data), watcher).await;
    written.unwrap();
    assert!(!near.is_busy());
}

async fn while_a_task_reads_every_other_verb_says_busy(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let others = async {
        until(|| near.is_busy()).await;
        for mode in [ReadMode::Available, ReadMode::Exact(1), ReadMode::Exact(0), ReadMode::Line, ReadMode::All] {
            says(near.read(mode).await, "busy");
        }
        says(near.read_into(1, &mut Vec::new()).await, "busy");
        says(near.read_line_trimmed().await, "busy");
        says(near.write("x").await, "busy");
        says(near.write("").await, "busy");
        assert_eq!(near.bytes_written(), 0);
        far.write("line\n").await.unwrap();
    };
    let (line, ()) = both(near.read(ReadMode::Line), others).await;
    assert_eq!(line.unwrap(), b"line\n");
}

async fn while_a_task_writes_every_other_verb_says_busy(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let data = pattern(TOO_MUCH);
    let others = async {
        until(|| near.is_busy()).await;
        says(near.read(ReadMode::Available).await, "busy");
        says(near.write("x").await, "busy");
        far.read(TOO_MUCH).await.unwrap()
    };
    let (written, read) = both(near.write(&data), others).await;
    written.unwrap();
    assert!(read == data);
}

async fn who_is_told_busy_does_not_disturb_who_waits(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let others = async {
        until(|| near.is_busy()).await;
        far.write("one ").await.unwrap();
        until(|| near.buffered() == 4).await;
        says(near.read(ReadMode::Available).await, "busy");
        assert_eq!(near.buffered(), 4, "it takes nothing");
        assert!(near.is_busy());
        far.write("line\n").await.unwrap();
    };
    let (line, ()) = both(near.read(ReadMode::Line), others).await;
    assert_eq!(line.unwrap(), b"one line\n");
}

async fn even_a_read_that_need_not_wait_is_told_busy(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let others = async {
        far.write("part").await.unwrap();
        until(|| near.buffered() == 4).await;
        says(near.read(4).await, "busy");
        far.close().unwrap();
    };
    let (line, ()) = both(near.read(ReadMode::Line), others).await;
    says(line, "closed: 4 bytes of an unfinished message are left");
    assert_eq!(near.read(4).await.unwrap(), b"part");
}

async fn interrupt_without_a_waiter_says_not_busy(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    says(near.interrupt(), "not busy");
    far.write("x").await.unwrap();
    near.read(1).await.unwrap();
    says(near.interrupt(), "not busy");
}

async fn interrupt_makes_the_waiter_say_interrupted(carrier: impl Carrier) {
    for mode in [ReadMode::Available, ReadMode::Exact(1), ReadMode::Line, ReadMode::All] {
        let (near, _far) = carrier.pair().await;
        let interrupter = async {
            until(|| near.is_busy()).await;
            near.interrupt().unwrap();
        };
        let (read, ()) = both(near.read(mode), interrupter).await;
        says(read, "interrupted");
    }
}

async fn an_interrupted_stream_is_not_busy_any_more(carrier: impl Carrier) {
    let (near, _far) = carrier.pair().await;
    let interrupter = async {
        until(|| near.is_busy()).await;
        near.interrupt().unwrap();
        assert!(!near.is_busy());
    };
    let (read, ()) = both(near.read(1), interrupter).await;
    says(read, "interrupted");
    assert!(!near.is_busy());
}

async fn a_second_interrupt_says_not_busy(carrier: impl Carrier) {
    let (near, _far) = carrier.pair().await;
    let interrupter = async {
        until(|| near.is_busy()).await;
        near.interrupt().unwrap();
        says(near.interrupt(), "not busy");
    };
    let (read, ()) = both(near.read(1), interrupter).await;
    says(read, "interrupted");
}

async fn an_interrupted_stream_goes_on(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    for _ in 0..5 {
        let interrupter = async {
            until(|| near.is_busy()).await;
            near.interrupt().unwrap();
        };
        let (read, ()) = both(near.read(ReadMode::Available), interrupter).await;
        says(read, "interrupted");
        assert!(!near.is_closed());
        near.write("ping").await.unwrap();
        assert_eq!(far.read(4).await.unwrap(), b"ping");
        far.write("pong").await.unwrap();
        assert_eq!(near.read(4).await.unwrap(), b"pong");
    }
}

async fn dropping_who_waits_frees_the_stream(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let near = Rc::new(near);
    let reader = near.clone();
    let task = spawn(async move { reader.read(1).await });
    until(|| near.is_busy()).await;
    task.cancel();
    task.await.unwrap_err();
    assert!(!near.is_busy());
    says(near.interrupt(), "not busy");
    far.write("x").await.unwrap();
    assert_eq!(near.read(1).await.unwrap(), b"x");
}

async fn interrupt_after_close_says_not_busy(carrier: impl Carrier) {
    let (near, _far) = carrier.pair().await;
    near.close().unwrap();
    says(near.interrupt(), "not busy");
    assert!(!near.is_busy());
}

async fn a_verb_that_nobody_has_polled_does_not_make_a_stream_busy(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let later = near.read(1);
    assert!(!near.is_busy());
    near.write("not disturbed").await.unwrap();
    far.write("x").await.unwrap();
    assert_eq!(later.await.unwrap(), b"x");
    assert!(at_once(near.read(1)).await.is_none());
}

async fn an_interrupted_read_is_told_so_also_when_another_waits_by_then(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let (mut first, mut second) = (pin!(near.read(1)), pin!(near.read(ReadMode::Line)));
    assert!(at_once(first.as_mut()).await.is_none());
    near.interrupt().unwrap();
    assert!(at_once(second.as_mut()).await.is_none());
    says(at_once(first).await.expect("it does not wait any more"), "interrupted");
    assert!(near.is_busy());
    far.write("line\n").await.unwrap();
    assert_eq!(second.await.unwrap(), b"line\n");
}
