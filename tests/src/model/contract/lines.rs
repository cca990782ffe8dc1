//! Lines that are taken out of a stream many at a time.

use std::collections::VecDeque;

use lem_rs::{Error, ReadMode};

use super::finish::around;
use super::{End, Model, Verdict, refuse};
use crate::model::verb::{Answer, Side, Verb};

impl End {
    /// Whether it is a holder of lines who asks for the next of them.
    pub(super) fn holds(&self, verb: &Verb) -> bool {
        self.lent.as_ref().is_some_and(|(holder, _)| *verb == Verb::NextLine(*holder))
    }

    /// Hands out a line of those that were taken out.
    fn hand_out(&mut self, line: &[u8]) -> Verdict {
        let Some((_, held)) = &mut self.lent else { return refuse("nothing is held") };
        let due = held.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if due > self.terms.line {
            return refuse(format!("the line has {due} bytes, and the limit is {}", self.terms.line));
        }
        if let Some(at) = line.iter().zip(&*held).position(|(got, due)| got != due) {
            return refuse(format!("wrong from position {} on: {}", self.delivered, around(line, at, held)));
        }
        if line.len() != due {
            return refuse(format!("the next line has {due} bytes"));
        }
        held.drain(..due);
        self.delivered += due as u64;
        if held.is_empty() {
            self.lent = None;
        }
        Ok(())
    }
}

impl Model {
    /// Nobody holds lines any more: what was not handed out is the stream's again.
    pub fn give_back(&mut self, side: Side, holder: u64) {
        let end = self.end_mut(side);
        let Some((_, mut held)) = end.lent.take_if(|(of, _)| *of == holder) else { return };
        // What a stream that was closed meanwhile has left is nobody's.
        if end.closed.is_none() {
            held.append(&mut end.incoming);
            end.incoming = held;
        }
        self.version += 1;
    }

    pub(super) fn finish_line(&mut self, side: Side, holder: u64, result: &Result<Answer, Error>) -> Verdict {
        self.version += 1;
        let complete = self.may_be_complete(side);
        let end = self.end_mut(side);
        let (there, line) = (end.available(), end.terms.line);
        if end.holds(&Verb::NextLine(holder)) {
            return match result {
                Ok(Answer::Bytes(bytes)) => end.hand_out(bytes),
                Err(Error::Limit { what: "line", limit }) if *limit == line && end.is_next_too_long() => Ok(()),
                // What a stream that was closed meanwhile has left is nobody's.
                Err(Error::Closed) if end.closed.is_some() => Ok(()),
                _ => refuse("it holds a line"),
            };
        }
        match result {
            Ok(Answer::Bytes(bytes)) if self.is_satisfied(side, ReadMode::Line) => {
                let end = self.end_mut(side);
                // All that are complete are taken out at once.
                let whole = end.incoming.iter().take(there).rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
                let held: VecDeque<u8> = end.incoming.drain(..whole).collect();
                end.lent = Some((holder, held));
                end.hand_out(bytes)
            }
            Ok(Answer::Bytes(_)) => refuse(format!("{there} bytes are there, and no line that is not too long")),
            Ok(Answer::Done) if complete && there == 0 => {
                self.end_mut(side).told = true;
                Ok(())
            }
            Ok(Answer::Done) => refuse(format!("no end; {there} bytes are there, complete: {complete}")),
            Err(Error::Limit { what, limit }) => self.check_limit(side, ReadMode::Line, what, *limit),
            // The end that is clean and behind the last line is no error; one that was told as an error stays one.
            Err(Error::Closed) if complete && there == 0 && !self.is_frail() => refuse("the end is clean"),
            Err(_) => self.finish_read(side, ReadMode::Line, result),
        }
    }
}

impl End {
    fn is_next_too_long(&self) -> bool {
        let held = self.lent.as_ref().map(|(_, held)| held.iter().position(|byte| *byte == b'\n'));
        held.flatten().is_some_and(|at| at >= self.terms.line)
    }
}
