//! What happens on a connection: a function of the seed and of its number, known to both ends.

use std::time::Duration;

use lem_rs::sim::Rng;

use crate::content::{Content, Way};

/// What happens on one connection.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    pub(crate) number: u64,
    pub(crate) carrier: Carrier,
    pub(crate) road: Road,
    /// A client with a context of its own has no session to resume.
    pub(crate) is_stranger: bool,
    pub(crate) order: Order,
    pub(crate) request: Part,
    pub(crate) reply: Part,
    pub(crate) end: End,
    /// How a party leaves that has said and heard everything.
    pub(crate) leave: Leave,
}

/// What carries the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    Tls12,
    Tls13,
    Plain,
}

/// What is between client and server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Road {
    /// Nothing.
    Direct,
    /// A proxy that splits and delays.
    Bumpy,
    /// A proxy that stalls, truncates, changes and resets.
    Broken,
}

/// When the server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// After the request and its end: the client has closed its sending side.
    Turns,
    /// At once: both read and write at the same time.
    Together,
}

/// One direction.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) content: Content,
    /// It is written in pieces of so many bytes,
    pub(crate) piece: usize,
    /// with an idle spell before this byte.
    pub(crate) idle: (usize, Duration),
    pub(crate) hearing: Hearing,
}

/// How a direction is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hearing {
    /// What is there.
    Available,
    /// So many bytes at a time.
    Exact(usize),
    Lines,
    /// Everything at once.
    All,
    /// So many bytes at a time, while another task interrupts all the time.
    Interrupted(usize),
    /// So many bytes at a time, each time with a timeout that is too short.
    Hurried(usize),
    /// So many bytes at a time, after a first try that is dropped.
    Dropped(usize),
}

/// How it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// As it should.
    Whole,
    /// The client breaks off after so many bytes of the request.
    ClientLeaves(usize, BreakOff),
    /// The server breaks off after so many bytes of the reply.
    ServerLeaves(usize, BreakOff),
}

/// How a party breaks off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BreakOff {
    /// It aborts the stream.
    Abort,
    /// It drops the stream, which says goodbye.
    Drop,
}

/// How a party leaves that has said and heard everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leave {
    Shutdown,
    Close,
    Drop,
}

/// The longest content. Sizes are as often of one digit as of six.
const MAX_SIZE: usize = 256 * 1024;

/// The longest idle spell: with two of them to a connection, a thousand open ones are some hundred new ones in a second.
const IDLE: Duration = Duration::from_secs(4);

/// Longer than anything takes.
pub(crate) const PATIENT: Duration = Duration::from_secs(30);

/// Longer than an idle spell.
const IMPATIENT: Duration = Duration::from_secs(8);

impl Life {
    pub(crate) fn of(seed: u64, number: u64) -> Self {
        let mut rng = Rng::new(seed).fork(number);
        let carrier = *choose(&mut rng, &[Carrier::Tls13, Carrier::Tls13, Carrier::Tls12, Carrier::Plain]);
        let road = match rng.between(0..=9) {
            0..=6 => Road::Direct,
            7 | 8 => Road::Bumpy,
            // Without encryption nobody would notice.
            _ if carrier == Carrier::Plain => Road::Bumpy,
            _ => Road::Broken,
        };
        let order = *choose(&mut rng, &[Order::Turns, Order::Together]);
        let is_stranger = rng.chance(0.3);
        let request = Part::of(&mut rng, seed, number, Way::Request);
        let reply = Part::of(&mut rng, seed, number, Way::Reply);
        let how = *choose(&mut rng, &[BreakOff::Abort, BreakOff::Drop]);
        let end = match rng.between(0..=9) {
            0 => End::ClientLeaves(rng.size(0..=request.content.length), how),
            1 => End::ServerLeaves(rng.size(0..=reply.content.length), how),
            _ => End::Whole,
        };
        let leave = *choose(&mut rng, &[Leave::Shutdown, Leave::Close, Leave::Drop]);
        Self { number, carrier, road, is_stranger, order, request, reply, end, leave }
    }

    /// Whether something is to go wrong; otherwise nothing may.
    pub(crate) fn is_troubled(&self) -> bool {
        self.road == Road::Broken || self.end != End::Whole
    }

    /// How long a party waits for the other one.
    pub(crate) fn patience(&self) -> Duration {
        if self.is_troubled() { IMPATIENT } else { PATIENT }
    }

    /// Whether a receiver may see a clean end too early: TLS only if its peer says goodbye too early.
    pub(crate) fn may_end_early(&self) -> bool {
        match self.end {
            End::Whole => false,
            End::ClientLeaves(..) | End::ServerLeaves(..) if self.carrier == Carrier::Plain => true,
            End::ClientLeaves(_, how) | End::ServerLeaves(_, how) => how == BreakOff::Drop,
        }
    }
}

impl Part {
    fn of(rng: &mut Rng, seed: u64, number: u64, way: Way) -> Self {
        let length = rng.magnitude(1..=MAX_SIZE);
        let size = rng.magnitude(1..=64 * 1024);
        let hearing = match rng.between(0..=6) {
            0 => Hearing::Available,
            1 => Hearing::Exact(size),
            2 => Hearing::Lines,
            3 => Hearing::All,
            4 => Hearing::Interrupted(size),
            5 => Hearing::Hurried(size),
            _ => Hearing::Dropped(size),
        };
        // Not so many that a connection consists of system calls.
        let piece = rng.magnitude(1..=MAX_SIZE).max(length / 64);
        let idle = (rng.size(0..=length), rng.within(IDLE));
        Self { content: Content::new(seed, number, way, length), piece, idle, hearing }
    }
}

fn choose<'a, T>(rng: &mut Rng, from: &'a [T]) -> &'a T {
    rng.pick(from).expect("there is something to choose from")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_the_same_for_both_ends() {
        for number in 0..100 {
            assert_eq!(format!("{:?}", Life::of(7, number)), format!("{:?}", Life::of(7, number)));
        }
    }

    #[test]
    fn some_hundred_lives_have_everything_in_them() {
        let lives: Vec<Life> = (0..500).map(|number| Life::of(1, number)).collect();
        let count = |what: fn(&Life) -> bool| lives.iter().filter(|life| what(life)).count();
        assert!(count(Life::is_troubled) > 50 && count(|life| !life.is_troubled()) > 250);
        assert!(count(|life| matches!(life.request.hearing, Hearing::Interrupted(_))) > 10);
        assert!(count(|life| life.carrier == Carrier::Plain && life.road == Road::Broken) == 0);
        assert!(count(|life| life.carrier == Carrier::Tls12 && life.order == Order::Together) > 10);
        assert!(count(Life::may_end_early) > 10);
    }
}
