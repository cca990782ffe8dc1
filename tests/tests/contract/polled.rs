//! `stream.into_polled()`: the same stream as poll functions, which keep the stream's promises.

use std::future::poll_fn;
use std::io::IoSlice;
use std::rc::Rc;
use std::task::Poll;

use lem_rs::transport::Transport;
use lem_rs::{Error, Polled, ReadMode, Stream, spawn, yield_now};

use crate::support::{Carrier, assert_same, at_once, both, on_every_stream, pattern, reset, says, until};

on_every_stream! {
    a_poll_reads_what_is_there_and_nothing_at_the_clean_end,
    an_empty_buffer_reads_nothing_and_does_not_wait,
    a_reset_is_an_error_behind_everything_before_it_and_no_end,
    what_was_shown_stays_until_it_is_taken,
    small_writes_leave_in_one_piece_when_the_task_gives_way,
    pieces_are_accepted_together_up_to_the_bound,
    a_large_piece_passes_without_being_gathered,
    a_small_piece_goes_along_with_the_beginning_of_a_large_one,
    writes_wait_when_the_peer_does_not_read_and_go_on_when_it_does,
    a_flush_waits_until_the_kernel_has_everything,
    a_flush_that_is_not_polled_any_more_goes_on_all_the_same,
    reading_and_writing_wait_at_once,
    close_is_a_half_close_behind_what_was_accepted,
    dropping_it_delivers_what_was_accepted,
    a_close_by_handle_ends_what_waits_with_closed,
    the_stream_comes_back_with_everything_that_was_received,
    what_the_stream_had_received_is_read_first,
    bytes_are_counted,
    after_a_panic_the_peer_sees_no_clean_end,
}

async fn pair<C: Carrier>(carrier: C) -> (Polled<C::Carried>, Stream<C::Carried>) {
    let (near, far) = carrier.pair().await;
    (near.into_polled(), far)
}

async fn read<T: Transport>(stream: &mut Polled<T>, at_most: usize) -> Result<Vec<u8>, Error> {
    let mut buffer = vec![0; at_most];
    let count = poll_fn(|cx| stream.poll_read(cx, &mut buffer)).await?;
    buffer.truncate(count);
    Ok(buffer)
}

async fn read_to_end<T: Transport>(stream: &mut Polled<T>) -> Result<Vec<u8>, Error> {
    let mut all = Vec::new();
    loop {
        match read(stream, 10_000).await? {
            piece if piece.is_empty() => return Ok(all),
            piece => all.extend(piece),
        }
    }
}

async fn write<T: Transport>(stream: &mut Polled<T>, data: &[u8]) -> Result<usize, Error> {
    poll_fn(|cx| stream.poll_write(cx, data)).await
}

async fn write_all<T: Transport>(stream: &mut Polled<T>, data: &[u8]) -> Result<(), Error> {
    let mut written = 0;
    while written < data.len() {
        written += write(stream, &data[written..]).await?;
    }
    Ok(())
}

async fn flush<T: Transport>(stream: &mut Polled<T>) -> Result<(), Error> {
    poll_fn(|cx| stream.poll_flush(cx)).await
}

async fn a_poll_reads_what_is_there_and_nothing_at_the_clean_end(carrier: impl Carrier) {
    let (mut near, far) = pair(carrier).await;
    assert!(at_once(read(&mut near, 10)).await.is_none(), "nothing is there");
    far.write("abcdef").await.unwrap();
    far.close().unwrap();
    assert_eq!(read(&mut near, 4).await.unwrap(), b"abcd");
    assert_eq!(near.buffered(), 2);
    assert!(!near.is_closed());
    assert_eq!(read(&mut near, 4).await.unwrap(), b"ef");
    for _ in 0..3 {
        assert_eq!(read(&mut near, 4).await.unwrap(), b"");
    }
    assert!(near.is_closed());
}

async fn an_empty_buffer_reads_nothing_and_does_not_wait(carrier: impl Carrier) {
    let (mut near, _far) = pair(carrier).await;
    assert_eq!(at_once(read(&mut near, 0)).await.unwrap().unwrap(), b"");
}

async fn a_reset_is_an_error_behind_everything_before_it_and_no_end(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    far.write("before").await.unwrap();
    assert_eq!(near.read(1).await.unwrap(), b"b");
    reset(&near, far).await;
    let mut near = near.into_polled();
    assert_eq!(read(&mut near, 10).await.unwrap(), b"efore");
    assert!(matches!(read(&mut near, 10).await, Err(Error::Truncated(_))));
    says(read(&mut near, 10).await, "closed");
}

