//! Streams that were in use lately: one that has been quiet since gives up what it can make again.
//!
//! No stream has a timer, and no time is taken when one is used: it marks itself, and all that did are looked at together.

use std::cell::{Cell, RefCell};
use std::rc::Weak;
use std::time::{Duration, Instant};

use super::handler::ReadyHandler;
use super::shrink::shrink;

/// So often streams are looked at: one that was not used from one time to the next is quiet.
pub(crate) const QUIET_AFTER: Duration = Duration::from_secs(1);

/// So many are looked at before others have their turn: some tens of microseconds.
const MAX_LOOKS: usize = 512;

/// For fewer streams the loop does not wake up: they are looked at when something else happens. A wait with a limit costs a
/// timer of the kernel, which an echo on one connection would feel, and fewer hold less than 128 KiB together.
const WORTH_WAKING: usize = 64;

/// The clock is looked at this often while the loop is busy: that takes twenty nanoseconds.
const TURNS_PER_LOOK: u8 = 16;

#[derive(Default)]
pub(super) struct QuietStreams {
    /// Those that were in use since they were looked at, and those that were found quiet once.
    watched: RefCell<Vec<Weak<dyn ReadyHandler>>>,
    /// Those that are still to be looked at this time.
    left: RefCell<Vec<Weak<dyn ReadyHandler>>>,
    /// When they are looked at next; `None` if that was not decided since there are any.
    next: Cell<Option<Instant>>,
    turns: Cell<u8>,
}

impl QuietStreams {
    /// Looks at this stream from now on, until it says that it is at rest.
    pub(super) fn watch(&self, stream: Weak<dyn ReadyHandler>) {
        self.watched.borrow_mut().push(stream);
    }

    /// How long the loop may wait at most, so that a stream is looked at although nothing happens.
    pub(super) fn limit(&self) -> Option<Duration> {
        if !self.left.borrow().is_empty() {
            return Some(Duration::ZERO);
        }
        (self.watched.borrow().len() >= WORTH_WAKING).then_some(QUIET_AFTER)
    }

    /// Whether it is time to look at the clock, and then at the streams. `slept` says that nothing has happened for as long
    /// as the loop could wait.
    pub(super) fn is_due(&self, slept: bool) -> bool {
        if !self.left.borrow().is_empty() {
            return true;
        }
        let turns = self.turns.get().wrapping_add(1);
        self.turns.set(turns);
        (slept || turns.is_multiple_of(TURNS_PER_LOOK)) && !self.watched.borrow().is_empty()
    }

    /// Looks at some of the streams, if it is time. Call it with nothing borrowed.
    pub(super) fn look(&self, now: Instant) {
        if self.left.borrow().is_empty() {
            match self.next.get() {
                Some(next) if now >= next => {
                    self.left.swap(&self.watched);
                    self.next.set(Some(now + QUIET_AFTER));
                }
                Some(_) => return,
                None => {
                    self.next.set(Some(now + QUIET_AFTER));
                    return;
                }
            }
        }
        for _ in 0..MAX_LOOKS {
            let Some(stream) = self.left.borrow_mut().pop() else { break };
            if let Some(there) = stream.upgrade()
                && !there.rest_if_quiet()
            {
                self.watch(stream);
            }
        }
        shrink(&mut self.left.borrow_mut());
        if self.left.borrow().is_empty() && self.watched.borrow().is_empty() {
            shrink(&mut self.watched.borrow_mut());
            self.next.set(None);
        }
    }

    /// The machine is gone.
    pub(super) fn clear(&self) {
        let (watched, left) = (self.watched.take(), self.left.take());
        drop((watched, left));
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::runtime::Direction;

    /// Counts how often it is looked at; at rest from some time on.
    #[derive(Default)]
    struct Stream {
        looks: Cell<usize>,
        rests_at: usize,
    }

    impl ReadyHandler for Stream {
        fn handle_ready(self: Rc<Self>, _: Direction) {}

        fn flush(self: Rc<Self>) {}

        fn rest_if_quiet(self: Rc<Self>) -> bool {
            self.looks.set(self.looks.get() + 1);
            self.looks.get() >= self.rests_at
        }
    }

    fn weak(stream: &Rc<Stream>) -> Weak<dyn ReadyHandler> {
        let weak: Weak<Stream> = Rc::downgrade(stream);
        weak
    }

    #[test]
    fn a_stream_is_looked_at_until_it_is_at_rest_and_the_loop_waits_no_longer_than_that() {
        let (quiet, mut now) = (QuietStreams::default(), Instant::now());
        assert_eq!(quiet.limit(), None, "nobody is watched");
        assert!(!quiet.is_due(true));
        let streams: Vec<Rc<Stream>> =
            (0..WORTH_WAKING).map(|_| Rc::new(Stream { rests_at: 2, ..Stream::default() })).collect();
        for stream in &streams {
            assert_eq!(quiet.limit(), None, "too few");
            quiet.watch(weak(stream));
        }
        let mut looks = Vec::new();
        while quiet.limit() == Some(QUIET_AFTER) {
            assert!(quiet.is_due(true));
            quiet.look(now);
            looks.push(streams[0].looks.get());
            quiet.look(now);
            assert_eq!(Some(&streams[0].looks.get()), looks.last(), "not twice at one time");
            now += QUIET_AFTER;
        }
        assert_eq!(looks, [0, 1, 2]);
        assert!(streams.iter().all(|stream| stream.looks.get() == 2));
        assert_eq!(quiet.limit(), None);
        assert!(!quiet.is_due(true));
    }

    #[test]
    fn a_busy_loop_looks_at_the_clock_now_and_then_and_at_many_streams_in_several_turns() {
        let (quiet, now) = (QuietStreams::default(), Instant::now());
        let streams: Vec<Rc<Stream>> = (0..3 * MAX_LOOKS).map(|_| Rc::default()).collect();
        for stream in &streams {
            quiet.watch(weak(stream));
        }
        assert_eq!((0..160).filter(|_| quiet.is_due(false)).count(), 10);
        quiet.look(now);
        let looked = || streams.iter().filter(|stream| stream.looks.get() > 0).count();
        for turn in 1..=3 {
            quiet.look(now + QUIET_AFTER);
            assert_eq!(looked(), turn * MAX_LOOKS);
            assert_eq!(quiet.limit(), (turn < 3).then_some(Duration::ZERO), "the rest at once, behind others");
        }
        assert!(quiet.watched.borrow().capacity() + quiet.left.borrow().capacity() < MAX_LOOKS);
    }

    #[test]
    fn a_stream_that_is_gone_is_forgotten() {
        let (quiet, now) = (QuietStreams::default(), Instant::now());
        quiet.watch(weak(&Rc::new(Stream { rests_at: 99, ..Stream::default() })));
        quiet.look(now);
        quiet.look(now + QUIET_AFTER);
        assert!(!quiet.is_due(true));
    }
}
