//! Tasks that belong together.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::{Future, poll_fn};
use std::mem;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};

use super::core::Core;
use super::current::current;
use super::join::{Deliver, spawn_toward};
use super::key::Key;
use super::parked::Parked;
use crate::error::JoinError;

/// A set of tasks that ends them when it is dropped, and gives their results as they come.
///
/// A result stays in the set until [`join_next`](Self::join_next) takes it. A set that lives long and whose results
/// nobody wants, such as the handlers of a server, is emptied now and then with [`try_join_next`](Self::try_join_next).
///
/// ```
/// use lem_rs::{Error, JoinSet, Machine, sleep};
/// use std::time::Duration;
///
/// let order = Machine::new()?.run(async {
///     let tasks = JoinSet::new();
///     for millis in [20, 1] {
///         tasks.spawn(async move {
///             sleep(Duration::from_millis(millis)).await;
///             millis
///         });
///     }
///     let mut order = Vec::new();
///     while let Some(result) = tasks.join_next().await {
///         order.push(result?);
///     }
///     Ok::<_, Error>(order)
/// })??;
/// assert_eq!(order, [1, 20]);
/// # Ok::<(), Error>(())
/// ```
pub struct JoinSet<T> {
    members: Rc<Members<T>>,
}

struct Members<T> {
    state: RefCell<State<T>>,
}

struct State<T> {
    /// Those that run, by number.
    running: BTreeMap<u64, Running>,
    last: u64,
    finished: VecDeque<Result<T, JoinError>>,
    /// Who waits for a result, by number. All are woken by each.
    waiting: BTreeMap<u64, Parked>,
}

struct Running {
    core: Rc<Core>,
    /// `None` until it is known, which is before anything else can happen.
    key: Option<Key>,
}

impl<T: 'static> JoinSet<T> {
    /// An empty set.
    pub fn new() -> Self {
        let state = State { running: BTreeMap::new(), last: 0, finished: VecDeque::new(), waiting: BTreeMap::new() };
        Self { members: Rc::new(Members { state: RefCell::new(state) }) }
    }

    /// Starts a task on the running machine, as a member.
    ///
    /// ```
    /// # use lem_rs::{Error, JoinSet, Machine};
    /// # Machine::new()?.run(async {
    /// let set = JoinSet::new();
    /// for number in 1..=3 {
    ///     set.spawn(async move { number * 10 });
    /// }
    /// let mut sum = 0;
    /// while let Some(result) = set.join_next().await {
    ///     sum += result?;
    /// }
    /// assert_eq!(sum, 60);
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Panics
    /// Outside of [`Machine::run`](crate::Machine::run).
    #[track_caller]
    pub fn spawn(&self, future: impl Future<Output = T> + 'static) {
        let core = current().expect("JoinSet::spawn must be called inside of Machine::run");
        let number = {
            let mut state = self.members.state.borrow_mut();
            state.last += 1;
            let number = state.last;
            state.running.insert(number, Running { core: core.clone(), key: None });
            number
        };
        let member = Member { set: Rc::downgrade(&self.members), number };
        let key = spawn_toward(&core, future, Rc::new(member));
        if let Some(running) = self.members.state.borrow_mut().running.get_mut(&number) {
            running.key = key;
        }
    }

    /// Waits for the next result: a task's output, or a [`JoinError`] if it panicked or was cancelled. `None` when the
    /// set is empty.
    ///
    /// ```
    /// # use lem_rs::{Error, JoinSet, Machine, sleep};
    /// # use std::time::Duration;
    /// # Machine::new()?.run(async {
    /// let set = JoinSet::new();
    /// for milliseconds in [20, 1] {
    ///     set.spawn(async move {
    ///         sleep(Duration::from_millis(milliseconds)).await;
    ///         milliseconds
    ///     });
    /// }
    /// // The first that is done.
    /// assert_eq!(set.join_next().await, Some(Ok(1)));
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// **Cancel safety:** dropping it loses no result.
    pub async fn join_next(&self) -> Option<Result<T, JoinError>> {
        let mut wait = JoinNext { set: self, number: None };
        poll_fn(|cx| wait.poll(cx)).await
    }

    /// The next result, if one is there.
    pub fn try_join_next(&self) -> Option<Result<T, JoinError>> {
        self.members.state.borrow_mut().finished.pop_front()
    }

    /// How many members there are: tasks that run, and results that nobody has taken.
    pub fn len(&self) -> usize {
        let state = self.members.state.borrow();
        state.running.len() + state.finished.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Cancels all tasks that run; each has the result [`JoinError::Cancelled`].
    pub fn cancel_all(&self) {
        self.members.cancel_all();
    }

    /// Cancels all tasks and takes all results.
    ///
    /// ```
    /// # use lem_rs::{Error, JoinSet, Machine, sleep};
    /// # use std::time::Duration;
    /// # Machine::new()?.run(async {
    /// let set = JoinSet::new();
    /// set.spawn(sleep(Duration::from_secs(3600)));
    /// set.shutdown().await;
    /// assert!(set.is_empty());
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// **Cancel safety:** the tasks are cancelled at once; dropping it only leaves results behind.
    pub async fn shutdown(&self) {
        self.cancel_all();
        while self.join_next().await.is_some() {}
    }

    /// Lets all tasks that run go on by themselves: they are no members any more, and their results are dropped.
    pub fn detach_all(&self) {
        let (running, waiting) = {
            let mut state = self.members.state.borrow_mut();
            (mem::take(&mut state.running), mem::take(&mut state.waiting))
        };
        drop(running);
        waiting.into_values().for_each(Parked::wake);
    }
}

