//! Operations that only gave way to other tasks, and were dropped or interrupted then: they take nothing with them that
//! others wait for.

use lem_rs::transport::Transport;
use lem_rs::{ReadMode, Stream, yield_now};

use crate::support::{Carrier, at_once, both, on_every_stream, pattern, says, until};

on_every_stream! {
    a_dropped_write_that_only_gave_way_leaves_what_is_pending_on_its_way,
    an_interrupted_write_that_only_gave_way_leaves_what_is_pending_on_its_way,
    a_write_that_gave_way_after_it_had_waited_leaves_what_it_accepted_on_its_way,
    a_dropped_read_that_only_gave_way_loses_nothing,
}

const TOO_MUCH: usize = 32 * 1024 * 1024;

/// Spends the budget of the task's turn: every verb that is polled then gives way.
async fn spend_the_budget<T: Transport>(closed: &Stream<T>) {
    while at_once(closed.read(1)).await.is_some() {}
}

async fn closed<C: Carrier>(carrier: C) -> Stream<C::Carried> {
    let (near, _) = carrier.pair().await;
    near.close().unwrap();
    near
}

/// Writes until the kernel takes no more, and gives that up; says how much was accepted.
async fn accepted_and_pending<T: Transport>(near: &Stream<T>) -> usize {
    let data = pattern(TOO_MUCH);
    for _ in 0..100 {
        let _ = at_once(near.write(&data)).await;
        yield_now().await;
    }
    usize::try_from(near.bytes_written()).unwrap()
}

async fn a_dropped_write_that_only_gave_way_leaves_what_is_pending_on_its_way(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let spent = closed(carrier).await;
    let accepted = accepted_and_pending(&near).await;
    spend_the_budget(&spent).await;
    assert!(at_once(near.write("never begun")).await.is_none());
    assert_eq!(far.read(accepted).await.unwrap().len(), accepted);
    assert!(at_once(far.read(1)).await.is_none());
}

async fn an_interrupted_write_that_only_gave_way_leaves_what_is_pending_on_its_way(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let spent = closed(carrier).await;
    let accepted = accepted_and_pending(&near).await;
    spend_the_budget(&spent).await;
    let interrupter = async {
        near.interrupt().unwrap();
    };
    let (written, ()) = both(near.write("never begun"), interrupter).await;
    says(written, "interrupted");
    assert_eq!(far.read(accepted).await.unwrap().len(), accepted);
}

async fn a_write_that_gave_way_after_it_had_waited_leaves_what_it_accepted_on_its_way(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let spent = closed(carrier).await;
    let data = pattern(TOO_MUCH);
    let accepted = {
        let mut write = std::pin::pin!(near.write(&data));
        let other = async {
            until(|| near.is_busy() && near.bytes_written() > 0).await;
            // It is polled once more, in a turn whose budget is spent.
            yield_now().await;
            spend_the_budget(&spent).await;
        };
        let mut other = std::pin::pin!(other);
        std::future::poll_fn(|cx| {
            if other.as_mut().poll(cx).is_ready() {
                assert!(write.as_mut().poll(cx).is_pending());
                return std::task::Poll::Ready(());
            }
            assert!(write.as_mut().poll(cx).is_pending());
            std::task::Poll::Pending
        })
        .await;
        usize::try_from(near.bytes_written()).unwrap()
    };
    assert!(!near.is_busy());
    assert_eq!(far.read(accepted).await.unwrap().len(), accepted);
}

async fn a_dropped_read_that_only_gave_way_loses_nothing(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let spent = closed(carrier).await;
    far.write("line\n").await.unwrap();
    spend_the_budget(&spent).await;
    assert!(at_once(near.read(ReadMode::Line)).await.is_none());
    assert!(!near.is_busy());
    assert_eq!(near.read(ReadMode::Line).await.unwrap(), b"line\n");
}
