#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::collections::VecDeque;

use lem_ssl_rs::{Error, Limits, Machine};

use super::{Ahead, Input, Mode};

/// An input that gives these pieces, and then ends.
struct Pieces(RefCell<VecDeque<&'static str>>);

impl Input for Pieces {
    async fn more(&self) -> Result<Vec<u8>, Error> {
        self.0.borrow_mut().pop_front().map(Into::into).ok_or(Error::Closed)
    }

    fn limits(&self) -> Limits {
        Limits::default().line(8).all(20)
    }
}

fn reads(pieces: &[&'static str], modes: &[Mode]) -> Vec<Result<String, String>> {
    let input = Pieces(RefCell::new(pieces.iter().copied().collect()));
    let ahead = Ahead::default();
    let machine = Machine::new().expect("a machine");
    let read = async |mode: &Mode| match ahead.read(&input, *mode).await {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) => Err(error.to_string()),
    };
    let all = async {
        let mut results = Vec::new();
        for mode in modes {
            results.push(read(mode).await);
        }
        results
    };
    machine.run(all).expect("it ends")
}

const LINE: Mode = Mode::Line { stop: b'\n', keep: true };

#[test]
fn a_line_is_cut_out_of_pieces_and_the_rest_stays() {
    let got = reads(&["ab", "c\nde\nf"], &[LINE, Mode::Exact(1), Mode::Available]);
    assert_eq!(got, [Ok("abc\n".into()), Ok("d".into()), Ok("e\nf".into())]);
}

#[test]
fn an_end_within_a_line_leaves_its_bytes_readable() {
    let got = reads(&["ab"], &[LINE, Mode::Exact(3), Mode::All]);
    assert_eq!(got, [Err("closed".into()), Err("closed".into()), Ok("ab".into())]);
}

#[test]
fn another_stop_byte_is_left_out_when_it_is_to_be() {
    let got = reads(&["a=b\n"], &[Mode::Line { stop: b'=', keep: false }, LINE]);
    assert_eq!(got, [Ok("a".into()), Ok("b\n".into())]);
}

#[test]
fn what_is_longer_than_its_limit_is_refused_and_stays_readable() {
    let limit = |what, limit| Err(Error::Limit { what, limit }.to_string());
    let got = reads(&["123456789"], &[LINE, Mode::Exact(9)]);
    assert_eq!(got, [limit("line", 8), Ok("123456789".into())]);
    assert_eq!(reads(&["12345678901", "2345678901"], &[Mode::All]), [limit("all", 20)]);
    assert_eq!(reads(&["1"], &[Mode::Exact(21)]), [limit("exact", 20)]);
}

#[test]
fn lines_that_are_lent_stay_until_they_are_consumed() {
    let ahead = Ahead::default();
    ahead.push(b"a\n\nbc\nrest".to_vec());
    let lines = ahead.lines(9, 100);
    assert_eq!(lines.bytes, b"a\n\nbc\n");
    assert_eq!(lines.ranges(true).collect::<Vec<_>>(), [0..2, 2..3, 3..6]);
    assert_eq!(lines.ranges(false).collect::<Vec<_>>(), [0..1, 2..2, 3..5]);
    assert_eq!(ahead.lines(2, 100).bytes, b"a\n\n");
    assert_eq!(ahead.lines(9, 2).bytes, b"a\n\n", "the next one is too long");
    assert_eq!(ahead.len(), 10);
    ahead.consume(6);
    assert_eq!(ahead.len(), 4);
}