async fn what_was_shown_stays_until_it_is_taken(carrier: impl Carrier) {
    let (mut near, far) = pair(carrier).await;
    far.write("abcdef").await.unwrap();
    for take in [0, 2, 0, 3] {
        let before = near.buffered();
        let taken = poll_fn(|cx| near.poll_read_with(cx, |there| take.min(there.len()))).await.unwrap();
        assert_eq!(taken, take);
        assert!(before == 0 || near.buffered() == before - take);
    }
    let shown = poll_fn(|cx| near.poll_fill(cx).map_ok(<[u8]>::to_vec)).await.unwrap();
    assert_eq!(shown, b"f");
    near.consume(1);
    assert!(at_once(poll_fn(|cx| near.poll_fill(cx).map_ok(|_| ()))).await.is_none());
}

async fn small_writes_leave_in_one_piece_when_the_task_gives_way(carrier: impl Carrier) {
    let (mut near, far) = pair(carrier).await;
    for piece in ["one ", "two ", "three"] {
        assert_eq!(write(&mut near, piece.as_bytes()).await.unwrap(), piece.len());
    }
    // Nobody flushes; this task only waits for something else.
    assert_eq!(far.read(ReadMode::Available).await.unwrap(), b"one two three");
}

async fn pieces_are_accepted_together_up_to_the_bound(carrier: impl Carrier) {
    let (mut near, far) = pair(carrier).await;
    let data = pattern(100_000);
    let pieces =
        [IoSlice::new(&[]), IoSlice::new(&data[..9]), IoSlice::new(&data[9..50_000]), IoSlice::new(&data[50_000..])];
    let first = poll_fn(|cx| near.poll_write_vectored(cx, &pieces)).await.unwrap();
    assert_eq!(first, 64 * 1024);
    write_all(&mut near, &data[first..]).await.unwrap();
    assert_same(&far.read(data.len()).await.unwrap(), &data);
    assert_eq!(poll_fn(|cx| near.poll_write_vectored(cx, &[])).await.unwrap(), 0);
}

async fn a_large_piece_passes_without_being_gathered(carrier: impl Carrier) {
    let (mut near, far) = pair(carrier).await;
    let data = pattern(3_000_000);
    let writer = async {
        write_all(&mut near, b"head").await.unwrap();
        write_all(&mut near, &data).await.unwrap();
        write_all(&mut near, b"tail").await.unwrap();
        flush(&mut near).await.unwrap();
    };
    let ((), received) = both(writer, far.read(data.len() + 8)).await;
    assert_same(&received.unwrap(), &[b"head", &data[..], b"tail"].concat());
}

async fn a_small_piece_goes_along_with_the_beginning_of_a_large_one(carrier: impl Carrier) {
    let (mut near, far) = pair(carrier).await;
    let data = pattern(200_000);
    let writer = async {
        let pieces = [IoSlice::new(&data[..9]), IoSlice::new(&data[9..])];
        let first = poll_fn(|cx| near.poll_write_vectored(cx, &pieces)).await.unwrap();
        assert_eq!(first, 16 * 1024, "a record");
        let second = write(&mut near, &data[first..]).await.unwrap();
        assert!(second > 64 * 1024, "the rest is not gathered");
        write_all(&mut near, &data[first + second..]).await.unwrap();
        flush(&mut near).await.unwrap();
    };
    let ((), received) = both(writer, far.read(data.len())).await;
    assert_same(&received.unwrap(), &data);
}

async fn writes_wait_when_the_peer_does_not_read_and_go_on_when_it_does(carrier: impl Carrier) {
    let (mut near, far) = pair(carrier).await;
    let piece = pattern(1000);
    while at_once(write(&mut near, &piece)).await.is_some() {
        // The kernel takes what it can.
        yield_now().await;
    }
    let all = usize::try_from(near.bytes_written()).unwrap();
    let (flushed, received) = both(flush(&mut near), far.read(all)).await;
    flushed.unwrap();
    assert_eq!(received.unwrap().len(), all);
}

async fn a_flush_waits_until_the_kernel_has_everything(carrier: impl Carrier) {
    let (mut near, far) = pair(carrier).await;
    let data = pattern(20_000_000);
    let writer = async {
        write_all(&mut near, &data).await.unwrap();
        flush(&mut near).await.unwrap();
        assert!(at_once(flush(&mut near)).await.is_some(), "nothing is left");
    };
    let ((), received) = both(writer, far.read(data.len())).await;
    assert_same(&received.unwrap(), &data);
}

async fn a_flush_that_is_not_polled_any_more_goes_on_all_the_same(carrier: impl Carrier) {
    let (mut near, far) = pair(carrier).await;
    let data = pattern(64 * 1024);
    // Until the kernel takes no more.
    let mut blocked = false;
    while !blocked {
        blocked = at_once(write(&mut near, &data[..1000])).await.is_none() || at_once(flush(&mut near)).await.is_none();
    }
    let accepted = usize::try_from(near.bytes_written()).unwrap();
    // From here on nobody polls `near`.
    assert_eq!(far.read(accepted).await.unwrap().len(), accepted);
    drop(near);
    says(far.read(1).await, "closed");
}

