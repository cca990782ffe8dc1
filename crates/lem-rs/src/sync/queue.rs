//! A queue between tasks of one machine.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::runtime::{Parked, current};

/// A first-in, first-out queue between tasks. Clones are the same queue.
///
/// Values wait for tasks, or tasks for values. A value is handed to the task that has waited longest; if that task
/// stops waiting before it took the value, the value goes to the next one, or back to the front of the queue.
///
/// It grows without limit: whoever puts more than is taken decides what is too much ([`len`](Self::len)).
pub struct Queue<T> {
    state: Rc<RefCell<State<T>>>,
}

struct State<T> {
    /// Sorted by their numbers, so that what comes back finds its old place.
    values: VecDeque<Numbered<T>>,
    /// How many values were put: the next one's number.
    count: u64,
    /// Tasks that wait, the longest first.
    waiting: VecDeque<Rc<RefCell<Place<T>>>>,
}

/// A value, and how many were put before it.
struct Numbered<T> {
    number: u64,
    value: T,
}

/// One task's place in the line.
enum Place<T> {
    Waiting(Parked),
    Got(Numbered<T>),
    Reset,
    /// The task no longer waits.
    Left,
}

impl<T> Queue<T> {
    /// An empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    /// Hands `value` to the task that has waited longest, or keeps it. Never waits.
    pub fn put(&self, value: T) {
        let mut state = self.state.borrow_mut();
        let value = state.number(value);
        match state.waiting.pop_front() {
            Some(place) => {
                drop(state);
                give(&place, Place::Got(value));
            }
            None => state.values.push_back(value),
        }
    }

    /// Takes the oldest value, waiting for one if there is none.
    ///
    /// # Errors
    /// [`QueueReset`] if [`reset`](Self::reset) was called while it waited.
    ///
    /// **Cancel safety:** a value that was handed to a dropped `get` goes to the next task, or back to the front.
    ///
    /// # Panics
    /// When awaited outside of [`Machine::run`](crate::Machine::run) and there is no value.
    pub fn get(&self) -> Get<T> {
        Get { queue: self.clone(), place: None }
    }

    /// The oldest value, if there is one; never waits.
    pub fn try_get(&self) -> Option<T> {
        self.state.borrow_mut().values.pop_front().map(|numbered| numbered.value)
    }

    /// Gives a clone of `value` to every task that waits now; keeps nothing if none does. Returns how many there were.
    pub fn signal(&self, value: &T) -> usize
    where
        T: Clone,
    {
        let waiting = std::mem::take(&mut self.state.borrow_mut().waiting);
        for place in &waiting {
            let value = value.clone();
            let value = self.state.borrow_mut().number(value);
            give(place, Place::Got(value));
        }
        waiting.len()
    }

    /// Drops all values; every task that waits gets [`QueueReset`]. The queue can be used again.
    pub fn reset(&self) {
        let (values, waiting) = {
            let mut state = self.state.borrow_mut();
            (std::mem::take(&mut state.values), std::mem::take(&mut state.waiting))
        };
        for place in &waiting {
            give(place, Place::Reset);
        }
        drop(values);
    }

    /// How many values wait to be taken.
    pub fn len(&self) -> usize {
        self.state.borrow().values.len()
    }

    /// Whether no value waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> State<T> {
    fn number(&mut self, value: T) -> Numbered<T> {
        self.count += 1;
        Numbered { number: self.count, value }
    }
}

/// Fills a place and wakes its task, with no borrow held.
fn give<T>(place: &RefCell<Place<T>>, with: Place<T>) {
    if let Place::Waiting(parked) = place.replace(with) {
        parked.wake();
    }
}

/// The future of [`Queue::get`].
#[must_use = "futures do nothing unless awaited"]
pub struct Get<T> {
    queue: Queue<T>,
    place: Option<Rc<RefCell<Place<T>>>>,
}

impl<T> Future for Get<T> {
    type Output = Result<T, QueueReset>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let core = current().expect("Queue::get must be awaited inside of Machine::run");
        let Some(place) = &self.place else {
            // A task that always finds a value must still give the others their turn.
            if core.must_give_way() {
                core.wake(core.wait_of(cx));
                return Poll::Pending;
            }
            core.charge(0);
            let mut state = self.queue.state.borrow_mut();
            if let Some(numbered) = state.values.pop_front() {
                return Poll::Ready(Ok(numbered.value));
            }
            let parked = Parked::new(&core, core.wait_of(cx));
            let place = Rc::new(RefCell::new(Place::Waiting(parked)));
            state.waiting.push_back(place.clone());
            drop(state);
            self.place = Some(place);
            return Poll::Pending;
        };
        match place.replace(Place::Left) {
            Place::Got(numbered) => {
                self.place = None;
                Poll::Ready(Ok(numbered.value))
            }
            Place::Reset => {
                self.place = None;
                Poll::Ready(Err(QueueReset))
            }
            Place::Waiting(_) | Place::Left => {
                place.replace(Place::Waiting(Parked::new(&core, core.wait_of(cx))));
                Poll::Pending
            }
        }
    }
}

impl<T> Drop for Get<T> {
    fn drop(&mut self) {
        let Some(place) = self.place.take() else { return };
        match place.replace(Place::Left) {
            Place::Got(value) => {
                // It was given to us and we never took it: the next in line gets it, before anything newer.
                let mut state = self.queue.state.borrow_mut();
                match state.waiting.pop_front() {
                    Some(next) => {
                        drop(state);
                        give(&next, Place::Got(value));
                    }
                    None => {
                        // Others may have come back before it.
                        let place = state.values.partition_point(|other| other.number < value.number);
                        state.values.insert(place, value);
                    }
                }
            }
            _ => self.queue.state.borrow_mut().waiting.retain(|other| !Rc::ptr_eq(other, &place)),
        }
    }
}

/// The queue was reset while a task waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueReset;

impl fmt::Display for QueueReset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("reset")
    }
}

impl StdError for QueueReset {}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        let state = State { values: VecDeque::new(), count: 0, waiting: VecDeque::new() };
        Self { state: Rc::new(RefCell::new(state)) }
    }
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self { state: self.state.clone() }
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Get<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Get").finish_non_exhaustive()
    }
}
