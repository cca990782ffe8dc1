//! Values from other threads.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

pub use super::send_error::{SendError, TrySendError};
use crate::error::Error;
use crate::runtime::{ForeignWaker, current};

/// A channel that holds at most `capacity` values, at least one: a sender that is faster than the receiver waits.
///
/// The senders may be used on any thread, inside and outside of machines; the receiver is a task.
///
/// ```
/// use lem_rs::{Error, Machine, channel};
/// use std::thread;
///
/// let (sender, mut receiver) = channel::bounded(16);
/// let worker = thread::spawn(move || (1..=100).all(|number| sender.send_blocking(number).is_ok()));
/// let sum = Machine::new()?.run(async {
///     let mut sum = 0;
///     while let Ok(number) = receiver.recv().await {
///         sum += number;
///     }
///     sum
/// })?;
/// assert_eq!(sum, 5050);
/// assert!(worker.join().is_ok_and(|all_were_sent| all_were_sent));
/// # Ok::<(), Error>(())
/// ```
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared { state: Mutex::new(State::new(capacity.max(1))), room: Condvar::new() });
    (Sender { shared: shared.clone() }, Receiver { shared })
}

/// A channel without a limit: sending never waits. What a peer can make a program send belongs into a
/// [`bounded`] one.
///
/// ```
/// use lem_rs::{Error, Machine, channel};
/// let (sender, mut receiver) = channel::unbounded();
/// std::thread::spawn(move || sender.try_send("hello from elsewhere"));
/// let received = Machine::new()?.run(async { receiver.recv().await })??;
/// assert_eq!(received, "hello from elsewhere");
/// # Ok::<(), Error>(())
/// ```
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    bounded(usize::MAX)
}

/// Sends values to a task, from any thread. Clones send to the same one; when all are gone the channel is closed.
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

/// Receives what [`Sender`]s send. It may be made on one thread and used on another. Dropping it closes the channel.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    /// For threads that wait for room.
    room: Condvar,
}

struct State<T> {
    values: VecDeque<T>,
    capacity: usize,
    senders: usize,
    /// The receiver is gone, or has closed the channel.
    closed: bool,
    receiver: Option<ForeignWaker>,
    /// Tasks that wait for room, by number: the smallest has waited longest.
    waiting: BTreeMap<u64, ForeignWaker>,
    last: u64,
}

impl<T> State<T> {
    fn new(capacity: usize) -> Self {
        Self {
            values: VecDeque::new(),
            capacity,
            senders: 1,
            closed: false,
            receiver: None,
            waiting: BTreeMap::new(),
            last: 0,
        }
    }

    /// Puts the value in if there is room; hands out whom that wakes.
    fn push(&mut self, value: T) -> Result<Option<ForeignWaker>, TrySendError<T>> {
        match () {
            () if self.closed => Err(TrySendError::Closed(value)),
            () if self.values.len() >= self.capacity => Err(TrySendError::Full(value)),
            () => {
                self.values.push_back(value);
                Ok(self.receiver.take())
            }
        }
    }

    /// Whom to wake when there is room for one more.
    fn next_waiting(&mut self) -> Option<ForeignWaker> {
        if self.values.len() < self.capacity || self.closed {
            self.waiting.pop_first().map(|(_, waker)| waker)
        } else {
            None
        }
    }
}

impl<T> Shared<T> {
    /// Nothing of the user's runs while it is locked, so nothing can panic.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) -> VecDeque<T> {
        let (values, receiver, waiting) = {
            let mut state = self.lock();
            state.closed = true;
            (mem::take(&mut state.values), state.receiver.take(), mem::take(&mut state.waiting))
        };
        self.room.notify_all();
        wake(receiver);
        waiting.into_values().for_each(ForeignWaker::wake);
        values
    }
}

