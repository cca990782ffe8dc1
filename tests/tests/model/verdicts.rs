//! A model that accepts nonsense is no model.

use std::time::Duration;

use lem_rs::{CloseCause, Cut, Direction, EndOfStream, Error, Phase, ReadMode, Timeout};
use lem_ssl_tests::model::{Answer, Model, Seen, Side, Terms, Verb, Weather};

use crate::support::{TERMS, arrive, calm, no_line, permitted, read, refused, take, wait, with_bytes, write};

#[test]
fn a_read_gives_what_was_written_and_nothing_else() {
    permitted(read(&mut with_bytes(b"abcdef"), ReadMode::Available, Ok(b"abcdef")));
    for wrong in [&b"abcde"[..], b"bcdef", b"aabcdef", b"abcdeg", b"", b"abcdefg"] {
        refused(read(&mut with_bytes(b"abcdef"), ReadMode::Available, Ok(wrong)));
    }
}

#[test]
fn no_byte_is_read_twice() {
    let mut model = with_bytes(b"abab");
    permitted(read(&mut model, ReadMode::Exact(2), Ok(b"ab")));
    permitted(read(&mut model, ReadMode::Exact(2), Ok(b"ab")));
    refused(read(&mut model, ReadMode::Exact(2), Ok(b"ab")));
}

#[test]
fn a_read_gives_as_much_as_its_mode_says() {
    permitted(read(&mut with_bytes(b"ab\ncd"), ReadMode::Exact(2), Ok(b"ab")));
    refused(read(&mut with_bytes(b"ab\ncd"), ReadMode::Exact(2), Ok(b"a")));
    refused(read(&mut with_bytes(b"ab\ncd"), ReadMode::Exact(2), Ok(b"ab\n")));
    permitted(read(&mut with_bytes(b"ab\ncd"), ReadMode::Line, Ok(b"ab\n")));
    refused(read(&mut with_bytes(b"ab\ncd"), ReadMode::Line, Ok(b"ab")));
    refused(read(&mut with_bytes(b"a\nb\n"), ReadMode::Line, Ok(b"a\nb\n")));
    permitted(read(&mut with_bytes(b"ab"), ReadMode::Exact(0), Ok(b"")));
    refused(read(&mut with_bytes(b"ab"), ReadMode::All, Ok(b"ab")));
}

#[test]
fn nothing_arrives_that_was_not_written() {
    refused(arrive(&mut calm(), 1));
    let mut model = with_bytes(b"abc");
    refused(arrive(&mut model, 4));
    refused(arrive(&mut model, 2));
}

#[test]
fn a_clean_end_comes_after_everything() {
    let mut early = calm();
    permitted(write(&mut early, b"abc"));
    permitted(early.close_write(Side::Client, Some(&Ok(()))));
    refused(read(&mut early, ReadMode::Available, Err(Error::Closed)));
    permitted(arrive(&mut early, 2));
    refused(read(&mut early, ReadMode::All, Ok(b"ab")));

    let mut complete = with_bytes(b"abc");
    refused(read(&mut complete, ReadMode::Exact(4), Err(Error::Closed)));
    permitted(complete.close_write(Side::Client, Some(&Ok(()))));
    // It says so, and how much is left.
    refused(read(&mut complete, ReadMode::Exact(4), Err(Error::Closed)));
    refused(read(&mut complete, ReadMode::Exact(4), Err(Error::Incomplete { left: 2 })));
    permitted(read(&mut complete, ReadMode::Exact(4), Err(Error::Incomplete { left: 3 })));
    permitted(read(&mut complete, ReadMode::All, Ok(b"abc")));
    refused(read(&mut complete, ReadMode::Exact(0), Err(Error::Closed)));
}

#[test]
fn the_cause_of_an_end_is_the_one_that_there_was() {
    let shows = |cause| Seen { cause: Some(Some(cause)), ..Seen::default() };
    let clean = || shows(CloseCause::Peer(EndOfStream::Clean));
    let mut model = with_bytes(b"abc");
    refused(model.looked(Side::Server, &clean()));
    refused(model.looked(Side::Server, &shows(CloseCause::Local)));
    refused(model.looked(Side::Server, &shows(CloseCause::Peer(EndOfStream::Cut(Cut::Fin)))));
    permitted(model.close(Side::Client, Some(&Ok(()))));
    permitted(model.looked(Side::Server, &clean()));
    refused(model.looked(Side::Client, &Seen { cause: Some(None), ..Seen::default() }));
}