/// A wait for a result; its place is free when this is dropped.
struct JoinNext<'a, T: 'static> {
    set: &'a JoinSet<T>,
    number: Option<u64>,
}

impl<T: 'static> JoinNext<'_, T> {
    fn poll(&mut self, cx: &Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        let core = current();
        if let Some(core) = core.filter(|core| core.must_give_way()) {
            core.wake(core.wait_of(cx));
            return Poll::Pending;
        }
        if let Some(result) = self.set.try_join_next() {
            if let Some(core) = current() {
                core.charge(0);
            }
            return Poll::Ready(Some(result));
        }
        // Those that run know their machine; without any there is nothing to wait for.
        let state = &self.set.members.state;
        let core = state.borrow().running.values().next().map(|running| running.core.clone());
        let Some(core) = core else { return Poll::Ready(None) };
        // A foreign waker's code may come here: it runs with nothing borrowed.
        let parked = Parked::new(&core, core.wait_of(cx));
        let before = {
            let mut state = state.borrow_mut();
            let number = *self.number.get_or_insert_with(|| {
                state.last += 1;
                state.last
            });
            state.waiting.insert(number, parked)
        };
        drop(before);
        Poll::Pending
    }
}

impl<T> Drop for JoinNext<'_, T> {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let left = self.set.members.state.borrow_mut().waiting.remove(&number);
        drop(left);
    }
}

impl<T> Members<T> {
    fn cancel_all(&self) {
        let keys: Vec<(Rc<Core>, Key)> = {
            let state = self.state.borrow();
            state.running.values().filter_map(|running| Some((running.core.clone(), running.key?))).collect()
        };
        for (core, key) in keys {
            core.cancel(key);
        }
    }

    fn finished(&self, number: u64, result: Result<T, JoinError>) {
        let mut state = self.state.borrow_mut();
        if state.running.remove(&number).is_none() {
            // It was detached: nobody wants it.
            drop(state);
            return;
        }
        state.finished.push_back(result);
        let waiting = mem::take(&mut state.waiting);
        drop(state);
        waiting.into_values().for_each(Parked::wake);
    }
}

/// A task's way to its set.
struct Member<T> {
    set: Weak<Members<T>>,
    number: u64,
}

impl<T> Deliver<T> for Member<T> {
    fn deliver(&self, result: Result<T, JoinError>) {
        if let Some(set) = self.set.upgrade() {
            set.finished(self.number, result);
        }
    }
}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        self.members.cancel_all();
    }
}

impl<T: 'static> Default for JoinSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.members.state.borrow();
        f.debug_struct("JoinSet")
            .field("running", &state.running.len())
            .field("finished", &state.finished.len())
            .finish_non_exhaustive()
    }
}
