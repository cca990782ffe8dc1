//! Whose turn it is to write: the first who waits and is polled.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};

use crate::runtime::{Core, Direction, Parked, ReadyHandler};

/// One right to write, and the line of those who wait for it.
///
/// It is offered, not handed over: to the first in the line, and when everything that was ready then has been polled
/// and nobody has begun, to the next one as well. So a future that its task does not poll keeps nobody from writing.
pub(super) struct WriteTurns {
    core: Rc<Core>,
    line: RefCell<Line>,
}

#[derive(Default)]
struct Line {
    /// In the order in which they have begun to wait; keys are their names.
    waiting: VecDeque<Place>,
    count: u64,
    state: State,
}

struct Place {
    number: u64,
    /// Nothing if it was woken and has not been polled since.
    parked: Option<Parked>,
}

enum State {
    /// Somebody writes.
    Taken,
    /// Nobody does, and so many of the first who wait may.
    Offered(usize),
}

impl Default for State {
    fn default() -> Self {
        Self::Offered(0)
    }
}

impl WriteTurns {
    pub(super) fn new(core: &Rc<Core>) -> Rc<Self> {
        Rc::new(Self { core: core.clone(), line: RefCell::default() })
    }

    /// Waits for the right to write, behind those who have begun to wait before and are polled.
    pub(super) fn take(self: &Rc<Self>) -> Waiting {
        Waiting { turns: self.clone(), number: None }
    }

    /// Offers the turn to one more of those who wait, unless it is taken; looks again when that one must have been
    /// polled.
    fn offer(self: &Rc<Self>) {
        let (parked, is_last) = {
            let mut line = self.line.borrow_mut();
            let Line { waiting, state: State::Offered(count), .. } = &mut *line else { return };
            let Some(place) = waiting.get_mut(*count) else { return };
            *count += 1;
            (place.parked.take(), *count == waiting.len())
        };
        if let Some(parked) = parked {
            parked.wake();
        }
        if !is_last {
            self.look_later();
        }
    }

    fn look_later(self: &Rc<Self>) {
        let this: Weak<Self> = Rc::downgrade(self);
        self.core.schedule_flush_last(this);
    }

    fn leave(self: &Rc<Self>, number: u64) {
        let (left, was_offered) = {
            let mut line = self.line.borrow_mut();
            let Some(at) = line.position(number) else { return };
            let left = line.waiting.remove(at);
            match &mut line.state {
                State::Offered(count) if at < *count => {
                    *count -= 1;
                    (left, true)
                }
                State::Offered(_) | State::Taken => (left, false),
            }
        };
        drop(left);
        if was_offered {
            self.offer();
        }
    }
}

impl Line {
    fn position(&self, number: u64) -> Option<usize> {
        self.waiting.binary_search_by_key(&number, |place| place.number).ok()
    }

    /// Takes the turn if it is free for the place `at`, or for a newcomer behind all places.
    fn try_take(&mut self, at: usize) -> bool {
        let is_free = match self.state {
            State::Taken => false,
            State::Offered(count) => at < count || self.waiting.is_empty(),
        };
        if is_free {
            self.state = State::Taken;
        }
        is_free
    }
}

/// The machine looks again.
impl ReadyHandler for WriteTurns {
    fn handle_ready(self: Rc<Self>, _: Direction) {}

    fn flush(self: Rc<Self>) {
        self.offer();
    }
}

/// A place in the line; left when it is dropped.
pub(super) struct Waiting {
    turns: Rc<WriteTurns>,
    number: Option<u64>,
}

impl Future for Waiting {
    type Output = Turn;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Turn> {
        let turns = self.turns.clone();
        // Before anything is looked at: to clone a foreign waker is to run foreign code, which may come here.
        let parked = Parked::new(&turns.core, turns.core.wait_of(cx));
        let mut line = turns.line.borrow_mut();
        let at = match self.number {
            Some(number) => line.position(number).expect("it stays in the line until it leaves"),
            None => line.waiting.len(),
        };
        if line.try_take(at) {
            let left = line.waiting.remove(at);
            drop(line);
            drop((left, parked));
            self.number = None;
            return Poll::Ready(Turn(turns));
        }
        let before = match self.number {
            Some(_) => line.waiting[at].parked.replace(parked),
            None => {
                line.count += 1;
                self.number = Some(line.count);
                let place = Place { number: line.count, parked: Some(parked) };
                line.waiting.push_back(place);
                None
            }
        };
        // Those before it may never be polled.
        let is_offered = matches!(line.state, State::Offered(_));
        drop(line);
        drop(before);
        if is_offered {
            turns.look_later();
        }
        Poll::Pending
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(number) = self.number.take() {
            self.turns.leave(number);
        }
    }
}

/// The right to write now; passed on however the write ends.
pub(super) struct Turn(Rc<WriteTurns>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.line.borrow_mut().state = State::Offered(0);
        self.0.offer();
    }
}
