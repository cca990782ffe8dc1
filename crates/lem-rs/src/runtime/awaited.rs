//! What the future that is being polled waits for: for the error of a deadline around it.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use super::direction::Direction;
use super::handler::ReadyHandler;
use crate::error::Phase;

/// What somebody waits for.
#[derive(Clone)]
pub(crate) enum Awaited {
    /// A stream's socket.
    Stream(Weak<dyn ReadyHandler>, Direction),
    /// Something that has a phase of its own, and where.
    Phase(Phase, Option<Rc<str>>),
}

impl Awaited {
    /// The phase, and where, as far as that is known.
    pub(crate) fn describe(&self) -> (Phase, Option<String>) {
        match self {
            Self::Stream(stream, direction) => {
                let phase = if *direction == Direction::Read { Phase::Read } else { Phase::Write };
                (phase, stream.upgrade().and_then(|stream| stream.peer()).map(|peer| peer.to_string()))
            }
            Self::Phase(phase, target) => (*phase, target.as_deref().map(str::to_owned)),
        }
    }
}

/// The last thing that was noted, while somebody wants to know.
#[derive(Default)]
pub(crate) struct AwaitedNote {
    /// How many deadlines, around each other, are being polled.
    listeners: Cell<usize>,
    last: RefCell<Option<Awaited>>,
}

impl AwaitedNote {
    /// Notes what is waited for, if somebody wants to know.
    pub(crate) fn note(&self, what: impl FnOnce() -> Awaited) {
        if self.listeners.get() > 0 {
            let before = self.last.replace(Some(what()));
            drop(before);
        }
    }

    /// Polls something; gives what it gave, and what was noted last meanwhile. A deadline around this one is told, too.
    pub(crate) fn during<R>(&self, poll: impl FnOnce() -> R) -> (R, Option<Awaited>) {
        let outer = self.last.take();
        let listening = Listening::new(&self.listeners);
        let result = poll();
        drop(listening);
        let noted = self.last.take();
        if self.listeners.get() > 0 {
            let before = self.last.replace(noted.clone().or(outer));
            drop(before);
        }
        (result, noted)
    }
}

/// Somebody wants to know, until this is dropped: also by a panic of what is polled.
struct Listening<'a>(&'a Cell<usize>);

impl<'a> Listening<'a> {
    fn new(listeners: &'a Cell<usize>) -> Self {
        listeners.set(listeners.get() + 1);
        Self(listeners)
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
