//! Reading up to a delimiter, and looking without taking.

use lem_rs::{Error, ReadMode};

use super::finish::around;
use super::{Model, Verdict, refuse};
use crate::model::verb::{Answer, Side};

impl Model {
    /// Where the delimiter ends, if it is among what has arrived and not beyond the limit of a line.
    pub(super) fn delimited(&self, side: Side, delimiter: &[u8]) -> Option<usize> {
        let end = self.end(side);
        let there: Vec<u8> = end.incoming.iter().take(end.available().min(end.terms.line)).copied().collect();
        let at = there.windows(delimiter.len().max(1)).position(|window| window == delimiter)?;
        Some(at + delimiter.len())
    }

    pub(super) fn finish_until(&mut self, side: Side, delimiter: &[u8], result: &Result<Answer, Error>) -> Verdict {
        if delimiter.is_empty() {
            return if matches!(result, Err(Error::Misuse(_))) { Ok(()) } else { refuse("it is everywhere") };
        }
        let due = self.delimited(side, delimiter);
        let end = self.end(side);
        let (there, line) = (end.available(), end.terms.line);
        match (result, due) {
            (Ok(Answer::Bytes(bytes)), Some(count)) if bytes.len() == count => {
                self.deliver(side, ReadMode::Exact(count), bytes)
            }
            (Err(Error::Limit { what: "until", limit }), None) if *limit == line && there >= line => Ok(()),
            (Err(error), None) if !matches!(error, Error::Limit { .. }) => {
                self.finish_read(side, ReadMode::Exact(there + 1), result)
            }
            _ => refuse(format!("{there} bytes are there, and the delimiter ends at {due:?}")),
        }
    }

    pub(super) fn finish_peek(&mut self, side: Side, at_least: usize, result: &Result<Answer, Error>) -> Verdict {
        let Ok(Answer::Bytes(bytes)) = result else {
            return self.finish_read(side, ReadMode::Exact(at_least), result);
        };
        let end = self.end(side);
        let there = end.available();
        if bytes.len() != there || there < at_least {
            return refuse(format!("{there} bytes are there"));
        }
        match bytes.iter().zip(&end.incoming).position(|(got, due)| got != due) {
            Some(at) => refuse(format!("wrong: {}", around(bytes, at, &end.incoming))),
            None => Ok(()),
        }
    }
}
