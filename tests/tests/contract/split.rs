//! `stream.split()`: two halves with a slot each; a reader and a writer wait at once.

use std::rc::Rc;
use std::time::Duration;

use lem_rs::transport::Transport;
use lem_rs::{ReadHalf, ReadMode, Stream, WriteHalf, WriteQueue, spawn, timeout};

use crate::support::{Carrier, assert_same, both, on_every_stream, pattern, says, until};

on_every_stream! {
    a_reader_and_a_writer_wait_at_once,
    a_second_reader_or_writer_of_a_half_is_told_busy,
    each_half_is_interrupted_by_itself,
    a_half_that_nobody_waits_on_says_not_busy,
    both_ends_can_write_8_mib_before_either_has_read,
    writer_close_is_a_half_close_and_the_reply_is_readable,
    dropping_the_writer_is_a_half_close,
    writer_close_interrupts_who_writes_and_leaves_the_reader_alone,
    writer_close_after_a_dropped_write_sends_what_that_had_accepted,
    writer_shutdown_waits_until_the_last_byte_is_sent,
    dropping_both_halves_closes_the_stream_and_loses_nothing,
    dropping_the_reader_leaves_the_writer,
    two_halves_can_be_joined_again,
    halves_of_two_streams_cannot_be_joined,
    a_write_that_finds_the_connection_broken_leaves_the_reader_what_was_received,
    a_write_queue_lets_several_tasks_write_in_their_order,
    a_write_queue_finishes_what_was_begun_when_it_is_interrupted,
    a_write_queue_finishes_what_was_begun_when_its_writer_gives_up,
    a_write_queue_sends_nothing_of_a_message_that_was_not_begun,
    a_write_queue_whose_writer_is_closed_says_closed_for_a_message_that_stays_incomplete,
    a_write_queue_says_closed_while_its_writer_is_being_shut_down,
    what_a_write_queue_has_begun_is_delivered_before_the_end,
}

const MIB: usize = 1024 * 1024;
const TOO_MUCH: usize = 32 * MIB;

type Halves<T> = (ReadHalf<T>, WriteHalf<T>);

async fn split_pair<C: Carrier>(carrier: C) -> (Halves<C::Carried>, Stream<C::Carried>) {
    let (near, far) = carrier.pair().await;
    (near.split(), far)
}

async fn a_reader_and_a_writer_wait_at_once(carrier: impl Carrier) {
    let ((reader, writer), far) = split_pair(carrier).await;
    let data = pattern(TOO_MUCH);
    let other_end = async {
        until(|| reader.is_busy() && writer.is_busy()).await;
        far.write("for the reader\n").await.unwrap();
        until(|| !reader.is_busy()).await;
        assert!(writer.is_busy());
        far.read(TOO_MUCH).await.unwrap()
    };
    let ((line, written), received) = both(both(reader.read(ReadMode::Line), writer.write(&data)), other_end).await;
    assert_eq!(line.unwrap(), b"for the reader\n");
    written.unwrap();
    assert_same(&received, &data);
}

async fn a_second_reader_or_writer_of_a_half_is_told_busy(carrier: impl Carrier) {
    let ((reader, writer), far) = split_pair(carrier).await;
    let data = pattern(TOO_MUCH);
    let others = async {
        until(|| reader.is_busy() && writer.is_busy()).await;
        says(reader.read(1).await, "busy");
        says(writer.write("x").await, "busy");
        far.write("x").await.unwrap();
        far.read(TOO_MUCH).await.unwrap()
    };
    let ((read, written), received) = both(both(reader.read(1), writer.write(&data)), others).await;
    assert_eq!(read.unwrap(), b"x");
    written.unwrap();
    assert_same(&received, &data);
}

async fn each_half_is_interrupted_by_itself(carrier: impl Carrier) {
    let ((reader, writer), far) = split_pair(carrier).await;
    let data = pattern(TOO_MUCH);
    let interrupter = async {
        until(|| reader.is_busy() && writer.is_busy()).await;
        writer.interrupt().unwrap();
        assert!(reader.is_busy() && !writer.is_busy());
        says(writer.interrupt(), "not busy");
        reader.interrupt().unwrap();
        assert!(!reader.is_busy());
    };
    let ((read, written), ()) = both(both(reader.read(1), writer.write(&data)), interrupter).await;
    says(read, "interrupted");
    says(written, "interrupted");
    drop(far);
}

