//! `Line` and `All` have limits: beyond it an error that names the limit, the data still readable.

use lem_rs::{Error, Limits, ReadMode};

use crate::support::{Carrier, assert_same, both, on_every_stream, options_with, pattern, says};

on_every_stream! {
    a_line_as_long_as_the_limit_is_read,
    a_line_longer_than_the_limit_is_an_error_that_names_it,
    a_line_without_an_end_is_refused_as_soon_as_it_is_too_long,
    a_line_that_is_too_long_stays_readable_in_the_other_modes,
    the_line_limit_is_64_kib_by_default,
    the_limit_of_all_is_64_mib_by_default,
    all_data_up_to_the_limit_is_read,
    more_data_than_the_limit_is_an_error_that_names_it,
    what_was_too_much_for_all_stays_readable_in_the_other_modes,
    a_number_above_the_limit_is_an_error_and_consumes_nothing,
    a_limit_does_not_end_the_stream,
}

const LINE: usize = 100;
const ALL: usize = 1000;
fn small() -> Limits {
    Limits::default().line(LINE).all(ALL)
}
const LINE_TOO_LONG: &str = "limit: the \"line\" read is longer than its limit of 100 bytes";
const ALL_TOO_LONG: &str = "limit: the \"all\" read is longer than its limit of 1000 bytes";

async fn a_line_as_long_as_the_limit_is_read(carrier: impl Carrier) {
    let (near, far) = carrier.pair_with(options_with(small())).await;
    let line = [vec![b'x'; LINE - 1], b"\n".to_vec()].concat();
    far.write(&line).await.unwrap();
    assert_same(&near.read(ReadMode::Line).await.unwrap(), &line);
}

async fn a_line_longer_than_the_limit_is_an_error_that_names_it(carrier: impl Carrier) {
    let (near, far) = carrier.pair_with(options_with(small())).await;
    far.write(&[vec![b'x'; LINE], b"\n".to_vec()].concat()).await.unwrap();
    let error = near.read(ReadMode::Line).await.unwrap_err();
    assert!(matches!(error, Error::Limit { what: "line", limit: LINE }), "{error:?}");
    assert_eq!(error.to_string(), LINE_TOO_LONG);
    says(near.read(ReadMode::Line).await, LINE_TOO_LONG);
}

async fn a_line_without_an_end_is_refused_as_soon_as_it_is_too_long(carrier: impl Carrier) {
    let (near, far) = carrier.pair_with(options_with(small())).await;
    far.write(&[b'x'; LINE]).await.unwrap();
    // The peer is still there and may go on: the reader does not wait for that.
    says(near.read(ReadMode::Line).await, LINE_TOO_LONG);
}

async fn a_line_that_is_too_long_stays_readable_in_the_other_modes(carrier: impl Carrier) {
    let (near, far) = carrier.pair_with(options_with(small())).await;
    // Without a newline anywhere.
    let long: Vec<u8> = pattern(3 * LINE).iter().map(|byte| byte | 0x80).collect();
    for _ in 0..2 {
        far.write(&long).await.unwrap();
    }
    far.close().unwrap();
    says(near.read(ReadMode::Line).await, LINE_TOO_LONG);
    assert_same(&near.read(LINE).await.unwrap(), &long[..LINE]);
    says(near.read(ReadMode::Line).await, LINE_TOO_LONG);
    let available = near.read(ReadMode::Available).await.unwrap();
    let expected = [&long[LINE..], &long].concat();
    assert_same(&available, &expected[..available.len()]);
    assert_same(&near.read(ReadMode::All).await.unwrap(), &expected[available.len()..]);
}

async fn the_line_limit_is_64_kib_by_default(carrier: impl Carrier) {
    const DEFAULT: usize = 64 * 1024;
    let (near, far) = carrier.pair().await;
    let longest = [vec![b'x'; DEFAULT - 1], b"\n".to_vec()].concat();
    let (line, written) = both(near.read(ReadMode::Line), far.write(&longest)).await;
    written.unwrap();
    assert_same(&line.unwrap(), &longest);
    let too_long = vec![b'x'; DEFAULT];
    let (line, written) = both(near.read(ReadMode::Line), far.write(&too_long)).await;
    written.unwrap();
    says(line, "limit: the \"line\" read is longer than its limit of 65536 bytes");
    assert_same(&near.read(DEFAULT).await.unwrap(), &too_long);
}

async fn the_limit_of_all_is_64_mib_by_default(carrier: impl Carrier) {
    const DEFAULT: usize = 64 * 1024 * 1024;
    let (near, _far) = carrier.pair().await;
    let error = near.read(DEFAULT + 1).await.unwrap_err();
    assert_eq!(error.to_string(), "limit: the \"exact\" read is longer than its limit of 67108864 bytes");
    assert_eq!(Limits::default().all, DEFAULT);
}

async fn all_data_up_to_the_limit_is_read(carrier: impl Carrier) {
    let (near, far) = carrier.pair_with(options_with(small())).await;
    let data = pattern(ALL);
    far.write(&data).await.unwrap();
    far.close().unwrap();
    assert_same(&near.read(ReadMode::All).await.unwrap(), &data);
}

async fn more_data_than_the_limit_is_an_error_that_names_it(carrier: impl Carrier) {
    let (near, far) = carrier.pair_with(options_with(small())).await;
    far.write(&pattern(ALL + 1)).await.unwrap();
    // The peer does not end: the reader does not go on collecting.
    let error = near.read(ReadMode::All).await.unwrap_err();
    assert!(matches!(error, Error::Limit { what: "all", limit: ALL }), "{error:?}");
    assert_eq!(error.to_string(), ALL_TOO_LONG);
    says(near.read(ReadMode::All).await, ALL_TOO_LONG);
}

async fn what_was_too_much_for_all_stays_readable_in_the_other_modes(carrier: impl Carrier) {
    let (near, far) = carrier.pair_with(options_with(small())).await;
    let data = [b"a line\n".to_vec(), pattern(2 * ALL)].concat();
    far.write(&data).await.unwrap();
    far.close().unwrap();
    says(near.read(ReadMode::All).await, ALL_TOO_LONG);
    assert_eq!(near.read(ReadMode::Line).await.unwrap(), b"a line\n");
    assert_same(&near.read(ALL).await.unwrap(), &data[7..7 + ALL]);
    // What is left is within the limit now.
    assert_same(&near.read(ReadMode::All).await.unwrap(), &data[7 + ALL..]);
}

async fn a_number_above_the_limit_is_an_error_and_consumes_nothing(carrier: impl Carrier) {
    let (near, far) = carrier.pair_with(options_with(small())).await;
    far.write("abc").await.unwrap();
    for number in [ALL + 1, usize::MAX / 2, usize::MAX] {
        says(near.read(number).await, "limit: the \"exact\" read is longer than its limit of 1000 bytes");
    }
    assert_eq!(near.read(3).await.unwrap(), b"abc");
}

async fn a_limit_does_not_end_the_stream(carrier: impl Carrier) {
    let (near, far) = carrier.pair_with(options_with(small())).await;
    far.write(&[b'x'; LINE]).await.unwrap();
    says(near.read(ReadMode::Line).await, LINE_TOO_LONG);
    assert!(!near.is_closed());
    near.read(LINE).await.unwrap();
    far.write("fine\n").await.unwrap();
    assert_eq!(near.read(ReadMode::Line).await.unwrap(), b"fine\n");
    near.write("answer").await.unwrap();
    assert_eq!(far.read(6).await.unwrap(), b"answer");
}
