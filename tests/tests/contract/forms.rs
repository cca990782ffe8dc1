//! What a stream says about itself, in each of its forms: whole, in halves, as poll functions.

use std::fmt::Debug;

use lem_rs::{CloseCause, Endpoint, Error, ReadMode, WriteQueue};

use crate::support::{Carrier, on_every_stream, until};

on_every_stream! {
    every_form_tells_the_same_numbers_and_addresses,
    an_abort_of_any_form_closes_the_stream_at_once,
    every_form_and_every_future_names_itself_and_shows_no_content,
}

fn texts(addresses: [Result<Endpoint, Error>; 2]) -> [String; 2] {
    addresses.map(|address| address.unwrap().to_string())
}

async fn every_form_tells_the_same_numbers_and_addresses(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    far.write("line\nrest").await.unwrap();
    assert_eq!(near.read(ReadMode::Line).await.unwrap(), b"line\n");
    until(|| near.buffered() == 4).await;
    near.write("123").await.unwrap();
    let addresses = texts([near.peer_addr(), near.local_addr()]);
    let numbers = (9, 4, 3);
    assert_eq!((near.bytes_read(), near.buffered(), near.bytes_written()), numbers);

    let (reader, writer) = near.split();
    assert_eq!((reader.bytes_read(), reader.buffered(), writer.bytes_written()), numbers);
    assert_eq!(texts([reader.peer_addr(), reader.local_addr()]), addresses);
    assert_eq!(texts([writer.peer_addr(), writer.local_addr()]), addresses);
    assert!(
        writer.info().is_some() && reader.with_transport(|_| ()).is_some() && writer.with_transport(|_| ()).is_some()
    );
    assert!(!reader.is_closed() && !writer.is_closed() && writer.close_cause().is_none());

    let polled = reader.join(writer).unwrap().into_polled();
    assert_eq!((polled.bytes_read(), polled.buffered(), polled.bytes_written()), numbers);
    assert_eq!(texts([polled.peer_addr(), polled.local_addr()]), addresses);
    assert!(polled.info().is_some() && polled.with_transport(|_| ()).is_some());
    assert!(!polled.is_closed() && polled.close_cause().is_none());
}

async fn an_abort_of_any_form_closes_the_stream_at_once(carrier: impl Carrier) {
    let is_local = |cause: Option<CloseCause>| matches!(cause, Some(CloseCause::Local));
    let (near, far) = carrier.pair().await;
    near.abort();
    assert!(near.is_closed() && is_local(near.close_cause()));
    assert!(far.read(1).await.is_err());

    let (near, far) = carrier.pair().await;
    let (reader, writer) = near.split();
    writer.abort();
    assert!(reader.is_closed() && writer.is_closed() && is_local(writer.close_cause()));
    assert!(far.read(1).await.is_err());

    let (near, far) = carrier.pair().await;
    let (reader, writer) = near.split();
    reader.abort();
    assert!(reader.is_closed() && writer.is_closed() && is_local(reader.close_cause()));
    assert!(far.read(1).await.is_err());

    let (near, far) = carrier.pair().await;
    let polled = near.into_polled();
    polled.abort();
    assert!(polled.is_closed() && is_local(polled.close_cause()));
    assert!(far.read(1).await.is_err());
}

#[track_caller]
fn shows(value: &impl Debug, words: &[&str]) {
    let shown = format!("{value:?}");
    for word in words {
        assert!(shown.contains(word), "{word} is missing: {shown}");
    }
    assert!(!shown.contains("secret"), "{shown}");
}

async fn every_form_and_every_future_names_itself_and_shows_no_content(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    far.write("1\nsecret\nsecret").await.unwrap();
    let mut lines = near.lines();
    assert_eq!(lines.next().await.unwrap(), Some(&b"1\n"[..]));
    shows(&lines, &["Lines", "fetched: 7"]);
    drop(lines);
    until(|| near.buffered() == 13).await;
    near.write("secret").await.unwrap();
    let numbers = ["Stream", "closed: false", "received: 15", "written: 6"];
    shows(&near, &numbers);
    shows(&near.handle(), &["StreamHandle", "closed: false"]);
    shows(&near.read(17), &["Read", "Exact(17)"]);
    shows(&near.read_into(ReadMode::Line, &mut Vec::new()), &["ReadInto", "Line"]);
    shows(&near.read_until("\r\n"), &["ReadUntil", "delimiter"]);
    shows(&near.peek(5), &["Peek", "at_least: 5"]);
    shows(&near.write("secret"), &["Write", "len: 6", "written: 0"]);

    let (reader, writer) = near.split();
    shows(&reader, &["ReadHalf"]);
    shows(&reader, &numbers);
    shows(&writer, &["WriteHalf"]);
    shows(&writer, &numbers);
    let polled = reader.join(writer).unwrap().into_polled();
    shows(&polled, &["Polled"]);
    shows(&polled, &numbers);
    let (_reader, writer) = polled.into_stream().split();
    shows(&WriteQueue::new(writer), &["WriteQueue", "WriteHalf"]);
}