async fn a_half_that_nobody_waits_on_says_not_busy(carrier: impl Carrier) {
    let ((reader, writer), far) = split_pair(carrier).await;
    says(reader.interrupt(), "not busy");
    says(writer.interrupt(), "not busy");
    let interrupter = async {
        until(|| reader.is_busy()).await;
        assert!(!writer.is_busy());
        says(writer.interrupt(), "not busy");
        writer.write("a write beside a reader that waits").await.unwrap();
        far.write("x").await.unwrap();
    };
    let (read, ()) = both(reader.read(1), interrupter).await;
    assert_eq!(read.unwrap(), b"x");
}

/// The original stalls here until somebody interrupts it.
async fn both_ends_can_write_8_mib_before_either_has_read(carrier: impl Carrier) {
    async fn exchange<T: Transport>(stream: Stream<T>, own: Rc<Vec<u8>>) -> Vec<u8> {
        let (reader, writer) = stream.split();
        let task = spawn(async move {
            writer.write(&*own).await.unwrap();
            writer.close().unwrap();
        });
        let all = reader.read(ReadMode::All).await.unwrap();
        task.await.unwrap();
        all
    }
    let (near, far) = carrier.pair().await;
    let ours = Rc::new(pattern(8 * MIB));
    let theirs = Rc::new(ours.iter().map(|byte| !byte).collect::<Vec<u8>>());
    let (at_near, at_far) = both(exchange(near, ours.clone()), exchange(far, theirs.clone())).await;
    assert_same(&at_near, &theirs);
    assert_same(&at_far, &ours);
}

async fn writer_close_is_a_half_close_and_the_reply_is_readable(carrier: impl Carrier) {
    let ((reader, writer), far) = split_pair(carrier).await;
    assert!(!writer.is_closed());
    writer.write("request").await.unwrap();
    writer.close().unwrap();
    assert!(writer.is_closed());
    says(writer.write("more").await, "closed");
    says(writer.close(), "already closed");
    assert_eq!(far.read(ReadMode::All).await.unwrap(), b"request");
    far.write("reply").await.unwrap();
    far.close().unwrap();
    assert!(!reader.is_closed());
    assert_eq!(reader.read(ReadMode::All).await.unwrap(), b"reply");
}

async fn dropping_the_writer_is_a_half_close(carrier: impl Carrier) {
    let ((reader, writer), far) = split_pair(carrier).await;
    writer.write("request").await.unwrap();
    drop(writer);
    assert_eq!(far.read(ReadMode::All).await.unwrap(), b"request");
    far.write("reply\n").await.unwrap();
    assert_eq!(reader.read_line_trimmed().await.unwrap(), "reply");
}

async fn writer_close_interrupts_who_writes_and_leaves_the_reader_alone(carrier: impl Carrier) {
    let ((reader, writer), far) = split_pair(carrier).await;
    let data = pattern(TOO_MUCH);
    let closer = async {
        until(|| reader.is_busy() && writer.is_busy() && writer.bytes_written() > 0).await;
        writer.close().unwrap();
        assert!(reader.is_busy());
        let counted = usize::try_from(writer.bytes_written()).unwrap();
        assert_same(&far.read(ReadMode::All).await.unwrap(), &data[..counted]);
        far.write("x").await.unwrap();
    };
    let ((read, written), ()) = both(both(reader.read(1), writer.write(&data)), closer).await;
    assert_eq!(read.unwrap(), b"x");
    says(written, "interrupted");
}

async fn writer_shutdown_waits_until_the_last_byte_is_sent(carrier: impl Carrier) {
    let ((_reader, writer), far) = split_pair(carrier).await;
    let data = pattern(TOO_MUCH);
    let interrupter = async {
        until(|| writer.bytes_written() > 0 && writer.is_busy()).await;
        writer.interrupt().unwrap();
    };
    says(both(writer.write(&data), interrupter).await.0, "interrupted");
    let counted = usize::try_from(writer.bytes_written()).unwrap();
    let (over, received) = both(writer.shutdown(), far.read(ReadMode::All)).await;
    over.unwrap();
    assert_same(&received.unwrap(), &data[..counted]);
    writer.shutdown().await.unwrap();
}