async fn reading_and_writing_wait_at_once(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let data = Rc::new(pattern(8_000_000));
    let far = spawn({
        let data = data.clone();
        async move {
            let (reader, writer) = far.split();
            let (written, received) = both(writer.write(&*data), reader.read(data.len())).await;
            written.unwrap();
            received.unwrap()
        }
    });
    let mut near = near.into_polled();
    let (mut written, mut received) = (0, Vec::new());
    let mut buffer = vec![0; 50_000];
    poll_fn(|cx| {
        let mut pending = 0;
        while pending < 2 && received.len() < data.len() {
            pending = 0;
            match near.poll_read(cx, &mut buffer) {
                Poll::Ready(count) => received.extend_from_slice(&buffer[..count.unwrap()]),
                Poll::Pending => pending += 1,
            }
            if written == data.len() {
                pending += 1;
                continue;
            }
            match near.poll_write(cx, &data[written..data.len().min(written + 70_000)]) {
                Poll::Ready(count) => written += count.unwrap(),
                Poll::Pending => pending += 1,
            }
        }
        if received.len() == data.len() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    write_all(&mut near, &data[written..]).await.unwrap();
    flush(&mut near).await.unwrap();
    assert_same(&received, &data);
    assert_same(&far.await.unwrap(), &data);
}

async fn close_is_a_half_close_behind_what_was_accepted(carrier: impl Carrier) {
    let (mut near, far) = pair(carrier).await;
    write_all(&mut near, b"question").await.unwrap();
    poll_fn(|cx| near.poll_close(cx)).await.unwrap();
    assert_eq!(far.read(ReadMode::All).await.unwrap(), b"question");
    says(write(&mut near, b"more").await, "closed");
    // Once more is as good.
    poll_fn(|cx| near.poll_close(cx)).await.unwrap();
    flush(&mut near).await.unwrap();
    far.write("answer").await.unwrap();
    far.close().unwrap();
    assert_eq!(read_to_end(&mut near).await.unwrap(), b"answer");
}

async fn dropping_it_delivers_what_was_accepted(carrier: impl Carrier) {
    let (mut near, far) = pair(carrier).await;
    let data = pattern(500_000);
    let writer = async move {
        write_all(&mut near, &data).await.unwrap();
        assert_eq!(write(&mut near, b"last").await.unwrap(), 4);
        drop(near);
        data
    };
    let (data, received) = both(writer, far.read(ReadMode::All)).await;
    assert_same(&received.unwrap(), &[&data[..], b"last"].concat());
}

async fn a_close_by_handle_ends_what_waits_with_closed(carrier: impl Carrier) {
    let (mut near, _far) = pair(carrier).await;
    let handle = near.handle();
    let closer = async {
        yield_now().await;
        handle.close().unwrap();
    };
    let (waited, ()) = both(read(&mut near, 10), closer).await;
    says(waited, "closed");
    says(write(&mut near, b"x").await, "closed");
    says(flush(&mut near).await, "closed");
    assert!(near.is_closed() && near.info().is_none());
}

async fn the_stream_comes_back_with_everything_that_was_received(carrier: impl Carrier) {
    let (mut near, far) = pair(carrier).await;
    far.write("line\nrest").await.unwrap();
    assert_eq!(read(&mut near, 2).await.unwrap(), b"li");
    write_all(&mut near, b"gathered").await.unwrap();
    let near = near.into_stream();
    assert_eq!(far.read(8).await.unwrap(), b"gathered");
    assert_eq!(near.read(ReadMode::Line).await.unwrap(), b"ne\n");
    far.write("\n").await.unwrap();
    assert_eq!(near.read(ReadMode::Line).await.unwrap(), b"rest\n");
    assert!(!near.is_busy());
    near.write("verbs").await.unwrap();
    assert_eq!(far.read(5).await.unwrap(), b"verbs");
}

async fn what_the_stream_had_received_is_read_first(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    far.write("line\nrest").await.unwrap();
    assert_eq!(near.read(ReadMode::Line).await.unwrap(), b"line\n");
    until(|| near.buffered() == 4).await;
    let mut near = near.into_polled();
    assert_eq!(read(&mut near, 10).await.unwrap(), b"rest");
}

async fn bytes_are_counted(carrier: impl Carrier) {
    let (mut near, far) = pair(carrier).await;
    far.write("12345").await.unwrap();
    assert_eq!(read(&mut near, 2).await.unwrap(), b"12");
    assert_eq!(near.bytes_read(), 5);
    write_all(&mut near, b"123").await.unwrap();
    assert_eq!(near.bytes_written(), 3);
}

async fn after_a_panic_the_peer_sees_no_clean_end(carrier: impl Carrier) {
    let (mut near, far) = pair(carrier).await;
    let task = spawn(async move {
        write_all(&mut near, b"half an answer").await.unwrap();
        flush(&mut near).await.unwrap();
        yield_now().await;
        std::panic::resume_unwind(Box::new("quiet"));
    });
    assert!(task.await.is_err());
    crate::panicked::assert_cut_off(carrier, &far).await;
}
