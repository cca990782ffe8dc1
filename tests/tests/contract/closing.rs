//! `stream.close()`, `shutdown`, `close_write` and dropping: what each says, waits for and delivers.

use std::rc::Rc;
use std::time::Duration;

use lem_rs::transport::StreamOptions;
use lem_rs::{Phase, ReadMode, spawn, yield_now};

use crate::support::{Carrier, assert_same, both, on_every_stream, pattern, reset, says, until};

on_every_stream! {
    close_makes_a_stream_closed,
    a_second_close_says_already_closed,
    every_verb_after_close_says_closed,
    close_makes_a_reader_that_waits_say_interrupted,
    close_makes_a_writer_that_waits_say_interrupted,
    close_is_a_clean_end_for_the_peer,
    close_after_10_mib_loses_none_of_them,
    close_with_unread_bytes_loses_nothing_of_ours,
    close_delivers_what_an_interrupted_write_had_accepted,
    closing_after_the_peer_has_closed_is_fine,
    both_ends_may_close_at_once,
    shutdown_waits_until_the_peer_has_ended,
    shutdown_after_close_waits_for_the_same,
    shutdown_gives_up_at_its_deadline_and_names_the_phase,
    shutdown_says_when_the_connection_was_lost,
    shutdown_says_when_the_peer_only_goes_on_sending,
    dropping_shutdown_does_not_stop_the_closing,
    close_write_ends_our_data_and_the_reply_is_readable,
    close_write_comes_behind_what_was_written,
    close_write_leaves_a_reader_alone,
    close_write_interrupts_who_writes_and_sends_what_was_accepted,
    a_second_close_write_says_already_closed,
    close_after_close_write_is_the_first_close,
    dropping_a_stream_closes_it_gracefully,
    dropping_a_stream_with_unread_bytes_loses_nothing_of_ours,
}

const MIB: usize = 1024 * 1024;
const TOO_MUCH: usize = 32 * MIB;

/// A deadline that no test reaches.
fn patient() -> StreamOptions {
    StreamOptions::default().close_deadline(Duration::from_secs(600))
}

async fn close_makes_a_stream_closed(carrier: impl Carrier) {
    let (near, _far) = carrier.pair().await;
    assert!(!near.is_closed());
    near.close().unwrap();
    assert!(near.is_closed());
}

async fn a_second_close_says_already_closed(carrier: impl Carrier) {
    let (near, _far) = carrier.pair().await;
    near.close().unwrap();
    says(near.close(), "already closed");
    says(near.close(), "already closed");
}

async fn every_verb_after_close_says_closed(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    far.write("line\nunread").await.unwrap();
    near.read(ReadMode::Line).await.unwrap();
    near.close().unwrap();
    for mode in [ReadMode::Available, ReadMode::Exact(0), ReadMode::Exact(1), ReadMode::Line, ReadMode::All] {
        says(near.read(mode).await, "closed");
    }
    says(near.read_into(1, &mut Vec::new()).await, "closed");
    says(near.read_line_trimmed().await, "closed");
    says(near.write("x").await, "closed");
    says(near.peer_addr(), "closed");
    assert!(near.info().is_none());
}

async fn close_makes_a_reader_that_waits_say_interrupted(carrier: impl Carrier) {
    for mode in [ReadMode::Available, ReadMode::Exact(1), ReadMode::Line, ReadMode::All] {
        let (near, _far) = carrier.pair().await;
        let closer = async {
            until(|| near.is_busy()).await;
            near.close().unwrap();
            assert!(!near.is_busy());
        };
        let (read, ()) = both(near.read(mode), closer).await;
        says(read, "interrupted");
        says(near.read(mode).await, "closed");
    }
}

async fn close_makes_a_writer_that_waits_say_interrupted(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let data = pattern(TOO_MUCH);
    let closer = async {
        until(|| near.is_busy() && near.bytes_written() > 0).await;
        near.close().unwrap();
    };
    let (written, ()) = both(near.write(&data), closer).await;
    says(written, "interrupted");
    says(near.write("x").await, "closed");
    let counted = usize::try_from(near.bytes_written()).unwrap();
    assert_same(&far.read(ReadMode::All).await.unwrap(), &data[..counted]);
}

