//! `stream.lines()`: the lines in a loop, many for each look at the stream, and none lost.

use lem_rs::{Error, Limits, ReadMode, spawn, yield_now};

use crate::support::{Carrier, at_once, both, on_every_stream, options_with, says, until};

on_every_stream! {
    lines_come_in_order_each_with_its_newline,
    lines_are_the_same_in_every_chunking,
    an_unfinished_line_at_the_end_is_closed_and_stays_readable,
    a_clean_end_behind_the_last_line_is_no_error,
    lines_that_were_not_handed_out_are_the_streams_again,
    while_lines_are_held_another_read_is_busy_and_none_is_lost,
    a_waiting_fetch_is_interrupted_and_goes_on_afterwards,
    a_dropped_fetch_loses_nothing,
    a_long_line_among_short_ones_is_an_error_that_names_the_limit,
    trimmed_lines_are_text_without_their_ending,
    a_half_has_lines_as_well,
    one_who_holds_no_line_any_more_lets_nobody_past_those_of_another,
    a_closed_stream_is_closed_for_readers_and_keeps_no_line_that_was_held,
}

async fn lines_come_in_order_each_with_its_newline(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    far.write("one\n\nthree\r\n").await.unwrap();
    let mut lines = near.lines();
    for line in ["one\n", "\n", "three\r\n"] {
        assert_eq!(lines.next().await.unwrap().unwrap(), line.as_bytes());
    }
    assert!(at_once(lines.next()).await.is_none(), "there is no fourth, and no end");
}

async fn lines_are_the_same_in_every_chunking(carrier: impl Carrier) {
    let text = "a\nbc\n\ndef\n";
    for cut in 0..=text.len() {
        let (near, far) = carrier.pair().await;
        let (front, back) = text.split_at(cut);
        let writer = async {
            far.write(front).await.unwrap();
            until(|| near.bytes_read() == cut as u64).await;
            far.write(back).await.unwrap();
            far.close().unwrap();
        };
        let reader = async {
            let mut lines = near.lines();
            let mut seen = Vec::new();
            while let Some(line) = lines.next().await.unwrap() {
                seen.push(String::from_utf8(line.to_vec()).unwrap());
            }
            assert_eq!(seen, ["a\n", "bc\n", "\n", "def\n"], "cut at {cut}");
        };
        both(writer, reader).await;
    }
}

async fn an_unfinished_line_at_the_end_is_closed_and_stays_readable(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    far.write("whole\nhal").await.unwrap();
    far.close().unwrap();
    let mut lines = near.lines();
    assert_eq!(lines.next().await.unwrap().unwrap(), b"whole\n");
    for _ in 0..2 {
        assert!(matches!(lines.next().await, Err(Error::Incomplete { left: 3 })));
    }
    assert_eq!(near.read(ReadMode::Available).await.unwrap(), b"hal");
}

async fn a_clean_end_behind_the_last_line_is_no_error(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    far.write("only\n").await.unwrap();
    far.close().unwrap();
    let mut lines = near.lines();
    assert_eq!(lines.next().await.unwrap().unwrap(), b"only\n");
    for _ in 0..2 {
        assert!(lines.next().await.unwrap().is_none());
    }
    near.close().unwrap();
    assert!(matches!(lines.next().await, Err(Error::Closed)), "our own close is not the peer's end");
}

async fn lines_that_were_not_handed_out_are_the_streams_again(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    far.write("one\ntwo\nthree\nfou").await.unwrap();
    let mut lines = near.lines();
    assert_eq!(lines.next().await.unwrap().unwrap(), b"one\n");
    drop(lines);
    assert_eq!(near.read(4).await.unwrap(), b"two\n");
    far.write("r\nfive\n").await.unwrap();
    let mut lines = near.lines();
    for line in ["three\n", "four\n", "five\n"] {
        assert_eq!(lines.next().await.unwrap().unwrap(), line.as_bytes());
    }
}

async fn while_lines_are_held_another_read_is_busy_and_none_is_lost(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    far.write("one\ntwo\nrest").await.unwrap();
    far.close().unwrap();
    let mut lines = near.lines();
    assert_eq!(lines.next().await.unwrap().unwrap(), b"one\n");
    says(near.read(ReadMode::Available).await, "busy");
    assert!(matches!(near.lines().next().await, Err(Error::Busy)));
    assert!(!near.is_closed(), "there is something left to read");
    drop(lines);
    assert_eq!(near.read(ReadMode::All).await.unwrap(), b"two\nrest");
}

