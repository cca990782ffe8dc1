//! Copying what comes to where it came from: what is accepted is taken, and nothing else.

use lem_rs::{CopySide, Cut, Direction, Error};

use super::{End, Model, Operation, Outbound, Phase, Verdict, refuse, unknown};
use crate::model::verb::{Answer, Copied, Seen, Side};

impl Model {
    /// A copy waits: to read or to write, as the halves show.
    pub(super) fn copy_pended(&mut self, id: u64, seen: &Seen, spent: bool) -> Verdict {
        let operation = self.operations.get_mut(&id).ok_or_else(unknown)?;
        let side = operation.side;
        match (operation.refused, operation.phase) {
            (Some(_), Phase::Fresh) if spent => operation.phase = Phase::PutOff,
            (Some(refused), _) => return refuse(format!("copy waits, where it must be refused: {refused:?}")),
            (None, Phase::Interrupted) => return refuse("copy waits on after an interrupt"),
            (None, _) => {
                operation.phase = Phase::Waiting;
                let end = self.end_mut(side);
                end.copying.take_if(|copy| *copy == id);
                let slots = &mut end.slots;
                slots.iter_mut().filter(|slot| **slot == Some(id)).for_each(|slot| *slot = None);
                // One that is about to be told that another one waits has no place.
                let reads = seen.reads == Some(true) && slots[0].is_none();
                let place = usize::from(!reads);
                if slots[place].is_none() {
                    slots[place] = Some(id);
                    end.copying = (place == 1).then_some(id);
                }
            }
        }
        self.look(side, seen)
    }

    /// A copy has got on: what it has handed over is taken from what came.
    pub(super) fn take_copied(&mut self, side: Side, count: usize) -> Result<Vec<u8>, super::Refusal> {
        let end = self.end_mut(side);
        if count > end.available() {
            return refuse(format!("{count} bytes were copied, and {} have arrived", end.available()));
        }
        end.delivered += count as u64;
        Ok(end.incoming.drain(..count).collect())
    }

    pub(super) fn finish_copy(
        &mut self,
        side: Side,
        operation: &Operation,
        result: &Result<Answer, Error>,
        copied: Option<Copied>,
    ) -> Verdict {
        let (frail, corrupts, complete) = (self.is_frail(), self.weather.corrupts, self.may_be_complete(side));
        let end = self.end_mut(side);
        let Some(Copied { count, failed }) = copied else { return refuse("it does not say how much it has copied") };
        if count != operation.progress as u64 {
            return refuse(format!("it counts {count} bytes, and {} were accepted", operation.progress));
        }
        let taken = end.slots.iter().any(Option::is_some) || end.lent.is_some();
        let there = end.available();
        let permitted = match (result, failed) {
            (Ok(Answer::Done), None) => complete && there == 0,
            (Err(Error::Busy), Some(_)) => taken,
            (Err(error), Some(CopySide::Write)) => end.may_fail_to_write(error, frail, corrupts),
            (Err(error), Some(CopySide::Read)) => there == 0 && end.may_fail_to_read(error, frail, corrupts),
            _ => false,
        };
        if !permitted {
            return refuse(format!("not permitted ({failed:?}); {there} are there, complete: {complete}"));
        }
        end.told |= result.is_ok() || (failed == Some(CopySide::Read) && !matches!(result, Err(Error::Busy)));
        Ok(())
    }

    /// Why a copy must not wait any more, if it must not.
    pub(super) fn copy_is_stuck(&self, id: u64, side: Side) -> Option<&'static str> {
        let (end, peer) = (self.end(side), self.end(side.other()));
        if peer.closed.is_some() {
            return Some("the peer has closed");
        }
        let reads = end.slots[0] == Some(id);
        match () {
            () if self.weather.corrupts => None,
            () if reads && end.available() > 0 => Some("there is something to copy"),
            () if reads && end.received < peer.accepted => Some("the peer has written more than has arrived"),
            () if reads && peer.goodbye => Some("the peer has ended its side"),
            () if !reads && self.waits(side.other(), Direction::Read) => Some("the peer reads"),
            () => None,
        }
    }
}

impl End {
    fn may_fail_to_write(&self, error: &Error, frail: bool, corrupts: bool) -> bool {
        match error {
            Error::Closed => frail || self.outbound != Outbound::Open || self.closed.is_some(),
            Error::Protocol(_) => corrupts && self.terms.encrypted,
            _ => false,
        }
    }

    fn may_fail_to_read(&self, error: &Error, frail: bool, corrupts: bool) -> bool {
        match error {
            Error::Closed => self.told || self.closed.is_some(),
            Error::Truncated(Cut::Fin) => !self.told && frail && self.terms.encrypted,
            Error::Truncated(Cut::Reset) => !self.told && frail,
            Error::Protocol(_) => !self.told && corrupts && self.terms.encrypted,
            _ => false,
        }
    }
}
