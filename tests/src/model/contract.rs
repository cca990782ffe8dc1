//! The reference model: what the contract permits.
//!
//! It keeps both ends of one connection in the simplest way: the bytes that one end has accepted and the other has not
//! read, what each end has closed, and who waits. It cannot know how far the world has carried the bytes; it takes that from
//! what a stream shows, and checks that it is possible.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use lem_rs::{Direction, Error, ReadMode};

use super::verb::{Answer, Seen, Side, Terms, Verb, Weather};

mod closed;
mod copying;
mod finish;
mod lines;
mod look;
mod stuck;
mod until;

use closed::Closed;
pub use stuck::Waiting;

/// Why an observation is none that the contract permits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(pub String);

/// What the model says to an observation.
pub type Verdict = Result<(), Refusal>;

/// Both ends of a connection.
#[derive(Debug)]
pub struct Model {
    ends: [End; 2],
    operations: BTreeMap<u64, Operation>,
    last: u64,
    weather: Weather,
    now: Duration,
    version: u64,
}

/// One end.
#[derive(Debug)]
struct End {
    terms: Terms,
    /// Accepted by the peer's writes, and not read here.
    incoming: VecDeque<u8>,
    /// Lines that somebody has taken out and not been handed yet: who, and these bytes, which precede `incoming`.
    lent: Option<(u64, VecDeque<u8>)>,
    /// The copy that has taken something out and is writing it.
    copying: Option<u64>,
    /// How much has arrived in all, as the stream says.
    received: u64,
    /// How much was read.
    delivered: u64,
    /// A read has told how the receiving side ended.
    told: bool,
    /// How much writes here have accepted.
    accepted: u64,
    outbound: Outbound,
    /// The peer was or will be told that our data is complete.
    goodbye: bool,
    closed: Option<Closed>,
    split: bool,
    /// Who waits: on a whole stream in the first place only, on a split one for reading and for writing.
    slots: [Option<u64>; 2],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outbound {
    Open,
    Ended,
    Broken,
}

/// A verb under way.
#[derive(Debug)]
struct Operation {
    side: Side,
    verb: Verb,
    /// How much of a write was accepted.
    progress: usize,
    phase: Phase,
    /// When it was first polled, another one waited in its place, or the stream was closed by us.
    refused: Option<Refused>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Fresh,
    /// It was about to be refused, and its task has to let others go first: then it begins anew.
    PutOff,
    Waiting,
    /// Somebody has interrupted it.
    Interrupted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    Busy,
    Closed,
}

impl End {
    fn new(terms: Terms) -> Self {
        Self {
            terms,
            incoming: VecDeque::new(),
            lent: None,
            copying: None,
            received: 0,
            delivered: 0,
            told: false,
            accepted: 0,
            outbound: Outbound::Open,
            goodbye: false,
            closed: None,
            split: false,
            slots: [None; 2],
        }
    }

    fn slot(&mut self, direction: Direction) -> &mut Option<u64> {
        &mut self.slots[usize::from(self.split && direction == Direction::Write)]
    }

    /// How much has arrived and was not read.
    fn available(&self) -> usize {
        if self.closed.is_some() { 0 } else { (self.received - self.delivered) as usize }
    }
}

impl Model {
    /// A new connection: the client's terms, then the server's.
    pub fn new(terms: [Terms; 2], weather: Weather) -> Self {
        let ends = terms.map(End::new);
        Self { ends, operations: BTreeMap::new(), last: 0, weather, now: Duration::ZERO, version: 0 }
    }

    /// What time it is.
    pub fn set_time(&mut self, now: Duration) {
        self.now = self.now.max(now);
    }

    /// Changes whenever something happens; spurious polls are nothing.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// How many bytes were read, at both ends.
    pub fn checked(&self) -> u64 {
        self.ends.iter().map(|end| end.delivered).sum()
    }

    /// The world has broken the connection, or may have.
    pub fn breaks(&mut self) {
        self.weather.breaks = true;
        self.version += 1;
    }

    /// Whether the network may have failed one of the ends by now.
    pub fn is_broken(&self) -> bool {
        self.is_frail()
    }

    fn end(&self, side: Side) -> &End {
        &self.ends[side as usize]
    }

    fn end_mut(&mut self, side: Side) -> &mut End {
        &mut self.ends[side as usize]
    }