async fn a_waiting_fetch_is_interrupted_and_goes_on_afterwards(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    far.write("hal").await.unwrap();
    let mut lines = near.lines();
    let interrupter = async {
        until(|| near.is_busy() && near.buffered() == 3).await;
        near.interrupt().unwrap();
    };
    let (result, ()) = both(async { lines.next().await.map(|_| ()) }, interrupter).await;
    says(result, "interrupted");
    far.write("f\n").await.unwrap();
    assert_eq!(lines.next().await.unwrap().unwrap(), b"half\n");
}

async fn a_dropped_fetch_loses_nothing(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let mut lines = near.lines();
    let mut sent = 0;
    for piece in ["a ", "li", "n"] {
        far.write(piece).await.unwrap();
        sent += piece.len();
        // Each of these fetches is dropped after one look.
        while near.buffered() < sent {
            assert!(at_once(lines.next()).await.is_none(), "there is no newline yet");
            yield_now().await;
        }
    }
    far.write("e\nand another\n").await.unwrap();
    assert_eq!(lines.next().await.unwrap().unwrap(), b"a line\n");
    assert_eq!(lines.next().await.unwrap().unwrap(), b"and another\n");
}

async fn a_long_line_among_short_ones_is_an_error_that_names_the_limit(carrier: impl Carrier) {
    let (near, far) = carrier.pair_with(options_with(Limits::default().line(8))).await;
    far.write("short\n0123456789\nafter\n").await.unwrap();
    let mut lines = near.lines();
    assert_eq!(lines.next().await.unwrap().unwrap(), b"short\n");
    for _ in 0..2 {
        assert!(matches!(lines.next().await, Err(Error::Limit { what: "line", limit: 8 })));
    }
    drop(lines);
    assert_eq!(near.read(11).await.unwrap(), b"0123456789\n");
    assert_eq!(near.read(ReadMode::Line).await.unwrap(), b"after\n");
}

async fn trimmed_lines_are_text_without_their_ending(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    far.write(&b"unix\ndos\r\n\xff\nnext\n"[..]).await.unwrap();
    far.close().unwrap();
    let mut lines = near.lines();
    assert_eq!(lines.next_trimmed().await.unwrap(), Some("unix"));
    assert_eq!(lines.next_trimmed().await.unwrap(), Some("dos"));
    assert!(matches!(lines.next_trimmed().await, Err(Error::NotText { .. })));
    assert_eq!(lines.next_trimmed().await.unwrap(), Some("next"), "the one that is no text was passed over");
    assert_eq!(lines.next_trimmed().await.unwrap(), None);
}

async fn a_half_has_lines_as_well(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let (reader, writer) = near.split();
    let echo = spawn(async move {
        let mut lines = reader.lines();
        let mut count = 0;
        while let Some(line) = lines.next().await.unwrap() {
            writer.write(line).await.unwrap();
            count += 1;
        }
        count
    });
    far.write("x\n".repeat(1000).as_bytes()).await.unwrap();
    far.close_write().unwrap();
    assert_eq!(far.read(ReadMode::All).await.unwrap(), "x\n".repeat(1000).as_bytes());
    assert_eq!(echo.await.unwrap(), 1000);
}

async fn one_who_holds_no_line_any_more_lets_nobody_past_those_of_another(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let (mut first, mut second) = (near.lines(), near.lines());
    far.write("a\n").await.unwrap();
    assert_eq!(first.next().await.unwrap().unwrap(), b"a\n");
    far.write("b\nc\nd").await.unwrap();
    assert_eq!(second.next().await.unwrap().unwrap(), b"b\n");
    drop(first);
    assert!(matches!(near.read(ReadMode::Available).await, Err(Error::Busy)));
    drop(second);
    assert_eq!(near.read(3).await.unwrap(), b"c\nd");
}

async fn a_closed_stream_is_closed_for_readers_and_keeps_no_line_that_was_held(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    far.write("a\nb\n").await.unwrap();
    let mut lines = near.lines();
    assert_eq!(lines.next().await.unwrap().unwrap(), b"a\n");
    near.close().unwrap();
    assert!(matches!(near.read(ReadMode::Available).await, Err(Error::Closed)));
    drop(lines);
    assert_eq!(near.buffered(), 0);
    assert!(matches!(near.read(ReadMode::Available).await, Err(Error::Closed)));
}
