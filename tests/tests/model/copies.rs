//! What the model permits of a copy: what it hands over is what came, in order, and it counts right.

use lem_rs::{CopySide, Direction, Error, ReadMode};
use lem_ssl_tests::model::{Answer, Copied, Model, Seen, Side, Verb, Verdict};

use crate::support::{arrive, permitted, read, refused, with_bytes};

/// A copy at the server, which is split, that waits to write.
fn copying(bytes: &[u8]) -> (Model, u64) {
    let mut model = with_bytes(bytes);
    model.reshape(Side::Server, true).unwrap();
    let id = model.begin(Side::Server, Verb::Copy);
    let seen = Seen { reads: Some(false), writes: Some(true), ..Seen::default() };
    permitted(model.pended(id, &seen, false));
    (model, id)
}

fn over(
    model: &mut Model,
    id: u64,
    result: Result<Answer, Error>,
    written: u64,
    copied: (u64, Option<CopySide>),
) -> Verdict {
    let copied = Copied { count: copied.0, failed: copied.1 };
    model.finished(id, &result, &Seen { written: Some(written), copied: Some(copied), ..Seen::default() })
}

#[test]
fn it_is_done_when_everything_was_handed_over_and_the_peer_has_ended_its_side() {
    let (mut model, id) = copying(b"abc");
    refused(over(&mut model, id, Ok(Answer::Done), 3, (3, None)));
    let (mut model, id) = copying(b"abc");
    permitted(model.close_write(Side::Client, Some(&Ok(()))));
    refused(over(&mut model, id, Ok(Answer::Done), 2, (2, None)));
    for (count, right) in [(3, true), (2, false), (4, false)] {
        let (mut model, id) = copying(b"abc");
        permitted(model.close_write(Side::Client, Some(&Ok(()))));
        let verdict = over(&mut model, id, Ok(Answer::Done), 3, (count, None));
        if right { permitted(verdict) } else { refused(verdict) }
    }
}

#[test]
fn it_hands_over_no_more_than_has_come() {
    let (mut model, id) = copying(b"abc");
    refused(over(&mut model, id, Err(Error::Interrupted), 4, (4, Some(CopySide::Write))));
}

#[test]
fn what_it_has_handed_over_is_taken_and_the_rest_is_there_again() {
    let (mut model, id) = copying(b"abc");
    permitted(model.interrupt(Side::Server, Direction::Write, &Ok(())));
    permitted(over(&mut model, id, Err(Error::Interrupted), 2, (2, Some(CopySide::Write))));
    refused(read(&mut model, ReadMode::Available, Ok(b"abc")));
    permitted(read(&mut model, ReadMode::Available, Ok(b"c")));
    let mut client = |result: &[u8]| {
        let id = model.begin(Side::Client, Verb::Read(ReadMode::Exact(2)));
        let seen = Seen { read: Some(2), ..Seen::default() };
        model.finished(id, &Ok(Answer::Bytes(result.to_vec())), &seen)
    };
    permitted(client(b"ab"));
}

#[test]
fn others_that_read_meanwhile_are_busy() {
    let (mut model, _) = copying(b"abc");
    permitted(arrive(&mut model, 3));
    refused(read(&mut model, ReadMode::Available, Ok(b"abc")));
    permitted(read(&mut model, ReadMode::Available, Err(Error::Busy)));
}
