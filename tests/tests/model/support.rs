//! A model with a connection in it, and what is said of its verdicts.

use std::time::Duration;

use lem_rs::{Error, ReadMode};
use lem_ssl_tests::model::{Answer, Model, Seen, Side, Terms, Verb, Verdict, Weather};

/// The limits are small, so that they are reached.
pub(crate) const TERMS: Terms = Terms { encrypted: true, line: 8, all: 16, close_deadline: Duration::from_secs(5) };

/// A connection in a world that breaks nothing.
pub(crate) fn calm() -> Model {
    Model::new([TERMS; 2], Weather::default())
}

/// A connection over which the client has written these bytes, all of which have arrived.
pub(crate) fn with_bytes(bytes: &[u8]) -> Model {
    let mut model = calm();
    write(&mut model, bytes).unwrap();
    arrive(&mut model, bytes.len()).unwrap();
    model
}

/// The client writes these bytes, all of which are accepted.
pub(crate) fn write(model: &mut Model, bytes: &[u8]) -> Verdict {
    let id = model.begin(Side::Client, Verb::Write(bytes.to_vec()));
    let seen = Seen { written: Some(bytes.len() as u64), ..Seen::default() };
    model.finished(id, &Ok(Answer::Done), &seen)
}

/// The server's stream shows that so many bytes have arrived.
pub(crate) fn arrive(model: &mut Model, count: usize) -> Verdict {
    model.looked(Side::Server, &Seen { read: Some(count as u64), ..Seen::default() })
}

/// The server reads, and that is what it gets.
pub(crate) fn read(model: &mut Model, mode: ReadMode, result: Result<&[u8], Error>) -> Verdict {
    let id = model.begin(Side::Server, Verb::Read(mode));
    model.finished(id, &result.map(|bytes| Answer::Bytes(bytes.to_vec())), &Seen::default())
}

/// The server takes the next line, as this holder, and that is what it gets.
pub(crate) fn take(model: &mut Model, holder: u64, result: Result<&[u8], Error>) -> Verdict {
    let id = model.begin(Side::Server, Verb::NextLine(holder));
    model.finished(id, &result.map(|bytes| Answer::Bytes(bytes.to_vec())), &Seen::default())
}

/// The first holder is told that there are no more lines.
pub(crate) fn no_line(model: &mut Model) -> Verdict {
    let id = model.begin(Side::Server, Verb::NextLine(1));
    model.finished(id, &Ok(Answer::Done), &Seen::default())
}

/// The server begins to read, and waits.
pub(crate) fn wait(model: &mut Model) -> u64 {
    let id = model.begin(Side::Server, Verb::Read(ReadMode::Available));
    model.pended(id, &Seen::default(), false).unwrap();
    id
}

#[track_caller]
pub(crate) fn permitted(verdict: Verdict) {
    assert_eq!(verdict, Ok(()));
}

#[track_caller]
pub(crate) fn refused(verdict: Verdict) {
    assert!(verdict.is_err(), "the model accepts what the contract forbids");
}
