//! Readiness that any number of tasks may wait for.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};

use super::core::Core;
use super::direction::Direction;
use super::handler::ReadyHandler;
use super::source::Watched;
use super::wait::{Registered, Wait};
use crate::error::Error;

/// A watched socket or descriptor, and the tasks that wait for it.
///
/// An event wakes all that wait in its direction, in the order in which they came: the first has the first try, and one
/// that is dropped before its try takes nobody's wake-up along.
pub(crate) struct SharedReadiness {
    watched: Watched,
    read: RefCell<Queue>,
    write: RefCell<Queue>,
}

#[derive(Default)]
struct Queue {
    /// `None` was woken and has not been polled since; it keeps its place.
    waiting: VecDeque<(u64, Option<Wait>)>,
    last: u64,
}

impl SharedReadiness {
    pub(crate) fn new(watched: Watched) -> Rc<Self> {
        Rc::new(Self { watched, read: RefCell::default(), write: RefCell::default() })
    }

    fn queue(&self, direction: Direction) -> &RefCell<Queue> {
        match direction {
            Direction::Read => &self.read,
            Direction::Write => &self.write,
        }
    }

    pub(crate) fn core(&self) -> &Rc<Core> {
        self.watched.core()
    }

    /// Makes one call that does not block; `WouldBlock` at once if it is known that it would say so.
    #[cfg(unix)]
    pub(crate) fn attempt<R>(&self, direction: Direction, call: impl FnMut() -> io::Result<R>) -> io::Result<R> {
        self.watched.attempt(direction, call)
    }

    /// Makes `call` when its direction is ready, again and again until it does not say `WouldBlock`. Dropping the
    /// future ends the wait; what the call has moved is nobody's before it has returned.
    pub(crate) async fn until_done<R>(
        self: &Rc<Self>,
        direction: Direction,
        mut call: impl FnMut() -> io::Result<R>,
    ) -> Result<io::Result<R>, Error> {
        let mut place = Place { readiness: self, direction, ticket: None };
        poll_fn(|cx| place.poll(cx, &mut |readiness| readiness.watched.attempt(direction, &mut call))).await
    }

    /// Waits until a call in this direction is worth making.
    #[cfg(unix)]
    pub(crate) async fn until_ready(self: &Rc<Self>, direction: Direction) -> Result<(), Error> {
        let mut place = Place { readiness: self, direction, ticket: None };
        let mut look = |readiness: &Self| match readiness.watched.is_ready(direction) {
            true => Ok(()),
            false => Err(io::ErrorKind::WouldBlock.into()),
        };
        // It looks and calls nothing: there is no other error.
        poll_fn(|cx| place.poll(cx, &mut look)).await?.map_err(|error| Error::io("wait for readiness", error))
    }
}

impl ReadyHandler for SharedReadiness {
    fn handle_ready(self: Rc<Self>, direction: Direction) {
        let woken: Vec<Wait> = {
            let mut queue = self.queue(direction).borrow_mut();
            queue.waiting.iter_mut().filter_map(|(_, wait)| wait.take()).collect()
        };
        for wait in woken {
            self.core().wake(wait);
        }
    }

    fn flush(self: Rc<Self>) {}
}

impl fmt::Debug for SharedReadiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = |queue: &RefCell<Queue>| queue.borrow().waiting.len();
        f.debug_struct("SharedReadiness")
            .field("reading", &waiting(&self.read))
            .field("writing", &waiting(&self.write))
            .finish_non_exhaustive()
    }
}

/// A task's place among those that wait; it is free again when this is dropped.
struct Place<'a> {
    readiness: &'a Rc<SharedReadiness>,
    direction: Direction,
    ticket: Option<u64>,
}

impl Place<'_> {
    fn poll<R>(
        &mut self,
        cx: &Context<'_>,
        call: &mut dyn FnMut(&SharedReadiness) -> io::Result<R>,
    ) -> Poll<Result<io::Result<R>, Error>> {
        let core = self.readiness.core();
        core.check_usable()?;
        // Before the borrow, and dropped after it: a foreign waker's code may come here.
        let wait = core.wait_of(cx);
        if core.must_give_way() {
            core.wake(wait);
            return Poll::Pending;
        }
        core.charge(CALL_COST);
        match call(self.readiness) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => {
                drop(wait);
                return Poll::Ready(Ok(result));
            }
        }
        let handler: Weak<SharedReadiness> = Rc::downgrade(self.readiness);
        let replaced = self.readiness.watched.replace_waiter(self.direction, Registered::Stream(handler));
        let before = self.enter(wait);
        drop((replaced, before));
        Poll::Pending
    }

    /// Takes a place, or keeps the one that it has.
    fn enter(&mut self, wait: Wait) -> Option<Wait> {
        let mut queue = self.readiness.queue(self.direction).borrow_mut();
        if let Some(ticket) = self.ticket {
            let place = queue.waiting.iter_mut().find(|(number, _)| *number == ticket);
            return place.and_then(|(_, before)| before.replace(wait));
        }
        queue.last += 1;
        let ticket = queue.last;
        queue.waiting.push_back((ticket, Some(wait)));
        drop(queue);
        self.ticket = Some(ticket);
        None
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let mut queue = self.readiness.queue(self.direction).borrow_mut();
        let at = queue.waiting.iter().position(|(number, _)| *number == ticket);
        let left = at.and_then(|at| queue.waiting.remove(at));
        let is_last = queue.waiting.is_empty();
        drop(queue);
        drop(left);
        // A socket that nobody waits for must not look as if it could wake a task.
        if is_last {
            self.readiness.watched.unpark(self.direction);
        }
    }
}

/// What a system call costs its task, in bytes that could be moved meanwhile; as for a [`Source`](super::Source).
const CALL_COST: usize = 2 * 1024;