async fn close_is_a_clean_end_for_the_peer(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    near.write("goodbye").await.unwrap();
    near.close().unwrap();
    assert_eq!(far.read(7).await.unwrap(), b"goodbye");
    says(far.read(1).await, "closed");
    assert!(far.is_closed());
}

/// The original lost the last third of them.
async fn close_after_10_mib_loses_none_of_them(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let data = pattern(10 * MIB);
    let writer = async {
        near.write(&data).await.unwrap();
        near.close().unwrap();
    };
    let ((), read) = both(writer, far.read(ReadMode::All)).await;
    assert_same(&read.unwrap(), &data);
}

/// Closing a socket with unread bytes makes the kernel reset the connection, unless somebody reads them.
async fn close_with_unread_bytes_loses_nothing_of_ours(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let data = pattern(10 * MIB);
    far.write(&pattern(30_000)).await.unwrap();
    let writer = async {
        near.write(&data).await.unwrap();
        near.close().unwrap();
    };
    let reader = async {
        let first = far.read(MIB).await.unwrap();
        far.write("more that nobody reads").await.unwrap();
        [first, far.read(ReadMode::All).await.unwrap()].concat()
    };
    let ((), read) = both(writer, reader).await;
    assert_same(&read, &data);
}

async fn close_delivers_what_an_interrupted_write_had_accepted(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let data = pattern(TOO_MUCH);
    let interrupter = async {
        until(|| near.is_busy() && near.bytes_written() > 0).await;
        near.interrupt().unwrap();
        near.close().unwrap();
    };
    let (written, ()) = both(near.write(&data), interrupter).await;
    says(written, "interrupted");
    let counted = usize::try_from(near.bytes_written()).unwrap();
    assert_same(&far.read(ReadMode::All).await.unwrap(), &data[..counted]);
}

async fn closing_after_the_peer_has_closed_is_fine(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    far.close().unwrap();
    says(near.read(1).await, "closed");
    // The peer's end does not make ours the second.
    near.close().unwrap();
    near.shutdown().await.unwrap();
    far.shutdown().await.unwrap();
}

async fn both_ends_may_close_at_once(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    near.write("unread").await.unwrap();
    far.write("unread too").await.unwrap();
    let (here, there) = both(near.shutdown(), far.shutdown()).await;
    here.unwrap();
    there.unwrap();
}

async fn shutdown_waits_until_the_peer_has_ended(carrier: impl Carrier) {
    let (near, far) = carrier.pair_with(patient()).await;
    near.write("data").await.unwrap();
    let closing = spawn(async move { near.shutdown().await });
    assert_eq!(far.read(ReadMode::All).await.unwrap(), b"data");
    for _ in 0..1000 {
        yield_now().await;
    }
    assert!(!closing.is_finished(), "the peer has not ended");
    far.close().unwrap();
    closing.await.unwrap().unwrap();
}

async fn shutdown_after_close_waits_for_the_same(carrier: impl Carrier) {
    let (near, far) = carrier.pair_with(patient()).await;
    near.close().unwrap();
    let closing = spawn(async move {
        let (one, other) = both(near.shutdown(), near.shutdown()).await;
        one.and(other)?;
        near.shutdown().await
    });
    for _ in 0..1000 {
        yield_now().await;
    }
    assert!(!closing.is_finished());
    far.close().unwrap();
    closing.await.unwrap().unwrap();
}

async fn shutdown_gives_up_at_its_deadline_and_names_the_phase(carrier: impl Carrier) {
    let options = StreamOptions::default().close_deadline(Duration::from_millis(20));
    let (near, _far) = carrier.pair_with(options).await;
    let error = near.shutdown().await.unwrap_err();
    assert_eq!(error.timed_out(), Some(Phase::Close), "{error}");
    assert_eq!(error.to_string(), "close timed out after 20 ms");
}

async fn shutdown_says_when_the_connection_was_lost(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let waiting = Rc::new(near);
    reset(&*waiting, far).await;
    assert!(waiting.shutdown().await.is_err(), "the peer may not have everything");
}

async fn shutdown_says_when_the_peer_only_goes_on_sending(carrier: impl Carrier) {
    let (near, far) = carrier.pair_with(patient()).await;
    let flooding = spawn(async move {
        let data = pattern(1024 * 1024);
        // Until it learns that nobody reads any more.
        while far.write(&data).await.is_ok() {}
    });
    let error = near.shutdown().await.unwrap_err().to_string();
    assert_eq!(error, "cannot close the stream: the peer goes on sending and does not end its side");
    flooding.await.unwrap();
}