    /// Whether something may have happened that destroys what is under way: only then may a verb fail by the network.
    fn is_frail(&self) -> bool {
        let gave_up = |end: &End| {
            end.closed.is_some_and(|closed| closed.is_aborted() || self.now >= closed.at + end.terms.close_deadline)
        };
        self.weather.breaks || self.weather.corrupts || self.ends.iter().any(gave_up)
    }

    /// Whether the receiving side may have ended properly: the peer has said so, and everything is here.
    fn may_be_complete(&self, side: Side) -> bool {
        let (end, peer) = (self.end(side), self.end(side.other()));
        peer.goodbye && end.received == peer.accepted
    }

    /// A verb is polled for the first time.
    pub fn begin(&mut self, side: Side, verb: Verb) -> u64 {
        match verb {
            Verb::Shutdown => self.close_now(side, false),
            Verb::EndWriting => self.end_writing(side),
            _ => {}
        }
        let refused = self.refusal(side, &verb);
        self.last += 1;
        self.version += 1;
        let operation = Operation { side, verb, progress: 0, phase: Phase::Fresh, refused };
        self.operations.insert(self.last, operation);
        self.last
    }

    /// It is polled again. Gives whether it must be refused in this poll.
    pub fn polled(&mut self, id: u64) -> bool {
        let Some(operation) = self.operations.get(&id) else { return false };
        if operation.phase == Phase::PutOff {
            let (side, verb) = (operation.side, operation.verb.clone());
            let refused = self.refusal(side, &verb);
            if let Some(operation) = self.operations.get_mut(&id) {
                operation.phase = Phase::Fresh;
                operation.refused = refused;
            }
        }
        self.operations.get(&id).is_some_and(|operation| operation.refused.is_some())
    }

    fn refusal(&mut self, side: Side, verb: &Verb) -> Option<Refused> {
        let end = self.end_mut(side);
        // A copy begins with reading.
        let direction = if *verb == Verb::Copy { Some(Direction::Read) } else { verb.direction() };
        match direction {
            // It has what it asks for already.
            _ if end.holds(verb) => None,
            // That is wrong on any stream.
            _ if *verb == Verb::Until(b"") => None,
            Some(direction) if end.slot(direction).is_some() => Some(Refused::Busy),
            Some(_) if end.closed.is_some() => Some(Refused::Closed),
            Some(Direction::Read) if end.lent.is_some() || end.copying.is_some() => Some(Refused::Busy),
            _ => None,
        }
    }

    /// The poll said `Pending`; `spent` tells whether its task had to let others go first.
    ///
    /// # Errors
    /// If the verb must not wait.
    pub fn pended(&mut self, id: u64, seen: &Seen, spent: bool) -> Verdict {
        let side = self.account(Some(id), None, seen)?;
        let operation = self.operations.get_mut(&id).ok_or_else(unknown)?;
        if operation.verb == Verb::Copy {
            return self.copy_pended(id, seen, spent);
        }
        let Some(direction) = operation.verb.direction() else { return Ok(()) };
        if let Some(refused) = operation.refused {
            if spent && operation.phase == Phase::Fresh {
                operation.phase = Phase::PutOff;
                return self.look(side, seen);
            }
            return refuse(format!("{:?} waits, where it must be refused: {refused:?}", operation.verb));
        }
        match operation.phase {
            Phase::Interrupted => return refuse(format!("{:?} waits on after an interrupt", operation.verb)),
            Phase::Fresh | Phase::PutOff => operation.phase = Phase::Waiting,
            Phase::Waiting => {}
        }
        if matches!(operation.verb, Verb::Read(ReadMode::Exact(0)) | Verb::Peek(0)) {
            return refuse("what asks for nothing waits");
        }
        let end = self.end_mut(side);
        *end.slot(direction) = Some(id);
        self.look(side, seen)
    }

    /// The verb's future was dropped before it was over.
    ///
    /// # Errors
    /// If what the stream shows now is not permitted.
    pub fn dropped(&mut self, id: u64, seen: &Seen) -> Verdict {
        let side = self.account(Some(id), None, seen)?;
        self.forget(id)?;
        self.look(side, seen)
    }

    /// Somebody looks at a stream.
    ///
    /// # Errors
    /// If what it shows is not permitted.
    pub fn looked(&mut self, side: Side, seen: &Seen) -> Verdict {
        self.account(None, Some(side), seen)?;
        self.look(side, seen)
    }

    fn forget(&mut self, id: u64) -> Result<Operation, Refusal> {
        let operation = self.operations.remove(&id).ok_or_else(unknown)?;
        let end = self.end_mut(operation.side);
        end.slots.iter_mut().filter(|slot| **slot == Some(id)).for_each(|slot| *slot = None);
        end.copying.take_if(|copy| *copy == id);
        self.version += 1;
        Ok(operation)
    }

