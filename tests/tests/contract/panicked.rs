//! A panic that drops a stream, in whatever form the task holds it: the peer must not take half an answer for a whole one.

use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::Poll;

use lem_rs::{Error, ReadMode, Stream, StreamHandle, WriteQueue, spawn, yield_now};

use crate::support::{Carrier, on_every_stream, says, until};

on_every_stream! {
    a_whole_stream_is_cut_off,
    a_stream_in_halves_is_cut_off,
    a_half_whose_other_half_lives_on_is_cut_off,
    the_queue_before_a_half_is_cut_off,
    a_stream_that_an_inner_future_holds_is_cut_off,
    a_stream_that_a_boxed_value_holds_is_cut_off,
    a_stream_that_the_tasks_own_future_holds_is_cut_off,
    a_stream_that_was_closed_before_the_panic_is_delivered,
    a_task_that_is_cancelled_says_goodbye,
}

/// The peer has received the half, and then no end that could pass for a complete one. A Unix-domain socket has nothing
/// but its end.
pub(crate) async fn assert_cut_off<C: Carrier>(carrier: C, far: &Stream<C::Carried>) {
    let end = far.read(ReadMode::All).await;
    if carrier.ends_alike() {
        assert_eq!(end.unwrap(), b"half an answer");
        return;
    }
    assert!(matches!(end, Err(Error::Truncated(_))), "{end:?}");
}

fn panic_quietly() -> ! {
    std::panic::resume_unwind(Box::new("quiet"))
}

/// Runs `answer` with one end, in a task that panics when it has written; gives the other end.
async fn after<C: Carrier, F>(carrier: C, answer: impl FnOnce(Stream<C::Carried>) -> F + 'static) -> Stream<C::Carried>
where
    F: Future<Output = ()> + 'static,
{
    let (near, far) = carrier.pair().await;
    assert!(spawn(async move { answer(near).await }).await.is_err(), "it panics");
    far
}

async fn a_whole_stream_is_cut_off(carrier: impl Carrier) {
    let far = after(carrier, |near| async move {
        near.write("half an answer").await.unwrap();
        panic_quietly();
    });
    assert_cut_off(carrier, &far.await).await;
}

async fn a_stream_in_halves_is_cut_off(carrier: impl Carrier) {
    let far = after(carrier, |near| async move {
        let (_reader, writer) = near.split();
        writer.write("half an answer").await.unwrap();
        panic_quietly();
    });
    assert_cut_off(carrier, &far.await).await;
}

async fn a_half_whose_other_half_lives_on_is_cut_off(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let (reader, writer) = near.split();
    let reads = spawn(async move { reader.read(ReadMode::All).await });
    let writes = spawn(async move {
        writer.write("half an answer").await.unwrap();
        panic_quietly();
    });
    assert!(writes.await.is_err());
    assert_cut_off(carrier, &far).await;
    says(reads.await.unwrap(), "interrupted");
}

async fn the_queue_before_a_half_is_cut_off(carrier: impl Carrier) {
    let far = after(carrier, |near| async move {
        let (_reader, writer) = near.split();
        let queue = WriteQueue::new(writer);
        let other = queue.clone();
        queue.write("half an answer").await.unwrap();
        drop(other);
        panic_quietly();
    });
    assert_cut_off(carrier, &far.await).await;
}

async fn a_stream_that_an_inner_future_holds_is_cut_off(carrier: impl Carrier) {
    let far = after(carrier, |near| async move {
        near.write("half an answer").await.unwrap();
        // It is dropped with the task's future, when the panic was caught.
        let holds = async move {
            let _near = near;
            pending::<()>().await;
        };
        crate::support::both(holds, async {
            yield_now().await;
            panic_quietly();
        })
        .await;
    });
    assert_cut_off(carrier, &far.await).await;
}

async fn a_stream_that_a_boxed_value_holds_is_cut_off(carrier: impl Carrier) {
    let far = after(carrier, |near| async move {
        let shared = Rc::new(vec![near]);
        let _other = shared.clone();
        shared[0].write("half an answer").await.unwrap();
        panic_quietly();
    });
    assert_cut_off(carrier, &far.await).await;
}

/// A panic does not drop what the future itself holds: that goes after it was caught.
async fn a_stream_that_the_tasks_own_future_holds_is_cut_off(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    near.write("half an answer").await.unwrap();
    let (reader, writer) = near.split();
    let task = spawn(poll_fn(move |_| -> Poll<()> {
        let _held = (&reader, &writer);
        panic_quietly();
    }));
    assert!(task.await.is_err());
    assert_cut_off(carrier, &far).await;
}

async fn a_stream_that_was_closed_before_the_panic_is_delivered(carrier: impl Carrier) {
    let far = after(carrier, |near| async move {
        near.write("a whole answer").await.unwrap();
        near.close().unwrap();
        panic_quietly();
    });
    assert_eq!(far.await.read(ReadMode::All).await.unwrap(), b"a whole answer");
}

/// To be cancelled is no failure: what the task holds is closed as if it had been dropped anywhere else.
async fn a_task_that_is_cancelled_says_goodbye<C: Carrier>(carrier: C) {
    let (near, far) = carrier.pair().await;
    let handle: StreamHandle<C::Carried> = near.handle();
    let task = spawn(async move {
        near.write("an answer").await.unwrap();
        near.read(ReadMode::All).await.unwrap();
    });
    assert_eq!(far.read(9).await.unwrap(), b"an answer");
    task.cancel();
    until(|| handle.is_closed()).await;
    assert_eq!(far.read(ReadMode::All).await.unwrap(), b"");
}