async fn dropping_both_halves_closes_the_stream_and_loses_nothing(carrier: impl Carrier) {
    let data = pattern(10 * MIB);
    for reader_first in [true, false] {
        let ((reader, writer), far) = split_pair(carrier).await;
        let writing = async {
            writer.write(&data).await.unwrap();
            if reader_first {
                drop(reader);
                drop(writer);
            } else {
                drop(writer);
                drop(reader);
            }
        };
        let ((), received) = both(writing, far.read(ReadMode::All)).await;
        assert_same(&received.unwrap(), &data);
    }
}

async fn dropping_the_reader_leaves_the_writer(carrier: impl Carrier) {
    let ((reader, writer), far) = split_pair(carrier).await;
    drop(reader);
    writer.write("still here").await.unwrap();
    assert_eq!(far.read(10).await.unwrap(), b"still here");
}

async fn two_halves_can_be_joined_again(carrier: impl Carrier) {
    let ((reader, writer), far) = split_pair(carrier).await;
    far.write("line\nrest").await.unwrap();
    reader.read(ReadMode::Line).await.unwrap();
    let whole = reader.join(writer).unwrap();
    assert_eq!(whole.read(ReadMode::Available).await.unwrap(), b"rest");
    whole.write("one stream").await.unwrap();
    assert_eq!(far.read(10).await.unwrap(), b"one stream");
    let others = async {
        until(|| whole.is_busy()).await;
        says(whole.write("x").await, "busy");
        far.write("x").await.unwrap();
    };
    let (read, ()) = both(whole.read(1), others).await;
    assert_eq!(read.unwrap(), b"x");
}

async fn halves_of_two_streams_cannot_be_joined(carrier: impl Carrier) {
    let ((reader, writer), far) = split_pair(carrier).await;
    let (_, other_writer) = far.split();
    let (reader, other_writer) = reader.join(other_writer).unwrap_err();
    // Neither was closed by that.
    other_writer.write("from afar").await.unwrap();
    assert_eq!(reader.read(9).await.unwrap(), b"from afar");
    assert!(reader.join(writer).is_ok());
}

/// The write receives what says why it fails, and there may be nothing that wakes the reader afterwards.
async fn a_write_that_finds_the_connection_broken_leaves_the_reader_what_was_received(carrier: impl Carrier) {
    let ((reader, writer), far) = split_pair(carrier).await;
    let reader = Rc::new(reader);
    let reading = spawn({
        let reader = reader.clone();
        async move { reader.read(5).await }
    });
    until(|| reader.is_busy()).await;
    far.write("hello").await.unwrap();
    // On the same socket: no event of it is seen before the write fails.
    writer.with_transport(|transport| transport.source().finish().unwrap());
    says(writer.write("x").await, "closed");
    assert_eq!(reading.await.unwrap().unwrap(), b"hello");
    drop(far);
}

async fn a_write_queue_lets_several_tasks_write_in_their_order(carrier: impl Carrier) {
    const WRITERS: u8 = 8;
    let ((_reader, writer), far) = split_pair(carrier).await;
    let queue = WriteQueue::new(writer);
    let tasks: Vec<_> = (0..WRITERS)
        .map(|number| {
            let queue = queue.clone();
            spawn(async move { queue.write(&vec![number; MIB]).await })
        })
        .collect();
    for number in 0..WRITERS {
        let message = far.read(MIB).await.unwrap();
        assert!(message.iter().all(|byte| *byte == number), "message {number} is whole and in its place");
    }
    for task in tasks {
        task.await.unwrap().unwrap();
    }
}

async fn a_write_queue_finishes_what_was_begun_when_it_is_interrupted(carrier: impl Carrier) {
    let ((_reader, writer), far) = split_pair(carrier).await;
    let queue = WriteQueue::new(writer);
    let first = spawn({
        let queue = queue.clone();
        async move { queue.write(&pattern(TOO_MUCH)).await }
    });
    let second = spawn({
        let queue = queue.clone();
        async move { queue.write("second").await }
    });
    until(|| queue.writer().is_busy() && queue.writer().bytes_written() > 0).await;
    queue.writer().interrupt().unwrap();
    says(first.await.unwrap(), "interrupted");
    let received = far.read(TOO_MUCH + 6).await.unwrap();
    assert_same(&received, &[&pattern(TOO_MUCH)[..], b"second"].concat());
    second.await.unwrap().unwrap();
}

