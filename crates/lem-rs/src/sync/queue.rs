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
/// stops waiting before it took the value, the value goes to the next one, or back to the front of the queue; the clone of
/// a [`signal`](Self::signal) is dropped with it. A task that has been handed a value waits no more: a signal or a
/// [`reset`](Self::reset) comes too late for it.
///
/// It grows without limit: the caller that puts more than is taken decides what is too much ([`len`](Self::len)).
pub struct Queue<T> {
    state: Rc<RefCell<State<T>>>,
}

struct State<T> {
    /// Sorted by their numbers, so that what comes back finds its old place.
    values: VecDeque<Numbered<T>>,
    /// How many values were put: the next one's number.
    count: u64,
    /// Tasks that wait, the longest first. None does while there are values.
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
    /// A clone that is for this task alone: nobody else gets it.
    Signalled(T),
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
        state.count += 1;
        let value = Numbered { number: state.count, value };
        match state.waiting.pop_front() {
            Some(place) => {
                drop(state);
                wake(fill(&place, Place::Got(value)));
            }
            None => state.values.push_back(value),
        }
    }

    /// Takes the oldest value, waiting for one if there is none.
    ///
    /// ```
    /// # use lem_rs::{Error, Machine, Queue, spawn};
    /// # Machine::new()?.run(async {
    /// let queue = Queue::new();
    /// let other = queue.clone();
    /// spawn(async move { other.put("hello") }).detach();
    /// assert_eq!(queue.get().await.ok(), Some("hello"));
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`QueueReset`] if [`reset`](Self::reset) was called while it waited.
    ///
    /// **Cancel safety:** a value that was handed to a dropped `get` goes to the next task, or back to the front. The clone
    /// of a [`signal`](Self::signal) is for this one alone, and is dropped with it.
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
    /// A task that stops waiting before it took its clone drops it.
    ///
    /// ```
    /// # use lem_rs::{Error, Machine, Queue, sleep, spawn};
    /// # use std::time::Duration;
    /// # Machine::new()?.run(async {
    /// let news: Queue<&str> = Queue::new();
    /// let readers = [(); 3].map(|()| spawn(news.get()));
    /// sleep(Duration::from_millis(1)).await;
    /// // Everybody who waits gets a clone; nothing is kept.
    /// assert_eq!(news.signal(&"extra"), 3);
    /// for reader in readers {
    ///     assert_eq!(reader.await?.ok(), Some("extra"));
    /// }
    /// assert!(news.is_empty());
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn signal(&self, value: &T) -> usize
    where
        T: Clone,
    {
        // Before anything is changed: a clone is made by code of the user's, which may panic, or come here.
        let values: Vec<T> = std::iter::repeat_n(value, self.state.borrow().waiting.len()).cloned().collect();
        let waiting: Vec<_> = {
            let mut state = self.state.borrow_mut();
            let count = values.len().min(state.waiting.len());
            state.waiting.drain(..count).collect()
        };
        let reached = waiting.len();
        let signalled = values.into_iter().map(Place::Signalled);
        // All have theirs before the first is woken: a foreign waker may come here, too.
        let woken: Vec<_> = waiting.into_iter().zip(signalled).filter_map(|(place, with)| fill(&place, with)).collect();
        wake(woken);
        reached
    }

    /// Drops all values; every task that waits gets [`QueueReset`]. The queue can be used again.
    ///
    /// ```
    /// # use lem_rs::{Error, Machine, Queue, sleep, spawn};
    /// # use std::time::Duration;
    /// # Machine::new()?.run(async {
    /// let queue: Queue<u32> = Queue::new();
    /// let waiting = spawn(queue.get());
    /// sleep(Duration::from_millis(1)).await;
    /// queue.reset();
    /// assert!(waiting.await?.is_err());
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn reset(&self) {
        let (values, waiting) = {
            let mut state = self.state.borrow_mut();
            (std::mem::take(&mut state.values), std::mem::take(&mut state.waiting))
        };
        let woken: Vec<_> = waiting.iter().filter_map(|place| fill(place, Place::Reset)).collect();
        wake(woken);
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

/// Fills a place; hands out what wakes its task.
#[must_use = "the task is to be woken, with no borrow held"]
fn fill<T>(place: &RefCell<Place<T>>, with: Place<T>) -> Option<Parked> {
    match place.replace(with) {
        Place::Waiting(parked) => Some(parked),
        _ => None,
    }
}

fn wake(parked: impl IntoIterator<Item = Parked>) {
    parked.into_iter().for_each(Parked::wake);
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
        if self.place.is_none() && !core.must_give_way() {
            core.charge(0);
            if let Some(value) = self.queue.try_get() {
                return Poll::Ready(Ok(value));
            }
        }
        // Before anything is looked at: to clone a foreign waker is to run foreign code, which may put, signal or reset.
        let parked = Parked::new(&core, core.wait_of(cx));
        let Some(place) = &self.place else {
            self.enter(parked);
            return Poll::Pending;
        };
        let before = match place.replace(Place::Left) {
            Place::Got(Numbered { value, .. }) | Place::Signalled(value) => {
                self.place = None;
                return Poll::Ready(Ok(value));
            }
            Place::Reset => {
                self.place = None;
                return Poll::Ready(Err(QueueReset));
            }
            before @ (Place::Waiting(_) | Place::Left) => before,
        };
        place.replace(Place::Waiting(parked));
        drop(before);
        Poll::Pending
    }
}

impl<T> Get<T> {
    /// Takes a place in the line. A task that always finds a value must still give the others their turn: the value that
    /// is there is its own already, and it has it in its next turn. So no value, signal or reset can miss it meanwhile.
    fn enter(&mut self, parked: Parked) {
        let mut state = self.queue.state.borrow_mut();
        let (place, woken) = match state.values.pop_front() {
            Some(numbered) => (Rc::new(RefCell::new(Place::Got(numbered))), Some(parked)),
            None => {
                let place = Rc::new(RefCell::new(Place::Waiting(parked)));
                state.waiting.push_back(place.clone());
                (place, None)
            }
        };
        drop(state);
        self.place = Some(place);
        wake(woken);
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
                        wake(fill(&next, Place::Got(value)));
                    }
                    None => {
                        // Others may have come back before it.
                        let place = state.values.partition_point(|other| other.number < value.number);
                        state.values.insert(place, value);
                    }
                }
            }
            // It was for us alone: who comes later waits for the next one.
            Place::Signalled(_) | Place::Reset => {}
            Place::Waiting(_) | Place::Left => {
                self.queue.state.borrow_mut().waiting.retain(|other| !Rc::ptr_eq(other, &place));
            }
        }
    }
}

/// The queue was reset while a task waited. Exhaustive on purpose: there is no more to tell.
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
