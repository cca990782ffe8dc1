//! Expectations, and the data that they are about.

use std::fmt::Debug;

use lem_rs::Error;

/// The verb failed, in exactly these words.
#[track_caller]
pub(crate) fn says<T: Debug>(result: Result<T, Error>, words: &str) {
    match result {
        Ok(value) => panic!("expected the error {words:?}, got {value:?}"),
        Err(error) => assert_eq!(error.to_string(), words),
    }
}

/// As `assert_eq`, for data that nobody wants to see in full.
#[track_caller]
pub(crate) fn assert_same(found: &[u8], expected: &[u8]) {
    if found != expected {
        let differs = found.iter().zip(expected).position(|(found, expected)| found != expected);
        panic!("{} bytes where {} were expected; the first that differs: {differs:?}", found.len(), expected.len());
    }
}

/// So many bytes that show where they belong: a piece that is lost, doubled or moved is seen.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    // A prime: no record, buffer or page is a multiple of it.
    const PERIOD: u32 = 65_521;
    let period: Vec<u8> = (0..PERIOD).map(|index| (index.wrapping_mul(0x9e37_79b9) >> 24) as u8).collect();
    let mut bytes = period.repeat(length.div_ceil(period.len()));
    bytes.truncate(length);
    bytes
}