#[test]
fn the_network_fails_only_where_it_may() {
    let truncated = || Err(Error::Truncated(Cut::Reset));
    refused(read(&mut calm(), ReadMode::Available, truncated()));

    let mut broken = with_bytes(b"abc");
    broken.breaks();
    refused(read(&mut broken, ReadMode::Available, truncated()));
    permitted(read(&mut broken, ReadMode::Exact(4), truncated()));
    // It is told once.
    refused(read(&mut broken, ReadMode::Exact(4), truncated()));
    permitted(read(&mut broken, ReadMode::Exact(4), Err(Error::Incomplete { left: 3 })));
    permitted(read(&mut broken, ReadMode::All, Ok(b"abc")));

    let mut plain = Model::new([Terms { encrypted: false, ..TERMS }; 2], Weather::default());
    plain.breaks();
    refused(read(&mut plain, ReadMode::Available, Err(Error::Truncated(Cut::Fin))));
}

#[test]
fn an_aborted_stream_is_truncated_for_its_peer_and_closed_for_itself() {
    let mut model = calm();
    model.abort(Side::Client);
    refused(read(&mut model, ReadMode::Available, Err(Error::Closed)));
    permitted(read(&mut model, ReadMode::Available, Err(Error::Truncated(Cut::Fin))));
    let id = model.begin(Side::Client, Verb::Write(b"abc".to_vec()));
    refused(model.finished(id, &Ok(Answer::Done), &Seen::default()));
}

#[test]
fn who_comes_second_is_busy_and_nobody_else() {
    let mut model = calm();
    refused(read(&mut model, ReadMode::Available, Err(Error::Busy)));
    wait(&mut model);
    refused(read(&mut model, ReadMode::Exact(0), Ok(b"")));
    permitted(read(&mut model, ReadMode::Available, Err(Error::Busy)));
    let id = model.begin(Side::Server, Verb::Write(b"abc".to_vec()));
    refused(model.pended(id, &Seen::default(), false));
    refused(model.looked(Side::Server, &Seen { reads: Some(false), ..Seen::default() }));
    permitted(model.looked(Side::Client, &Seen { reads: Some(false), ..Seen::default() }));
}

#[test]
fn an_interrupt_ends_a_wait_and_only_a_wait() {
    let mut model = calm();
    refused(model.interrupt(Side::Server, Direction::Read, &Ok(())));
    permitted(model.interrupt(Side::Server, Direction::Read, &Err(Error::NotBusy)));
    refused(read(&mut model, ReadMode::Available, Err(Error::Interrupted)));
    let id = wait(&mut model);
    permitted(model.interrupt(Side::Server, Direction::Read, &Ok(())));
    permitted(model.finished(id, &Err(Error::Interrupted), &Seen::default()));

    let mut model = with_bytes(b"abc");
    let id = wait(&mut model);
    permitted(model.interrupt(Side::Server, Direction::Read, &Ok(())));
    refused(model.finished(id, &Ok(Answer::Bytes(b"abc".to_vec())), &Seen::default()));
}

#[test]
fn what_was_interrupted_must_not_wait_on() {
    let mut model = calm();
    let id = wait(&mut model);
    permitted(model.close(Side::Server, Some(&Ok(()))));
    refused(model.pended(id, &Seen::default(), false));
}

#[test]
fn closing_works_once() {
    let mut model = calm();
    refused(model.close(Side::Client, Some(&Err(Error::AlreadyClosed))));
    refused(model.close(Side::Client, Some(&Ok(()))));
    permitted(model.close(Side::Client, Some(&Err(Error::AlreadyClosed))));
    permitted(model.close_write(Side::Client, Some(&Err(Error::AlreadyClosed))));
    permitted(model.close_write(Side::Server, Some(&Ok(()))));
    refused(model.close_write(Side::Server, Some(&Ok(()))));
}

#[test]
fn a_write_is_done_when_all_of_it_is_accepted() {
    let accepted = |count| Seen { written: Some(count), ..Seen::default() };
    let finish = |count| {
        let mut model = calm();
        let id = model.begin(Side::Client, Verb::Write(b"abc".to_vec()));
        model.finished(id, &Ok(Answer::Done), &accepted(count))
    };
    permitted(finish(3));
    refused(finish(2));
    refused(finish(4));
    // Nobody writes.
    refused(calm().looked(Side::Client, &accepted(1)));
    let mut interrupted = calm();
    let id = interrupted.begin(Side::Client, Verb::Write(b"abc".to_vec()));
    permitted(interrupted.dropped(id, &accepted(2)));
    permitted(arrive(&mut interrupted, 2));
    refused(read(&mut interrupted, ReadMode::Available, Ok(b"abc")));
}

