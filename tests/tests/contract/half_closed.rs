//! `shutdown` to a peer that has ended its side before: a reset that came by then is no success.

use lem_rs::transport::Transport;
use lem_rs::{ReadMode, Stream, yield_now};

use crate::support::{Carrier, on_every_stream, says};

on_every_stream! {
    shutdown_says_that_a_peer_was_reset_that_had_ended_its_side_behind_what_was_written,
    shutdown_says_that_a_peer_was_reset_that_had_ended_its_side_before_it_was_written,
    shutdown_says_that_a_peer_was_reset_whose_end_nobody_has_read,
    shutdown_behind_a_close_says_that_a_peer_was_reset,
    shutdown_to_a_peer_that_has_ended_its_side_and_is_there_is_fine,
    shutdown_to_a_peer_that_has_closed_and_got_everything_is_fine,
}

/// Ends the connection of one who has not read what it got, so that the kernel resets it.
async fn leave_unread<T: Transport>(far: Stream<T>) {
    for _ in 0..100 {
        // Until what was written has reached its kernel.
        yield_now().await;
    }
    far.abort();
}

async fn shutdown_says_that_a_peer_was_reset_that_had_ended_its_side_behind_what_was_written<C: Carrier>(carrier: C) {
    let (near, far) = carrier.pair().await;
    near.write("an answer that nobody reads").await.unwrap();
    far.close_write().unwrap();
    says(near.read(ReadMode::Available).await, "closed");
    leave_unread(far).await;
    assert!(near.shutdown().await.is_err(), "the peer has not read it");
}

async fn shutdown_says_that_a_peer_was_reset_that_had_ended_its_side_before_it_was_written<C: Carrier>(carrier: C) {
    let (near, far) = carrier.pair().await;
    far.close_write().unwrap();
    says(near.read(ReadMode::Available).await, "closed");
    near.write("an answer that nobody reads").await.unwrap();
    leave_unread(far).await;
    assert!(near.shutdown().await.is_err(), "the peer has not read it");
}

async fn shutdown_says_that_a_peer_was_reset_whose_end_nobody_has_read<C: Carrier>(carrier: C) {
    let (near, far) = carrier.pair().await;
    near.write("an answer that nobody reads").await.unwrap();
    far.close_write().unwrap();
    leave_unread(far).await;
    assert!(near.shutdown().await.is_err(), "the peer has not read it");
}

/// As the others, where the close that `shutdown` waits for was begun by `close`.
async fn shutdown_behind_a_close_says_that_a_peer_was_reset<C: Carrier>(carrier: C) {
    for (is_read, is_written_before) in [(true, true), (true, false), (false, true)] {
        let (near, far) = carrier.pair().await;
        if is_written_before {
            near.write("an answer that nobody reads").await.unwrap();
        }
        far.close_write().unwrap();
        if is_read {
            says(near.read(ReadMode::Available).await, "closed");
        }
        if !is_written_before {
            near.write("an answer that nobody reads").await.unwrap();
        }
        leave_unread(far).await;
        near.close().unwrap();
        assert!(near.shutdown().await.is_err(), "the peer has not read it: {is_read} {is_written_before}");
    }
}

async fn shutdown_to_a_peer_that_has_ended_its_side_and_is_there_is_fine<C: Carrier>(carrier: C) {
    let (near, far) = carrier.pair().await;
    far.write("question").await.unwrap();
    far.close_write().unwrap();
    assert_eq!(near.read(ReadMode::All).await.unwrap(), b"question");
    near.write("answer").await.unwrap();
    near.shutdown().await.unwrap();
    assert_eq!(far.read(ReadMode::All).await.unwrap(), b"answer");
}

/// Its kernel answers our goodbye with a reset.
async fn shutdown_to_a_peer_that_has_closed_and_got_everything_is_fine<C: Carrier>(carrier: C) {
    let (near, far) = carrier.pair().await;
    near.write("answer").await.unwrap();
    assert_eq!(far.read(6).await.unwrap(), b"answer");
    far.close_write().unwrap();
    says(near.read(ReadMode::Available).await, "closed");
    // Everything was read, so this is FIN at most.
    far.abort();
    near.shutdown().await.unwrap();
}
