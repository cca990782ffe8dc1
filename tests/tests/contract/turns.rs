//! Whose turn it is in a `WriteQueue`, where futures are not polled when they could go on.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use lem_rs::{ReadMode, WriteQueue, spawn, yield_now};

use crate::support::{Carrier, assert_same, on_every_stream, pattern, says, until};

on_every_stream! {
    a_write_that_is_not_polled_keeps_no_other_from_writing,
    a_write_that_is_not_polled_and_is_dropped_in_its_turn_passes_it_on,
    a_write_that_comes_next_does_not_overtake_one_that_is_polled,
}

/// More than a connection takes without a reader.
const TOO_MUCH: usize = 32 * 1024 * 1024;

/// Polls each once, and none to its end.
async fn begin(futures: &mut [Pin<&mut dyn Future<Output = Result<(), lem_rs::Error>>>]) {
    poll_fn(|cx| {
        for future in futures.iter_mut() {
            assert!(future.as_mut().poll(cx).is_pending());
        }
        Poll::Ready(())
    })
    .await;
}

async fn a_write_that_is_not_polled_keeps_no_other_from_writing<C: Carrier>(carrier: C) {
    let (near, far) = carrier.pair().await;
    let (_reader, writer) = near.split();
    let queue = WriteQueue::new(writer);
    let big = pattern(TOO_MUCH);
    let mut first = pin!(queue.write(&big));
    let (mut second, mut third) = (pin!(queue.write("second")), pin!(queue.write("third")));
    begin(&mut [first.as_mut(), second.as_mut(), third.as_mut()]).await;
    let other = queue.clone();
    let fourth = spawn(async move { other.write("fourth").await });
    yield_now().await;
    let reading = spawn(async move { far.read(ReadMode::All).await });
    first.await.unwrap();
    // It was in the line before the turn came to those two, and one more comes behind it.
    fourth.await.unwrap().unwrap();
    queue.write("fifth").await.unwrap();
    third.await.unwrap();
    second.await.unwrap();
    queue.writer().close().unwrap();
    assert_same(&reading.await.unwrap().unwrap(), &[&big[..], b"fourthfifththirdsecond"].concat());
}

async fn a_write_that_is_not_polled_and_is_dropped_in_its_turn_passes_it_on<C: Carrier>(carrier: C) {
    let (near, far) = carrier.pair().await;
    let (_reader, writer) = near.split();
    let queue = WriteQueue::new(writer);
    let big = pattern(TOO_MUCH);
    let mut first = pin!(queue.write(&big));
    let mut second = Box::pin(queue.write("second"));
    begin(&mut [first.as_mut(), second.as_mut()]).await;
    let other = queue.clone();
    let third = spawn(async move { other.write("third").await });
    yield_now().await;
    let reading = spawn(async move { far.read(ReadMode::All).await });
    first.await.unwrap();
    drop(second);
    third.await.unwrap().unwrap();
    queue.writer().close().unwrap();
    assert_same(&reading.await.unwrap().unwrap(), &[&big[..], b"third"].concat());
}

async fn a_write_that_comes_next_does_not_overtake_one_that_is_polled<C: Carrier>(carrier: C) {
    let (near, far) = carrier.pair().await;
    let (_reader, writer) = near.split();
    let queue = WriteQueue::new(writer);
    let writing = |message: Vec<u8>, after: &'static str| {
        let queue = queue.clone();
        spawn(async move {
            queue.write(&message).await?;
            // At once, before the others have run.
            queue.write(after).await
        })
    };
    let tasks = [writing(pattern(TOO_MUCH), "4"), writing(b"2".to_vec(), "5"), writing(b"3".to_vec(), "6")];
    until(|| queue.writer().is_busy()).await;
    let received = far.read(TOO_MUCH + 5).await.unwrap();
    assert_same(&received, &[&pattern(TOO_MUCH)[..], b"23456"].concat());
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    queue.writer().close().unwrap();
    says(far.read(1).await, "closed");
}