#[test]
fn what_is_buffered_is_what_was_received_and_not_read() {
    let shows = |count| Seen { buffered: Some(count), ..Seen::default() };
    let mut model = with_bytes(b"abc");
    permitted(model.looked(Side::Server, &shows(3)));
    refused(model.looked(Side::Server, &shows(2)));
    permitted(read(&mut model, ReadMode::Available, Ok(b"abc")));
    refused(model.looked(Side::Server, &shows(1)));
}

#[test]
fn a_limit_is_an_error_only_beyond_it() {
    let limit = |what, limit| Err(Error::Limit { what, limit });
    permitted(read(&mut with_bytes(b"12345678\n"), ReadMode::Line, limit("line", 8)));
    refused(read(&mut with_bytes(b"1234567\n"), ReadMode::Line, limit("line", 8)));
    refused(read(&mut with_bytes(b"1234567"), ReadMode::Line, limit("line", 8)));
    refused(read(&mut with_bytes(b"12345678\n"), ReadMode::Line, limit("line", 7)));
    permitted(read(&mut calm(), ReadMode::Exact(17), limit("exact", 16)));
    refused(read(&mut calm(), ReadMode::Exact(16), limit("exact", 16)));
    refused(read(&mut with_bytes(&[b'a'; 16]), ReadMode::All, limit("all", 16)));
    permitted(read(&mut with_bytes(&[b'a'; 17]), ReadMode::All, limit("all", 16)));
}

#[test]
fn a_shutdown_ends_with_the_peer_or_with_its_deadline() {
    let timeout = || Err(Timeout::new(Phase::Close, TERMS.close_deadline).into());
    let mut model = calm();
    let id = model.begin(Side::Client, Verb::Shutdown);
    permitted(model.pended(id, &Seen::default(), false));
    model.set_time(Duration::from_secs(4));
    refused(model.finished(id, &timeout(), &Seen::default()));
    let id = model.begin(Side::Client, Verb::Shutdown);
    refused(model.finished(id, &Ok(Answer::Done), &Seen::default()));
    let id = model.begin(Side::Client, Verb::Shutdown);
    model.set_time(Duration::from_secs(5));
    permitted(model.finished(id, &timeout(), &Seen::default()));
    permitted(model.close(Side::Server, Some(&Ok(()))));
    let id = model.begin(Side::Client, Verb::Shutdown);
    permitted(model.finished(id, &Ok(Answer::Done), &Seen::default()));
}

#[test]
fn a_shutdown_behind_an_abort_is_never_fine() {
    let shut = |model: &mut Model, result: Result<Answer, Error>| {
        let id = model.begin(Side::Client, Verb::Shutdown);
        model.finished(id, &result, &Seen::default())
    };
    let mut model = calm();
    model.abort(Side::Client);
    permitted(model.close(Side::Server, Some(&Ok(()))));
    refused(shut(&mut model, Ok(Answer::Done)));
    refused(shut(&mut model, Err(Error::Interrupted)));
    permitted(shut(&mut model, Err(Error::Closed)));

    // Whether the close was over by then, the model does not know.
    let mut model = calm();
    permitted(model.close(Side::Client, Some(&Ok(()))));
    permitted(model.close(Side::Server, Some(&Ok(()))));
    model.abort(Side::Client);
    permitted(shut(&mut model, Err(Error::Interrupted)));
    permitted(shut(&mut model, Ok(Answer::Done)));
}

#[test]
fn a_task_waits_for_its_peer_and_for_nothing_else() {
    let wrong = |model: &Model| model.waiting().iter().any(|one| one.wrong.is_some());
    let mut model = calm();
    wait(&mut model);
    assert!(!wrong(&model), "a reader may wait for one who writes nothing");
    permitted(write(&mut model, b"abc"));
    assert!(wrong(&model), "what was written must arrive where somebody reads");

    let mut model = calm();
    wait(&mut model);
    permitted(model.close_write(Side::Client, Some(&Ok(()))));
    assert!(wrong(&model), "the end must arrive where somebody reads");

    let mut model = calm();
    let id = model.begin(Side::Client, Verb::Write(b"abc".to_vec()));
    permitted(model.pended(id, &Seen { written: Some(1), ..Seen::default() }, false));
    assert!(!wrong(&model), "a writer may wait for one who does not read");
    wait(&mut model);
    assert!(wrong(&model), "one of the two must get on");

    let mut model = calm();
    wait(&mut model);
    permitted(model.interrupt(Side::Server, Direction::Read, &Ok(())));
    assert!(wrong(&model), "one who was interrupted must find out");
}

