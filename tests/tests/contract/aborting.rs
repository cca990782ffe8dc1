//! `stream.abort()`: what it ends, and what is said of that afterwards.

use std::rc::Rc;
use std::time::Duration;

use lem_rs::transport::StreamOptions;
use lem_rs::{ReadMode, spawn, yield_now};

use crate::support::{Carrier, both, on_every_stream, pattern, says, until};

on_every_stream! {
    abort_makes_a_stream_closed,
    abort_makes_who_waits_say_interrupted,
    abort_skips_what_is_pending,
    shutdown_after_abort_says_closed,
    shutdown_after_an_abort_that_came_too_late_is_fine,
    abort_gives_up_a_close_under_way,
}

const TOO_MUCH: usize = 32 * 1024 * 1024;

/// A deadline that no test reaches.
fn patient() -> StreamOptions {
    StreamOptions::default().close_deadline(Duration::from_secs(600))
}

async fn abort_makes_a_stream_closed(carrier: impl Carrier) {
    let (near, _far) = carrier.pair().await;
    near.abort();
    assert!(near.is_closed());
    says(near.close(), "already closed");
    says(near.read(1).await, "closed");
    says(near.write("x").await, "closed");
    near.abort();
}

async fn abort_makes_who_waits_say_interrupted(carrier: impl Carrier) {
    let (near, _far) = carrier.pair().await;
    let aborter = async {
        until(|| near.is_busy()).await;
        near.abort();
    };
    let (read, ()) = both(near.read(1), aborter).await;
    says(read, "interrupted");
}

async fn abort_skips_what_is_pending(carrier: impl Carrier) {
    let (near, _far) = carrier.pair_with(patient()).await;
    let data = pattern(TOO_MUCH);
    let aborter = async {
        until(|| near.is_busy() && near.bytes_written() > 0).await;
        near.abort();
    };
    let (written, ()) = both(near.write(&data), aborter).await;
    says(written, "interrupted");
    // Nothing is left to wait for, although the peer has read nothing and has not ended.
    says(near.shutdown().await, "closed");
}

/// The peer has not got our end, and may not have got what was written either.
async fn shutdown_after_abort_says_closed(carrier: impl Carrier) {
    for is_split in [false, true] {
        let (mut near, _far) = carrier.pair_with(patient()).await;
        near.write("whether the peer has this, nobody knows").await.unwrap();
        if is_split {
            let (reader, writer) = near.split();
            writer.close().unwrap();
            reader.abort();
            says(writer.shutdown().await, "closed");
            near = reader.join(writer).unwrap();
        } else {
            near.handle().abort();
        }
        says(near.close(), "already closed");
        says(near.shutdown().await, "closed");
        says(near.shutdown().await, "closed");
    }
}

/// The peer has everything.
async fn shutdown_after_an_abort_that_came_too_late_is_fine(carrier: impl Carrier) {
    let (near, far) = carrier.pair_with(patient()).await;
    near.write("data").await.unwrap();
    let (near_shut, read) = both(near.shutdown(), async {
        let read = far.read(ReadMode::All).await;
        far.close().unwrap();
        read
    })
    .await;
    assert_eq!(read.unwrap(), b"data");
    near_shut.unwrap();
    near.abort();
    near.shutdown().await.unwrap();
}

async fn abort_gives_up_a_close_under_way(carrier: impl Carrier) {
    let (near, _far) = carrier.pair_with(patient()).await;
    let near = Rc::new(near);
    let closer = near.clone();
    let closing = spawn(async move { closer.shutdown().await });
    until(|| near.is_closed()).await;
    yield_now().await;
    assert!(!closing.is_finished());
    near.abort();
    says(closing.await.unwrap(), "interrupted");
    says(near.shutdown().await, "interrupted");
}