async fn dropping_shutdown_does_not_stop_the_closing(carrier: impl Carrier) {
    let (near, far) = carrier.pair_with(patient()).await;
    let near = Rc::new(near);
    let closer = near.clone();
    near.write("data").await.unwrap();
    let task = spawn(async move { closer.shutdown().await });
    until(|| near.is_closed()).await;
    task.cancel();
    task.await.unwrap_err();
    assert_eq!(far.read(ReadMode::All).await.unwrap(), b"data");
    far.close().unwrap();
    near.shutdown().await.unwrap();
}

async fn close_write_ends_our_data_and_the_reply_is_readable(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    near.write("request").await.unwrap();
    near.close_write().unwrap();
    assert!(!near.is_closed(), "only one side is");
    says(near.write("more").await, "closed");
    assert_eq!(far.read(ReadMode::All).await.unwrap(), b"request");
    far.write("line\nreply").await.unwrap();
    far.close().unwrap();
    assert_eq!(near.read(ReadMode::Line).await.unwrap(), b"line\n");
    assert_eq!(near.read(ReadMode::All).await.unwrap(), b"reply");
    assert!(near.is_closed());
}

async fn close_write_comes_behind_what_was_written(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let data = pattern(TOO_MUCH);
    let interrupter = async {
        until(|| near.is_busy() && near.bytes_written() > 0).await;
        near.interrupt().unwrap();
        near.close_write().unwrap();
    };
    let (written, ()) = both(near.write(&data), interrupter).await;
    says(written, "interrupted");
    let counted = usize::try_from(near.bytes_written()).unwrap();
    assert_same(&far.read(ReadMode::All).await.unwrap(), &data[..counted]);
    far.write("reply").await.unwrap();
    assert_eq!(near.read(5).await.unwrap(), b"reply");
}

async fn close_write_leaves_a_reader_alone(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let closer = async {
        until(|| near.is_busy()).await;
        near.close_write().unwrap();
        assert_eq!(far.read(ReadMode::All).await.unwrap(), b"");
        assert!(near.is_busy());
        far.write("reply").await.unwrap();
    };
    let (read, ()) = both(near.read(5), closer).await;
    assert_eq!(read.unwrap(), b"reply");
}

async fn a_second_close_write_says_already_closed(carrier: impl Carrier) {
    let (near, _far) = carrier.pair().await;
    near.close_write().unwrap();
    says(near.close_write(), "already closed");
    near.close().unwrap();
    says(near.close_write(), "already closed");
}

async fn close_after_close_write_is_the_first_close(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    near.close_write().unwrap();
    near.close().unwrap();
    says(near.close(), "already closed");
    says(far.read(1).await, "closed");
}

async fn dropping_a_stream_closes_it_gracefully(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let data = pattern(10 * MIB);
    let writer = async move {
        near.write(&data).await.unwrap();
        drop(near);
        data
    };
    let (data, read) = both(writer, far.read(ReadMode::All)).await;
    assert_same(&read.unwrap(), &data);
    says(far.read(1).await, "closed");
}

async fn dropping_a_stream_with_unread_bytes_loses_nothing_of_ours(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    far.write("line\nnobody reads this").await.unwrap();
    near.read(ReadMode::Line).await.unwrap();
    near.write("but this").await.unwrap();
    drop(near);
    far.write("nor this").await.unwrap();
    assert_eq!(far.read(ReadMode::All).await.unwrap(), b"but this");
}

async fn close_write_interrupts_who_writes_and_sends_what_was_accepted(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let data = pattern(32 * MIB);
    let writer = async {
        says(near.write(&data).await, "interrupted");
        near.bytes_written() as usize
    };
    let closer = async {
        // The peer does not read, so it comes to wait.
        until(|| near.is_busy()).await;
        near.close_write().unwrap();
    };
    let (accepted, ()) = both(writer, closer).await;
    // Nothing of ours is called any more; it is sent all the same, and the end behind it.
    assert_same(&far.read(ReadMode::All).await.unwrap(), &data[..accepted]);
}
