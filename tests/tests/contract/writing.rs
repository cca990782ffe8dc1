//! `stream.write(data)`: done when the kernel has all of it; what was accepted is delivered once, and counted.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use lem_rs::transport::Transport;
use lem_rs::{Error, ReadMode, Stream, spawn, timeout, yield_now};

use crate::support::{Carrier, assert_same, at_once, both, on_every_stream, pattern, reset_by, says, until};

on_every_stream! {
    what_is_written_arrives,
    a_small_write_does_not_wait,
    a_write_of_nothing_sends_nothing,
    a_large_write_waits_until_all_data_is_written,
    writes_arrive_in_their_order_whatever_their_sizes,
    bytes_written_counts_what_was_handed_over,
    an_interrupted_write_says_so_and_its_accepted_bytes_arrive_once,
    a_dropped_writes_accepted_bytes_arrive_once,
    a_timed_out_writes_accepted_bytes_arrive_once,
    accepted_bytes_are_delivered_without_another_call,
    the_next_write_follows_the_accepted_bytes_of_an_interrupted_one,
    many_interrupted_writes_add_up_to_what_was_counted,
    a_write_is_at_most_64_kib_ahead_of_the_kernel,
    a_write_after_our_close_says_closed,
    a_write_to_a_peer_that_is_gone_says_closed,
    a_peer_that_closes_while_we_write_makes_it_say_closed,
    a_peer_that_has_closed_cleanly_makes_a_write_say_closed_in_the_end,
    what_was_received_before_a_failed_write_stays_readable,
    a_failed_write_ends_the_sending_side_only,
}

/// More than the kernel takes for a peer that does not read.
const TOO_MUCH: usize = 32 * 1024 * 1024;

async fn what_is_written_arrives(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    near.write("a text").await.unwrap();
    near.write(b"bytes").await.unwrap();
    near.write(&vec![1, 2, 3]).await.unwrap();
    assert_eq!(far.read(14).await.unwrap(), b"a textbytes\x01\x02\x03");
    far.write(&String::from("and back")).await.unwrap();
    assert_eq!(near.read(8).await.unwrap(), b"and back");
}

async fn a_small_write_does_not_wait(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    at_once(near.write("at once")).await.expect("the kernel has room").unwrap();
    assert_eq!(far.read(7).await.unwrap(), b"at once");
}

async fn a_write_of_nothing_sends_nothing(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    near.write("").await.unwrap();
    assert_eq!(near.bytes_written(), 0);
    near.write("x").await.unwrap();
    assert_eq!(far.read(ReadMode::Available).await.unwrap(), b"x");
    near.close().unwrap();
    says(near.write("").await, "closed");
}

async fn a_large_write_waits_until_all_data_is_written(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let data = pattern(TOO_MUCH);
    let reader = async {
        until_full(&near).await;
        assert!(near.bytes_written() < TOO_MUCH as u64);
        far.read(TOO_MUCH).await.unwrap()
    };
    let (written, read) = both(near.write(&data), reader).await;
    written.unwrap();
    assert_eq!(near.bytes_written(), TOO_MUCH as u64);
    assert_same(&read, &data);
}