    /// `interrupt`, of a whole stream or of one half.
    ///
    /// # Errors
    /// If another result was due.
    pub fn interrupt(&mut self, side: Side, direction: Direction, result: &Result<(), Error>) -> Verdict {
        let waited = self.release(side, direction);
        match (waited, result) {
            (true, Ok(())) | (false, Err(Error::NotBusy)) => Ok(()),
            (true, other) => refuse(format!("interrupt with somebody waiting gave {other:?}")),
            (false, other) => refuse(format!("interrupt with nobody waiting gave {other:?}")),
        }
    }

    fn release(&mut self, side: Side, direction: Direction) -> bool {
        let Some(id) = self.end_mut(side).slot(direction).take() else { return false };
        if let Some(operation) = self.operations.get_mut(&id) {
            operation.phase = Phase::Interrupted;
        }
        self.version += 1;
        true
    }

    /// `close`, or the drop of the stream, which has no result.
    ///
    /// # Errors
    /// If another result was due.
    pub fn close(&mut self, side: Side, result: Option<&Result<(), Error>>) -> Verdict {
        let again = self.end(side).closed.is_some();
        self.close_now(side, false);
        match (again, result) {
            (_, None) | (false, Some(Ok(()))) | (true, Some(Err(Error::AlreadyClosed))) => Ok(()),
            (_, Some(other)) => refuse(format!("close of a stream that is closed: {again} gave {other:?}")),
        }
    }

    /// `abort`.
    pub fn abort(&mut self, side: Side) {
        self.close_now(side, true);
    }

    fn close_now(&mut self, side: Side, aborts: bool) {
        let now = self.now;
        for direction in [Direction::Read, Direction::Write] {
            self.release(side, direction);
        }
        let end = self.end_mut(side);
        // A plain stream's end looks the same in both ways.
        end.goodbye |= !aborts || !end.terms.encrypted;
        end.incoming.clear();
        end.closed = Some(Closed::after(end.closed, now, aborts));
        self.version += 1;
    }

    /// `close_write`, `close` of a writing half, or the drop of one, which has no result.
    ///
    /// # Errors
    /// If another result was due.
    pub fn close_write(&mut self, side: Side, result: Option<&Result<(), Error>>) -> Verdict {
        let end = self.end(side);
        let open = end.outbound == Outbound::Open && end.closed.is_none();
        let verdict = match (open, result) {
            (_, None) | (true, Some(Ok(()))) | (false, Some(Err(Error::AlreadyClosed))) => Ok(()),
            // What goes on in the background may have found that the connection is gone.
            (true, Some(Err(Error::AlreadyClosed))) if self.is_frail() => Ok(()),
            (_, Some(other)) => refuse(format!("close_write with an open sending side: {open} gave {other:?}")),
        };
        self.end_writing(side);
        verdict
    }

    fn end_writing(&mut self, side: Side) {
        let end = self.end_mut(side);
        if end.outbound != Outbound::Open || end.closed.is_some() {
            return;
        }
        end.outbound = Outbound::Ended;
        end.goodbye = true;
        self.version += 1;
        // On a whole stream the waiter may be a reader, whom this does not concern.
        let waiting = *self.end_mut(side).slot(Direction::Write);
        let writes = |id| self.operations.get(&id).is_some_and(|one| one.verb.direction() != Some(Direction::Read));
        if waiting.is_some_and(writes) {
            self.release(side, Direction::Write);
        }
    }

    /// The stream was split, or joined again. Nobody can wait then: both take it.
    ///
    /// # Errors
    /// If somebody does.
    pub fn reshape(&mut self, side: Side, split: bool) -> Verdict {
        let end = self.end_mut(side);
        end.split = split;
        if end.slots == [None; 2] { Ok(()) } else { refuse("somebody waits on a stream that takes another shape") }
    }
}

fn refuse<T>(why: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal(why.into()))
}

fn unknown() -> Refusal {
    Refusal("an operation that is over went on".into())
}

/// What it takes to say so in one line.
pub(crate) fn brief(result: &Result<Answer, Error>) -> String {
    match result {
        Ok(Answer::Bytes(bytes)) => format!("{} bytes", bytes.len()),
        Ok(Answer::Done) => "done".into(),
        Err(error) => format!("\"{error}\""),
    }
}
