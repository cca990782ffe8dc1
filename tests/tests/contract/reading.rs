//! `stream.read(mode)`: what each mode waits for and returns.

use std::io;

use lem_rs::{Error, ReadMode, spawn};

use crate::support::{Carrier, assert_same, at_once, both, on_every_stream, pattern, says, until};

on_every_stream! {
    a_number_reads_exactly_so_many_bytes,
    a_number_waits_until_there_are_enough,
    zero_bytes_are_read_without_waiting,
    star_a_reads_all_data_until_the_stream_is_closed,
    star_a_of_a_stream_without_data_is_empty,
    star_l_reads_up_to_and_including_the_next_newline,
    a_line_that_arrives_byte_by_byte_is_one_line,
    without_a_mode_what_is_available_is_returned_at_once,
    without_a_mode_a_read_waits_only_when_nothing_is_available,
    the_notations_of_the_original_are_understood,
    modes_can_follow_each_other_in_any_order,
    bytes_that_look_like_a_format_string_are_only_bytes,
    every_byte_value_arrives_as_it_was_sent,
    a_read_of_any_size_is_filled,
    read_into_replaces_what_the_vector_held,
    read_into_leaves_nothing_in_the_vector_when_it_fails,
    a_trimmed_line_is_text_without_its_ending,
    a_trimmed_line_that_is_no_text_is_consumed,
    bytes_read_counts_what_has_arrived_and_buffered_what_is_unread,
    bytes_that_arrive_together_with_the_end_are_counted,
}

async fn a_number_reads_exactly_so_many_bytes(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    far.write("abcdef").await.unwrap();
    assert_eq!(near.read(4).await.unwrap(), b"abcd");
    assert_eq!(near.read(1).await.unwrap(), b"e");
    assert_eq!(near.read(ReadMode::Exact(1)).await.unwrap(), b"f");
}

async fn a_number_waits_until_there_are_enough(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let reader = async {
        let whole = near.read(6).await.unwrap();
        assert_eq!(whole, b"abcdef");
    };
    let writer = async {
        far.write("abc").await.unwrap();
        until(|| near.buffered() == 3).await;
        assert!(near.is_busy(), "three bytes are no six");
        far.write("def").await.unwrap();
    };
    both(reader, writer).await;
}

async fn zero_bytes_are_read_without_waiting(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    assert_eq!(at_once(near.read(0)).await.expect("it does not wait").unwrap(), b"");
    far.write("x\n").await.unwrap();
    assert_eq!(near.read(0).await.unwrap(), b"");
    assert_eq!(near.bytes_read(), 0, "it does no I/O");
    assert_eq!(near.read(ReadMode::Line).await.unwrap(), b"x\n");
}

async fn star_a_reads_all_data_until_the_stream_is_closed(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let data = pattern(1_000_000);
    let writer = async {
        for piece in data.chunks(70_001) {
            far.write(piece).await.unwrap();
        }
        until(|| near.bytes_read() == 1_000_000).await;
        assert!(near.is_busy(), "without an end it is not all");
        far.close().unwrap();
    };
    let (all, ()) = both(near.read(ReadMode::All), writer).await;
    assert_same(&all.unwrap(), &data);
    says(near.read(ReadMode::All).await, "closed");
}

async fn star_a_of_a_stream_without_data_is_empty(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    far.close().unwrap();
    assert_eq!(near.read(ReadMode::All).await.unwrap(), b"");
    says(near.read(ReadMode::All).await, "closed");
}

async fn star_l_reads_up_to_and_including_the_next_newline(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    far.write("one\n\r\n\ntwo\rthree\nrest").await.unwrap();
    for line in ["one\n", "\r\n", "\n", "two\rthree\n"] {
        assert_eq!(near.read(ReadMode::Line).await.unwrap(), line.as_bytes());
    }
    assert_eq!(near.read(ReadMode::Available).await.unwrap(), b"rest");
}

async fn a_line_that_arrives_byte_by_byte_is_one_line(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let writer = async {
        for (index, byte) in b"slowly\n".iter().enumerate() {
            until(|| near.bytes_read() == index as u64).await;
            far.write(&[*byte]).await.unwrap();
        }
    };
    let (line, ()) = both(near.read(ReadMode::Line), writer).await;
    assert_eq!(line.unwrap(), b"slowly\n");
}

async fn without_a_mode_what_is_available_is_returned_at_once(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    far.write("line\nremainder").await.unwrap();
    near.read(ReadMode::Line).await.unwrap();
    let available = at_once(near.read(ReadMode::default())).await.expect("it does not wait");
    assert_eq!(available.unwrap(), b"remainder");
}

async fn without_a_mode_a_read_waits_only_when_nothing_is_available(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let writer = async {
        until(|| near.is_busy()).await;
        far.write("x").await.unwrap();
    };
    let (available, ()) = both(near.read(ReadMode::Available), writer).await;
    assert_eq!(available.unwrap(), b"x");
}

async fn the_notations_of_the_original_are_understood(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    far.write("line\n12345everything else").await.unwrap();
    far.close().unwrap();
    let mode = |text: &str| text.parse::<ReadMode>().unwrap();
    assert_eq!(near.read(mode("*l")).await.unwrap(), b"line\n");
    assert_eq!(near.read(mode("5")).await.unwrap(), b"12345");
    assert_eq!(near.read(mode("*a")).await.unwrap(), b"everything else");
    assert_eq!(mode(""), ReadMode::Available);
    for wrong in ["-1", "+1", "1.5", "*x", "l", " 1", "99999999999999999999999999"] {
        let error = wrong.parse::<ReadMode>().unwrap_err();
        assert!(error.to_string().contains(wrong), "{error}");
    }
}