async fn writes_arrive_in_their_order_whatever_their_sizes(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let data = pattern(1_500_000);
    let writer = async {
        let mut rest = &data[..];
        for size in [1, 2, 100, 16_383, 16_384, 16_385, 65_536, 65_537, 300_000].into_iter().cycle() {
            let (piece, later) = rest.split_at(size.min(rest.len()));
            near.write(piece).await.unwrap();
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        near.close().unwrap();
    };
    let ((), read) = both(writer, far.read(ReadMode::All)).await;
    assert_same(&read.unwrap(), &data);
}

async fn bytes_written_counts_what_was_handed_over(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    assert_eq!(near.bytes_written(), 0);
    near.write("12345").await.unwrap();
    assert_eq!(near.bytes_written(), 5);
    far.write("received bytes are not written ones").await.unwrap();
    near.read(ReadMode::Available).await.unwrap();
    near.write("678").await.unwrap();
    assert_eq!(near.bytes_written(), 8);
}

/// Waits until a write waits for the kernel, and for a while nothing moves: then it has accepted what there is room
/// for. If more moved later, no test would be wrong.
async fn until_full<T: Transport>(stream: &Stream<T>) {
    let (count, since) = (Cell::new(0), Cell::new(0));
    loop {
        until(|| stream.is_busy() && stream.bytes_written() > 0).await;
        if count.replace(stream.bytes_written()) != stream.bytes_written() {
            since.set(0);
        }
        since.set(since.get() + 1);
        if since.get() == 100 {
            return;
        }
        yield_now().await;
    }
}

/// Closes `near`; `far` must then receive the beginning of `data`, as long as was counted, and a clean end.
async fn exactly_what_was_counted_arrives<T: Transport>(near: Stream<T>, far: Stream<T>, data: &[u8]) {
    let counted = usize::try_from(near.bytes_written()).unwrap();
    assert!(0 < counted && counted < data.len(), "the write was ended in its middle, not at {counted}");
    near.close().unwrap();
    assert_same(&far.read(ReadMode::All).await.unwrap(), &data[..counted]);
}

async fn an_interrupted_write_says_so_and_its_accepted_bytes_arrive_once(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let data = pattern(TOO_MUCH);
    let interrupter = async {
        until_full(&near).await;
        near.interrupt().unwrap();
    };
    let (written, ()) = both(near.write(&data), interrupter).await;
    says(written, "interrupted");
    exactly_what_was_counted_arrives(near, far, &data).await;
}

async fn a_dropped_writes_accepted_bytes_arrive_once(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let data = Rc::new(pattern(TOO_MUCH));
    let near = Rc::new(near);
    let (writer, its_data) = (near.clone(), data.clone());
    let task = spawn(async move { writer.write(&*its_data).await });
    until_full(&near).await;
    task.cancel();
    task.await.unwrap_err();
    assert!(!near.is_busy());
    exactly_what_was_counted_arrives(Rc::into_inner(near).unwrap(), far, &data).await;
}

async fn a_timed_out_writes_accepted_bytes_arrive_once(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let data = pattern(TOO_MUCH);
    // However late the machine is: nobody reads, so the write cannot be done.
    timeout(Duration::from_millis(20), near.write(&data)).await.unwrap_err();
    exactly_what_was_counted_arrives(near, far, &data).await;
}

async fn accepted_bytes_are_delivered_without_another_call(carrier: impl Carrier) {
    for drop_it in [false, true] {
        let (near, far) = carrier.pair().await;
        let near = Rc::new(near);
        let data = Rc::new(pattern(TOO_MUCH));
        let (writer, its_data) = (near.clone(), data.clone());
        let task = spawn(async move { writer.write(&*its_data).await });
        until_full(&near).await;
        if drop_it {
            task.cancel();
        } else {
            near.interrupt().unwrap();
        }
        assert!(!matches!(task.await, Ok(Ok(()))));
        let counted = usize::try_from(near.bytes_written()).unwrap();
        assert_same(&far.read(counted).await.unwrap(), &data[..counted]);
        assert!(at_once(far.read(ReadMode::Available)).await.is_none(), "no more than was counted");
    }
}

/// The original said "bad write retry" here.
async fn the_next_write_follows_the_accepted_bytes_of_an_interrupted_one(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let data = pattern(TOO_MUCH);
    let interrupter = async {
        until_full(&near).await;
        near.interrupt().unwrap();
    };
    let (written, ()) = both(near.write(&data), interrupter).await;
    says(written, "interrupted");
    let counted = usize::try_from(near.bytes_written()).unwrap();
    let writer = async {
        near.write("something else").await.unwrap();
        near.close().unwrap();
    };
    let ((), read) = both(writer, far.read(ReadMode::All)).await;
    let read = read.unwrap();
    assert_same(&read[..counted], &data[..counted]);
    assert_eq!(&read[counted..], b"something else");
}

async fn many_interrupted_writes_add_up_to_what_was_counted(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let data = pattern(TOO_MUCH);
    let mut read = Vec::new();
    let mut counted = 0;
    for _ in 0..10 {
        // Each goes on where the one before came to.
        let rest = &data[counted..];
        let interrupter = async {
            until_full(&near).await;
            near.interrupt().unwrap();
        };
        let (written, ()) = both(near.write(rest), interrupter).await;
        says(written, "interrupted");
        counted = usize::try_from(near.bytes_written()).unwrap();
        read.extend(far.read(ReadMode::Available).await.unwrap());
    }
    near.close().unwrap();
    read.extend(far.read(ReadMode::All).await.unwrap());
    assert_same(&read, &data[..counted]);
}

async fn a_write_is_at_most_64_kib_ahead_of_the_kernel(carrier: impl Carrier) {
    const AHEAD: usize = 64 * 1024;
    /// Of the last record only a part may have gone out, and then none of it can be read.
    const RECORD: usize = 16 * 1024;
    let (near, far) = carrier.pair().await;
    let data = pattern(TOO_MUCH);
    let interrupter = async {
        until_full(&far).await;
        far.interrupt().unwrap();
    };
    let (written, ()) = both(far.write(&data), interrupter).await;
    says(written, "interrupted");
    let counted = usize::try_from(far.bytes_written()).unwrap();
    // What the kernel has not taken goes with this; what it has taken arrives.
    far.abort();
    let received = match near.read(ReadMode::All).await {
        Ok(all) => all,
        Err(Error::Truncated(_)) => near.read(ReadMode::All).await.unwrap(),
        Err(error) => panic!("{error}"),
    };
    assert_same(&received, &data[..received.len()]);
    assert!(received.len() + AHEAD + RECORD >= counted, "{} of {counted} bytes", received.len());
}

async fn a_write_after_our_close_says_closed(carrier: impl Carrier) {
    let (near, _far) = carrier.pair().await;
    near.close().unwrap();
    says(near.write("too late").await, "closed");
    says(near.write("too late").await, "closed");
    assert_eq!(near.bytes_written(), 0);
}

/// Writes until it cannot be done any more.
async fn write_until_it_fails<T: Transport>(stream: &Stream<T>) -> Error {
    let data = pattern(1024 * 1024);
    loop {
        if let Err(error) = stream.write(&data).await {
            return error;
        }
    }
}

async fn a_write_to_a_peer_that_is_gone_says_closed(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    far.abort();
    assert_eq!(write_until_it_fails(&near).await.to_string(), "closed");
    says(near.write("again").await, "closed");
    says(near.write("").await, "closed");
}

async fn a_peer_that_closes_while_we_write_makes_it_say_closed(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let data = pattern(TOO_MUCH);
    let closer = async {
        until_full(&near).await;
        far.abort();
    };
    let (written, ()) = both(near.write(&data), closer).await;
    says(written, "closed");
    says(near.write("again").await, "closed");
}

/// Who has closed still reads for a while, so that its own last bytes arrive; but not for ever.
async fn a_peer_that_has_closed_cleanly_makes_a_write_say_closed_in_the_end(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    far.write("goodbye").await.unwrap();
    far.close().unwrap();
    assert_eq!(write_until_it_fails(&near).await.to_string(), "closed");
    assert_eq!(near.read(7).await.unwrap(), b"goodbye");
}

async fn what_was_received_before_a_failed_write_stays_readable(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    far.write("line\nlast words").await.unwrap();
    near.write("unread").await.unwrap();
    reset_by(far).await;
    assert_eq!(write_until_it_fails(&near).await.to_string(), "closed");
    assert_eq!(near.read(ReadMode::Line).await.unwrap(), b"line\n");
    assert_eq!(near.read(ReadMode::Available).await.unwrap(), b"last words");
}

async fn a_failed_write_ends_the_sending_side_only(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    far.write("unread").await.unwrap();
    far.abort();
    write_until_it_fails(&near).await;
    assert!(!near.is_closed(), "there is something left to read");
    assert_eq!(near.read(6).await.unwrap(), b"unread");
    near.close().unwrap();
}