async fn a_write_queue_finishes_what_was_begun_when_its_writer_gives_up(carrier: impl Carrier) {
    let ((_reader, writer), far) = split_pair(carrier).await;
    let queue = WriteQueue::new(writer);
    // The peer does not read: the time is over in the midst of it.
    assert!(timeout(Duration::from_millis(20), queue.write(&pattern(TOO_MUCH))).await.is_err());
    assert_eq!(queue.writer().bytes_written(), TOO_MUCH as u64);
    let second = spawn({
        let queue = queue.clone();
        async move { queue.write("second").await }
    });
    let received = far.read(TOO_MUCH + 6).await.unwrap();
    assert_same(&received, &[&pattern(TOO_MUCH)[..], b"second"].concat());
    second.await.unwrap().unwrap();
}

async fn a_write_queue_sends_nothing_of_a_message_that_was_not_begun(carrier: impl Carrier) {
    let ((_reader, writer), far) = split_pair(carrier).await;
    let queue = WriteQueue::new(writer);
    let first = spawn({
        let queue = queue.clone();
        async move { queue.write(&pattern(TOO_MUCH)).await }
    });
    until(|| queue.writer().is_busy() && queue.writer().bytes_written() > 0).await;
    assert!(timeout(Duration::from_millis(1), queue.write("given up in the line")).await.is_err());
    let third = spawn({
        let queue = queue.clone();
        async move { queue.write("third").await }
    });
    let received = far.read(TOO_MUCH + 5).await.unwrap();
    assert_same(&received, &[&pattern(TOO_MUCH)[..], b"third"].concat());
    first.await.unwrap().unwrap();
    third.await.unwrap().unwrap();
}

async fn a_write_queue_whose_writer_is_closed_says_closed_for_a_message_that_stays_incomplete(carrier: impl Carrier) {
    for closes_all in [false, true] {
        let ((reader, writer), far) = split_pair(carrier).await;
        let queue = WriteQueue::new(writer);
        let [first, second] = [pattern(TOO_MUCH), b"second".to_vec()].map(|message| {
            let queue = queue.clone();
            spawn(async move { queue.write(&message).await })
        });
        until(|| queue.writer().is_busy() && queue.writer().bytes_written() > 0).await;
        if closes_all {
            reader.handle().close().unwrap();
        } else {
            queue.writer().close().unwrap();
        }
        says(first.await.unwrap(), "closed");
        says(second.await.unwrap(), "closed");
        let accepted = queue.writer().bytes_written() as usize;
        assert!(accepted < TOO_MUCH);
        assert_same(&far.read(ReadMode::All).await.unwrap(), &pattern(TOO_MUCH)[..accepted]);
    }
}

async fn a_write_queue_says_closed_while_its_writer_is_being_shut_down(carrier: impl Carrier) {
    let ((_reader, writer), far) = split_pair(carrier).await;
    let queue = WriteQueue::new(writer);
    // The peer does not read, and what was begun is sent in the background.
    assert!(timeout(Duration::from_millis(20), queue.write(&pattern(TOO_MUCH))).await.is_err());
    let shutting = {
        let queue = queue.clone();
        spawn(async move { queue.writer().shutdown().await })
    };
    // It waits for the kernel to take that.
    until(|| queue.writer().is_busy()).await;
    says(queue.write("late").await, "closed");
    far.read(ReadMode::All).await.unwrap();
    shutting.await.unwrap().unwrap();
}

async fn what_a_write_queue_has_begun_is_delivered_before_the_end(carrier: impl Carrier) {
    let ((reader, writer), far) = split_pair(carrier).await;
    let queue = WriteQueue::new(writer);
    assert!(timeout(Duration::from_millis(20), queue.write(&pattern(TOO_MUCH))).await.is_err());
    drop((queue, reader));
    assert_same(&far.read(ReadMode::All).await.unwrap(), &pattern(TOO_MUCH));
}

async fn writer_close_after_a_dropped_write_sends_what_that_had_accepted(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let (reader, writer) = near.split();
    let data = pattern(TOO_MUCH);
    let writing = spawn(async move {
        // The peer does not read, so it comes to wait, and is dropped.
        assert!(timeout(Duration::from_millis(1), writer.write(&data)).await.is_err());
        writer
    });
    let writer = writing.await.unwrap();
    // What flushes in the background has its turn, and waits for the socket.
    for _ in 0..10 {
        lem_rs::yield_now().await;
    }
    writer.close().unwrap();
    let accepted = writer.bytes_written() as usize;
    assert_same(&far.read(ReadMode::All).await.unwrap(), &pattern(TOO_MUCH)[..accepted]);
    drop(reader);
}