async fn modes_can_follow_each_other_in_any_order(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    far.write("HEAD\nlength 3\nabctail").await.unwrap();
    far.close().unwrap();
    assert_eq!(near.read(2).await.unwrap(), b"HE");
    assert_eq!(near.read(ReadMode::Line).await.unwrap(), b"AD\n");
    assert_eq!(near.read(ReadMode::Line).await.unwrap(), b"length 3\n");
    assert_eq!(near.read(3).await.unwrap(), b"abc");
    assert_eq!(near.read(ReadMode::All).await.unwrap(), b"tail");
}

/// The original handed what stood behind a line to a formatting function.
async fn bytes_that_look_like_a_format_string_are_only_bytes(carrier: impl Carrier) {
    const HOSTILE: &[u8] = b"%s%n%x%99999d\0%s\\n$(id)\0{}{0}";
    let (near, far) = carrier.pair().await;
    for _ in 0..3 {
        far.write(&[b"line\n", HOSTILE].concat()).await.unwrap();
        assert_eq!(near.read(ReadMode::Line).await.unwrap(), b"line\n");
        assert_eq!(near.read(ReadMode::Available).await.unwrap(), HOSTILE);
        far.write(&[HOSTILE, b"\n", HOSTILE].concat()).await.unwrap();
        assert_eq!(near.read(ReadMode::Line).await.unwrap(), [HOSTILE, b"\n"].concat());
        assert_eq!(near.read(HOSTILE.len()).await.unwrap(), HOSTILE);
    }
    far.write(HOSTILE).await.unwrap();
    far.close().unwrap();
    assert_eq!(near.read(ReadMode::All).await.unwrap(), HOSTILE);
}

async fn every_byte_value_arrives_as_it_was_sent(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let values: Vec<u8> = (0..=255).collect();
    far.write(&values).await.unwrap();
    assert_eq!(near.read(256).await.unwrap(), values);
}

/// The original wrote out of bounds above about 40 KiB.
async fn a_read_of_any_size_is_filled(carrier: impl Carrier) {
    const MIB: usize = 1024 * 1024;
    let (near, far) = carrier.pair().await;
    let data = pattern(10 * MIB);
    let sizes = [1, 2, 255, 4096, 16_383, 16_384, 16_385, 40_000, 65_536, 262_145, MIB, 10 * MIB];
    for size in sizes {
        let (read, written) = both(near.read(size), far.write(&data[..size])).await;
        written.unwrap();
        assert_same(&read.unwrap(), &data[..size]);
        assert_eq!(near.buffered(), 0);
    }
}

async fn read_into_replaces_what_the_vector_held(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let mut target = b"what stood here before, longer than what comes".to_vec();
    far.write("line\n12345rest").await.unwrap();
    far.close().unwrap();
    assert_eq!(near.read_into(ReadMode::Line, &mut target).await.unwrap(), 5);
    assert_eq!(target, b"line\n");
    assert_eq!(near.read_into(5, &mut target).await.unwrap(), 5);
    assert_eq!(target, b"12345");
    assert_eq!(near.read_into(ReadMode::All, &mut target).await.unwrap(), 4);
    assert_eq!(target, b"rest");
}

async fn read_into_leaves_nothing_in_the_vector_when_it_fails(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    far.write("too little").await.unwrap();
    far.close().unwrap();
    let mut target = b"lost".to_vec();
    let unfinished = "closed: 10 bytes of an unfinished message are left";
    says(near.read_into(100, &mut target).await, unfinished);
    says(near.read_into(ReadMode::Line, &mut target).await, unfinished);
    assert_eq!(target, b"");
    assert_eq!(near.read(ReadMode::Available).await.unwrap(), b"too little");
}

async fn a_trimmed_line_is_text_without_its_ending(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    far.write("unix\ndos\r\n\n\r\n \tß \r\r\n").await.unwrap();
    for line in ["unix", "dos", "", "", " \tß \r"] {
        assert_eq!(near.read_line_trimmed().await.unwrap(), line);
    }
}

async fn a_trimmed_line_that_is_no_text_is_consumed(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    far.write(b"\xff\xfe\nnext\n").await.unwrap();
    let error = near.read_line_trimmed().await.unwrap_err();
    // The bytes are the peer's, and so is the fault.
    assert!(matches!(error, Error::NotText { valid: 0 }), "{error:?}");
    says(Err::<(), _>(error.clone()), "the peer sent a line that is not UTF-8 text: byte 1 is none of it");
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::InvalidData);
    assert_eq!(near.read_line_trimmed().await.unwrap(), "next");
}

async fn bytes_read_counts_what_has_arrived_and_buffered_what_is_unread(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    assert_eq!((near.bytes_read(), near.buffered()), (0, 0));
    far.write("line\nrest").await.unwrap();
    near.read(ReadMode::Line).await.unwrap();
    assert_eq!((near.bytes_read(), near.buffered()), (9, 4));
    near.read(ReadMode::Available).await.unwrap();
    assert_eq!((near.bytes_read(), near.buffered()), (9, 0));
}

/// With TLS both may even come in one packet.
async fn bytes_that_arrive_together_with_the_end_are_counted(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let reader = spawn(async move {
        let all = near.read(ReadMode::All).await.unwrap();
        (all.len() as u64, near.bytes_read())
    });
    far.write("twelve bytes").await.unwrap();
    far.close().unwrap();
    assert_eq!(reader.await.unwrap(), (12, 12));
}
