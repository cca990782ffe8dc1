//! Which results are permitted.

use lem_rs::{Cut, Error, ReadMode};

use super::closed::Manner;
use super::{Model, Operation, Outbound, Phase, Refused, Verdict, brief, refuse};
use crate::model::verb::{Answer, Seen, Side, Verb};

impl Model {
    /// The verb is over.
    ///
    /// # Errors
    /// If the contract does not permit this result.
    pub fn finished(&mut self, id: u64, result: &Result<Answer, Error>, seen: &Seen) -> Verdict {
        let side = self.account(Some(id), None, seen)?;
        let operation = self.forget(id)?;
        let due = match (operation.refused, operation.phase) {
            (Some(Refused::Busy), _) => Some(Error::Busy),
            (Some(Refused::Closed), _) => Some(Error::Closed),
            (None, Phase::Interrupted) => Some(Error::Interrupted),
            _ => None,
        };
        match (due, result) {
            (Some(Error::Busy), Err(Error::Busy))
            | (Some(Error::Closed), Err(Error::Closed))
            | (Some(Error::Interrupted), Err(Error::Interrupted)) => {}
            (Some(due), other) => {
                return refuse(format!("{} gave {}, and \"{due}\" was due", name(&operation.verb), brief(other)));
            }
            (None, result) => {
                let why = match &operation.verb {
                    Verb::Read(mode) => self.finish_read(side, *mode, result),
                    Verb::Until(delimiter) => self.finish_until(side, delimiter, result),
                    Verb::Peek(at_least) => self.finish_peek(side, *at_least, result),
                    Verb::NextLine(holder) => self.finish_line(side, *holder, result),
                    Verb::Copy => self.finish_copy(side, &operation, result, seen.copied),
                    Verb::Write(_) => self.finish_write(side, &operation, result),
                    Verb::EndWriting => self.finish_ending(side, result),
                    Verb::Shutdown => self.finish_shutdown(side, result),
                };
                if let Err(why) = why {
                    return refuse(format!("{} gave {}: {}", name(&operation.verb), brief(result), why.0));
                }
            }
        }
        self.look(side, seen)
    }

    pub(super) fn finish_read(&mut self, side: Side, mode: ReadMode, result: &Result<Answer, Error>) -> Verdict {
        match result {
            Ok(Answer::Bytes(bytes)) => self.deliver(side, mode, bytes),
            Ok(Answer::Done) => refuse("a read gives bytes"),
            Err(Error::Limit { what, limit }) => self.check_limit(side, mode, what, *limit),
            Err(error) => {
                if self.is_satisfied(side, mode) {
                    return refuse("what it asks for is there");
                }
                let end = self.end(side);
                let permitted = match error {
                    Error::Closed => end.available() == 0 && (end.told || self.may_be_complete(side)),
                    Error::Incomplete { left } => {
                        *left > 0 && *left == end.available() && (end.told || self.may_be_complete(side))
                    }
                    Error::Truncated(Cut::Fin) => !end.told && self.is_frail() && end.terms.encrypted,
                    Error::Truncated(Cut::Reset) => !end.told && self.is_frail(),
                    Error::Protocol(_) => !end.told && self.weather.corrupts && end.terms.encrypted,
                    _ => false,
                };
                if !permitted {
                    let peer = self.end(side.other());
                    return refuse(format!(
                        "not permitted; received {} of {} written, ended there: {}, told before: {}",
                        end.received, peer.accepted, peer.goodbye, end.told
                    ));
                }
                self.end_mut(side).told = true;
                Ok(())
            }
        }
    }

    /// Whether what has arrived is enough for this mode.
    pub(super) fn is_satisfied(&self, side: Side, mode: ReadMode) -> bool {
        let end = self.end(side);
        let there = end.available();
        match mode {
            ReadMode::Available => there > 0,
            ReadMode::Exact(count) => count <= there,
            ReadMode::Line => end.incoming.iter().take(there.min(end.terms.line)).any(|byte| *byte == b'\n'),
            ReadMode::All => end.told && there > 0,
        }
    }

    pub(super) fn deliver(&mut self, side: Side, mode: ReadMode, bytes: &[u8]) -> Verdict {
        let complete = self.may_be_complete(side);
        let end = self.end_mut(side);
        let there = end.available();
        let count = bytes.len();
        if count > there {
            return refuse(format!("only {there} have arrived"));
        }
        if let Some(at) = bytes.iter().zip(&end.incoming).position(|(got, due)| got != due) {
            let position = end.delivered + at as u64;
            return refuse(format!("wrong from position {position} on: {}", around(bytes, at, &end.incoming)));
        }
        let permitted = match mode {
            ReadMode::Available => count > 0 && count == there,
            ReadMode::Exact(wanted) => count == wanted,
            ReadMode::Line => {
                count <= end.terms.line && bytes.iter().position(|byte| *byte == b'\n') == count.checked_sub(1)
            }
            ReadMode::All => count == there && count <= end.terms.all && (complete || (end.told && count > 0)),
        };
        if !permitted {
            return refuse(format!("not what was asked for; {there} are there, complete: {complete}"));
        }
        end.told |= mode == ReadMode::All;
        end.incoming.drain(..count);
        end.delivered += count as u64;
        self.version += 1;
        Ok(())
    }

