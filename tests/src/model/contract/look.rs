//! What a stream shows between its verbs.

use lem_rs::{CloseCause, Cut, EndOfStream};

use super::{Model, Outbound, Verb, Verdict, refuse, unknown};
use crate::model::verb::{Seen, Side};

impl Model {
    /// Takes over how far the bytes have come; says whose stream it is.
    pub(super) fn account(&mut self, id: Option<u64>, side: Option<Side>, seen: &Seen) -> Result<Side, super::Refusal> {
        let side = match (id, side) {
            (Some(id), _) => self.operations.get(&id).ok_or_else(unknown)?.side,
            (None, Some(side)) => side,
            (None, None) => return Err(unknown()),
        };
        if let Some(read) = seen.read {
            let most = self.end(side.other()).accepted;
            let end = self.end_mut(side);
            if read < end.received || read > most {
                return refuse(format!("bytes_read is {read}, after {}; the peer has written {most}", end.received));
            }
            if read > end.received {
                end.received = read;
                self.version += 1;
            }
        }
        if let Some(written) = seen.written {
            self.accept(side, id, written)?;
        }
        Ok(side)
    }

    /// A write has got on.
    fn accept(&mut self, side: Side, id: Option<u64>, written: u64) -> Verdict {
        let accepted = self.end(side).accepted;
        if written < accepted {
            return refuse(format!("bytes_written is {written}, after {accepted}"));
        }
        let more = (written - accepted) as usize;
        if more == 0 {
            return Ok(());
        }
        let writing = id.and_then(|id| self.operations.get_mut(&id));
        if let Some((Verb::Copy, progress)) = writing.map(|one| (&one.verb, &mut one.progress)) {
            *progress += more;
            let bytes = self.take_copied(side, more)?;
            return self.hand_over(side, written, bytes);
        }
        let writing = id.and_then(|id| self.operations.get_mut(&id));
        let Some((Verb::Write(data), progress)) = writing.map(|one| (&one.verb, &mut one.progress)) else {
            return refuse(format!("bytes_written is {written}, after {accepted}, and nobody wrote"));
        };
        if more > data.len() - *progress {
            return refuse(format!("{more} bytes were accepted of a write that has {} left", data.len() - *progress));
        }
        let bytes = data[*progress..*progress + more].to_vec();
        *progress += more;
        self.hand_over(side, written, bytes)
    }

    /// These bytes are on their way to the peer.
    fn hand_over(&mut self, side: Side, written: u64, bytes: Vec<u8>) -> Verdict {
        self.end_mut(side).accepted = written;
        let peer = self.end_mut(side.other());
        if peer.closed.is_none() {
            peer.incoming.extend(bytes);
        }
        self.version += 1;
        Ok(())
    }

    /// Compares what a stream shows with what it must show.
    pub(super) fn look(&self, side: Side, seen: &Seen) -> Verdict {
        let end = self.end(side);
        for (what, shown, due) in [
            ("is_busy", seen.reads, end.slots[0].is_some()),
            ("is_busy of the writing half", seen.writes, end.slots[1].is_some()),
        ] {
            if shown.is_some_and(|shown| shown != due) {
                return refuse(format!("{what} is {shown:?} and must be {due}"));
            }
        }
        let there = end.available();
        // Lines that somebody holds may count or not.
        let least = there - end.lent.as_ref().map_or(0, |(_, held)| held.len()).min(there);
        if seen.buffered.is_some_and(|shown| shown != there && shown != least) {
            return refuse(format!("buffered is {:?} and must be {there}", seen.buffered));
        }
        if let Some(cause) = &seen.cause {
            self.check_cause(side, cause.as_ref())?;
            let over = matches!(cause, Some(CloseCause::Peer(_))) && there == 0;
            let due = end.closed.is_some() || over;
            // What a copy holds may come back.
            if seen.closed.is_some_and(|shown| shown != due) && end.copying.is_none() {
                return refuse(format!("is_closed is {:?} and must be {due}", seen.closed));
            }
        }
        let due = end.closed.is_some() || end.outbound != Outbound::Open;
        match seen.write_closed {
            Some(true) if !due && self.is_frail() => Ok(()),
            Some(shown) if shown != due => {
                refuse(format!("is_closed of the writing half is {shown} and must be {due}"))
            }
            _ => Ok(()),
        }
    }

    fn check_cause(&self, side: Side, cause: Option<&CloseCause>) -> Verdict {
        let end = self.end(side);
        let permitted = match cause {
            None => end.closed.is_none(),
            Some(CloseCause::Local) => end.closed.is_some(),
            Some(CloseCause::Peer(EndOfStream::Clean)) => self.may_be_complete(side),
            Some(CloseCause::Peer(EndOfStream::Cut(Cut::Fin))) => self.is_frail() && end.terms.encrypted,
            Some(CloseCause::Peer(EndOfStream::Cut(Cut::Reset))) => self.is_frail(),
            Some(CloseCause::Peer(EndOfStream::Failed(_))) => self.weather.corrupts,
            Some(_) => false,
        };
        if permitted {
            return Ok(());
        }
        let peer = self.end(side.other());
        refuse(format!(
            "close_cause is {cause:?}; received {} of {} written, closed here: {}, ended there: {}",
            end.received,
            peer.accepted,
            end.closed.is_some(),
            peer.goodbye
        ))
    }
}