fn wake(waker: Option<ForeignWaker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl<T> Sender<T> {
    /// Sends a value if there is room.
    ///
    /// ```
    /// # use lem_rs::{Error, Machine, channel};
    /// # Machine::new()?.run(async {
    /// let (sender, mut receiver) = channel::bounded(1);
    /// sender.try_send("one").expect("there is room");
    /// assert!(sender.try_send("two").is_err());
    /// assert_eq!(receiver.recv().await?, "one");
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Gives the value back: [`TrySendError::Full`] or [`TrySendError::Closed`].
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        let pushed = self.shared.lock().push(value);
        pushed.map(wake)
    }

    /// Sends a value; the task waits until there is room. It may be a task of any machine, or of another runtime.
    ///
    /// ```
    /// # use lem_rs::{Error, Machine, channel, spawn};
    /// # Machine::new()?.run(async {
    /// let (sender, mut receiver) = channel::bounded(1);
    /// let sending = spawn(async move {
    ///     for number in 1..=3 {
    ///         // It waits while there is no room.
    ///         sender.send(number).await.expect("somebody receives");
    ///     }
    /// });
    /// assert_eq!((receiver.recv().await?, receiver.recv().await?, receiver.recv().await?), (1, 2, 3));
    /// // The sender is gone with its task.
    /// assert!(matches!(receiver.recv().await, Err(Error::Closed)));
    /// sending.await?;
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Gives the value back if the receiver is gone.
    ///
    /// **Cancel safety:** dropping it drops the value, unless it was sent. Tasks get room in the order in which they
    /// came to wait.
    pub async fn send(&self, value: T) -> Result<(), SendError<T>> {
        let mut sending = Sending { shared: &self.shared, value: Some(value), number: None };
        poll_fn(|cx| sending.poll(cx)).await
    }

    /// Sends a value; the thread waits until there is room.
    ///
    /// # Errors
    /// Gives the value back if the receiver is gone.
    ///
    /// # Panics
    /// Inside of [`Machine::run`](crate::Machine::run), where it would hold up all tasks: use [`send`](Self::send).
    pub fn send_blocking(&self, value: T) -> Result<(), SendError<T>> {
        assert!(current().is_none(), "send_blocking would hold up the machine that runs on this thread: use send");
        let mut value = value;
        let mut state = self.shared.lock();
        loop {
            value = match state.push(value) {
                Ok(receiver) => {
                    drop(state);
                    wake(receiver);
                    return Ok(());
                }
                Err(TrySendError::Closed(value)) => {
                    drop(state);
                    return Err(SendError(value));
                }
                Err(TrySendError::Full(value)) => value,
            };
            state = self.shared.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether the receiver is gone or has closed the channel.
    pub fn is_closed(&self) -> bool {
        self.shared.lock().closed
    }
}

/// A value that waits for room.
struct Sending<'a, T> {
    shared: &'a Shared<T>,
    /// `None` when it was sent.
    value: Option<T>,
    /// Its place among those that wait. It is out of the queue when it was woken.
    number: Option<u64>,
}

impl<T> Sending<'_, T> {
    fn poll(&mut self, cx: &Context<'_>) -> Poll<Result<(), SendError<T>>> {
        if let Some(core) = current().filter(|core| core.must_give_way()) {
            core.wake(core.wait_of(cx));
            return Poll::Pending;
        }
        let Some(value) = self.value.take() else { return Poll::Ready(Ok(())) };
        // A foreign waker is code of the user's: it is cloned before the lock is taken, and dropped after it.
        let waker = ForeignWaker::new(cx.waker());
        let mut state = self.shared.lock();
        let pushed = state.push(value);
        match pushed {
            Ok(receiver) => {
                drop(state);
                drop(waker);
                wake(receiver);
                if let Some(core) = current() {
                    core.charge(0);
                }
                Poll::Ready(Ok(()))
            }
            Err(TrySendError::Closed(value)) => {
                drop(state);
                drop(waker);
                Poll::Ready(Err(SendError(value)))
            }
            Err(TrySendError::Full(value)) => {
                self.value = Some(value);
                let number = *self.number.get_or_insert_with(|| {
                    state.last += 1;
                    state.last
                });
                let before = state.waiting.insert(number, waker);
                drop(state);
                drop(before);
                Poll::Pending
            }
        }
    }
}

impl<T> Drop for Sending<'_, T> {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut state = self.shared.lock();
        let left = state.waiting.remove(&number);
        // It was woken and does not use its room: the next one may.
        let next = if left.is_none() { state.next_waiting() } else { None };
        drop(state);
        drop(left);
        wake(next);
    }
}

impl<T> Receiver<T> {
    /// Takes the oldest value, waiting for one if there is none.
    ///
    /// # Errors
    /// [`Error::Closed`] when nothing is left and all senders are gone, or the channel was closed.
    ///
    /// **Cancel safety:** dropping it loses no value.
    pub async fn recv(&mut self) -> Result<T, Error> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// As [`recv`](Self::recv), for futures that are written by hand. The last task that polled is the one that is
    /// woken.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn poll_recv(&mut self, cx: &Context<'_>) -> Poll<Result<T, Error>> {
        if let Some(core) = current().filter(|core| core.must_give_way()) {
            core.wake(core.wait_of(cx));
            return Poll::Pending;
        }
        let waker = ForeignWaker::new(cx.waker());
        let mut state = self.shared.lock();
        let Some(value) = state.values.pop_front() else {
            let is_over = state.senders == 0 || state.closed;
            let before = if is_over { state.receiver.take() } else { state.receiver.replace(waker) };
            drop(state);
            drop(before);
            return if is_over { Poll::Ready(Err(Error::Closed)) } else { Poll::Pending };
        };
        self.took_one(state);
        drop(waker);
        if let Some(core) = current() {
            core.charge(0);
        }
        Poll::Ready(Ok(value))
    }

    /// Takes the oldest value, if there is one.
    pub fn try_recv(&mut self) -> Option<T> {
        let mut state = self.shared.lock();
        let value = state.values.pop_front()?;
        self.took_one(state);
        Some(value)
    }

    fn took_one(&self, mut state: MutexGuard<'_, State<T>>) {
        let next = state.next_waiting();
        drop(state);
        self.shared.room.notify_one();
        wake(next);
    }

    /// Closes the channel: sending fails from now on. Returns the values that were not taken.
    pub fn close(&mut self) -> VecDeque<T> {
        self.shared.close()
    }

    /// How many values wait to be taken.
    pub fn len(&self) -> usize {
        self.shared.lock().values.len()
    }

    /// Whether no value waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.lock().senders += 1;
        Self { shared: self.shared.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let receiver = {
            let mut state = self.shared.lock();
            state.senders -= 1;
            if state.senders == 0 { state.receiver.take() } else { None }
        };
        wake(receiver);
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        drop(self.shared.close());
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("len", &self.len()).finish_non_exhaustive()
    }
}