    pub(super) fn check_limit(&self, side: Side, mode: ReadMode, what: &str, limit: usize) -> Verdict {
        let end = self.end(side);
        let there = end.available();
        let permitted = match mode {
            ReadMode::Line => {
                (what, limit) == ("line", end.terms.line) && there >= limit && !self.is_satisfied(side, mode)
            }
            ReadMode::Exact(count) => (what, limit) == ("exact", end.terms.all) && count > limit && count > there,
            ReadMode::All => (what, limit) == ("all", end.terms.all) && there > limit,
            ReadMode::Available => false,
        };
        if permitted { Ok(()) } else { refuse(format!("{there} bytes are there")) }
    }

    fn finish_write(&mut self, side: Side, operation: &Operation, result: &Result<Answer, Error>) -> Verdict {
        let Verb::Write(data) = &operation.verb else { return refuse("no write") };
        let frail = self.is_frail();
        let corrupts = self.weather.corrupts;
        let end = self.end_mut(side);
        let open = end.outbound == Outbound::Open;
        match result {
            Ok(Answer::Done) if !open => refuse("the sending side is closed"),
            Ok(Answer::Done) if operation.progress < data.len() => {
                refuse(format!("only {} of {} bytes were accepted", operation.progress, data.len()))
            }
            Ok(Answer::Done) => Ok(()),
            Err(Error::Closed) if !open => Ok(()),
            Err(Error::Closed) if frail => {
                end.outbound = Outbound::Broken;
                Ok(())
            }
            Err(Error::Protocol(_)) if corrupts && end.terms.encrypted => {
                end.outbound = Outbound::Broken;
                Ok(())
            }
            _ => refuse(format!("not permitted; the sending side is open: {open}")),
        }
    }

    fn finish_ending(&mut self, side: Side, result: &Result<Answer, Error>) -> Verdict {
        let frail = self.is_frail();
        let outbound = self.end(side).outbound;
        match result {
            Ok(Answer::Done) if outbound == Outbound::Ended => Ok(()),
            Err(Error::Closed) if frail || outbound == Outbound::Broken => Ok(()),
            Err(Error::Protocol(_)) if self.weather.corrupts => Ok(()),
            _ => refuse("not permitted"),
        }
    }

    fn finish_shutdown(&self, side: Side, result: &Result<Answer, Error>) -> Verdict {
        let (end, peer) = (self.end(side), self.end(side.other()));
        let Some(closed) = end.closed else { return refuse("it has not closed") };
        let permitted = match result {
            Ok(Answer::Done) if closed.manner == Manner::Aborted => false,
            Ok(Answer::Done) => peer.goodbye || peer.closed.is_some() || self.is_frail(),
            Err(Error::Interrupted) => closed.manner == Manner::GivenUp,
            Err(Error::Closed) => closed.manner == Manner::Aborted || self.is_frail(),
            Err(Error::Truncated(_)) => self.is_frail(),
            // The peer has refused what was changed on its way, or we have, after we had closed.
            Err(Error::Protocol(_)) => self.weather.corrupts && end.terms.encrypted,
            Err(Error::Timeout(timeout)) => {
                let deadline = end.terms.close_deadline;
                timeout.phase() == lem_rs::Phase::Close
                    && timeout.waited() == deadline
                    && self.now >= closed.at + deadline
            }
            _ => false,
        };
        if permitted { Ok(()) } else { refuse("not permitted") }
    }
}

pub(super) fn name(verb: &Verb) -> String {
    match verb {
        Verb::Read(mode) => format!("read {mode:?}"),
        Verb::Until(delimiter) => format!("read until {:?}", String::from_utf8_lossy(delimiter)),
        Verb::Peek(at_least) => format!("peek at {at_least}"),
        Verb::NextLine(_) => "next line".into(),
        Verb::Copy => "copy".into(),
        Verb::Write(data) => format!("write of {} bytes", data.len()),
        Verb::EndWriting => "shutdown of the writing half".into(),
        Verb::Shutdown => "shutdown".into(),
    }
}

/// Some of what came and of what was due, from a place on.
pub(super) fn around(bytes: &[u8], at: usize, due: &std::collections::VecDeque<u8>) -> String {
    const SHOWN: usize = 24;
    let got = &bytes[at..bytes.len().min(at + SHOWN)];
    let due: Vec<u8> = due.iter().skip(at).take(SHOWN).copied().collect();
    format!("{:?} instead of {:?}", String::from_utf8_lossy(got), String::from_utf8_lossy(&due))
}