#[test]
fn lines_are_handed_out_one_by_one_and_keep_others_out_meanwhile() {
    let mut model = with_bytes(b"ab\ncd\nef");
    permitted(take(&mut model, 1, Ok(b"ab\n")));
    refused(take(&mut model, 1, Ok(b"ab\n")));
    permitted(read(&mut model, ReadMode::Available, Err(Error::Busy)));
    permitted(take(&mut model, 2, Err(Error::Busy)));
    refused(take(&mut model, 1, Err(Error::Busy)));
    permitted(take(&mut model, 1, Ok(b"cd\n")));
    // What is no line yet was not taken out.
    permitted(read(&mut model, ReadMode::Available, Ok(b"ef")));
}

#[test]
fn lines_that_were_not_handed_out_are_the_streams_again() {
    let mut model = with_bytes(b"ab\ncd\nef");
    permitted(take(&mut model, 1, Ok(b"ab\n")));
    refused(read(&mut model, ReadMode::Line, Ok(b"cd\n")));
    model.give_back(Side::Server, 1);
    permitted(read(&mut model, ReadMode::Available, Ok(b"cd\nef")));
}

#[test]
fn the_last_line_is_followed_by_nothing_only_at_a_clean_end() {
    let mut model = with_bytes(b"ab\n");
    permitted(take(&mut model, 1, Ok(b"ab\n")));
    refused(no_line(&mut model));
    permitted(model.close_write(Side::Client, Some(&Ok(()))));
    refused(take(&mut model, 1, Err(Error::Closed)));
    permitted(no_line(&mut model));

    let mut rest = with_bytes(b"ab");
    permitted(rest.close_write(Side::Client, Some(&Ok(()))));
    refused(no_line(&mut rest));
    permitted(take(&mut rest, 1, Err(Error::Incomplete { left: 2 })));
    permitted(read(&mut rest, ReadMode::Available, Ok(b"ab")));
}

#[test]
fn a_line_that_is_too_long_is_an_error_also_among_those_that_were_taken_out() {
    let limit = || Err(Error::Limit { what: "line", limit: TERMS.line });
    permitted(take(&mut with_bytes(b"12345678\n"), 1, limit()));
    refused(take(&mut with_bytes(b"1234567\n"), 1, limit()));
    let mut model = with_bytes(b"a\n12345678\n");
    refused(take(&mut model, 1, limit()));
    let mut model = with_bytes(b"a\n12345678\n");
    permitted(take(&mut model, 1, Ok(b"a\n")));
    permitted(take(&mut model, 1, limit()));
    refused(take(&mut model, 1, Ok(b"12345678\n")));
}

/// The server asks for this, and that is what it gets.
fn asks(model: &mut Model, verb: Verb, result: Result<&[u8], Error>) -> lem_ssl_tests::model::Verdict {
    let id = model.begin(Side::Server, verb);
    model.finished(id, &result.map(|bytes| Answer::Bytes(bytes.to_vec())), &Seen::default())
}

#[test]
fn a_read_up_to_a_delimiter_gives_all_of_it_and_no_more() {
    let until = |bytes: &[u8], result| asks(&mut with_bytes(bytes), Verb::Until(b"--"), result);
    permitted(until(b"a-b--c", Ok(b"a-b--")));
    for wrong in [&b"a-b-"[..], b"a-b--c", b"a-", b"--", b""] {
        refused(until(b"a-b--c", Ok(wrong)));
    }
    refused(until(b"a-b-", Ok(b"a-b-")));
    // The limit of a line is eight, the delimiter included.
    permitted(until(b"123456--", Ok(b"123456--")));
    refused(until(b"1234567--", Ok(b"1234567--")));
    permitted(until(b"1234567--", Err(Error::Limit { what: "until", limit: 8 })));
    refused(until(b"1234567", Err(Error::Limit { what: "until", limit: 8 })));
    refused(until(b"123456--", Err(Error::Limit { what: "until", limit: 8 })));
    refused(asks(&mut calm(), Verb::Until(b""), Ok(b"")));
    permitted(asks(&mut calm(), Verb::Until(b""), Err(Error::Misuse(String::new()))));
}

#[test]
fn a_look_shows_everything_and_takes_nothing() {
    let mut model = with_bytes(b"abc");
    permitted(asks(&mut model, Verb::Peek(2), Ok(b"abc")));
    refused(asks(&mut model, Verb::Peek(2), Ok(b"ab")));
    refused(asks(&mut model, Verb::Peek(3), Ok(b"abd")));
    refused(asks(&mut model, Verb::Peek(4), Ok(b"abc")));
    refused(asks(&mut model, Verb::Peek(3), Err(Error::Closed)));
    permitted(read(&mut model, ReadMode::Exact(3), Ok(b"abc")));
    permitted(asks(&mut model, Verb::Peek(0), Ok(b"")));
}
