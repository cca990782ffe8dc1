//! A queue with one reader, which can be interrupted and closed: what stands behind a server's accept.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::error::Error;
use crate::proto::{Place, WaiterSlot};
use crate::runtime::{Parked, current, no_machine, refuse};

/// Hands values to one task at a time, with the verbs and the strings of a server: a second task that takes gets
/// "busy", [`interrupt`](Self::interrupt) and [`close`](Self::close) end the wait. Share it with an `Rc`.
pub struct Inbox<T> {
    state: RefCell<State<T>>,
}

struct State<T> {
    values: VecDeque<T>,
    /// Empty inside once its task was woken: a task that is to be polled anyway need not be woken again.
    slot: WaiterSlot<Option<Parked>>,
    closed: bool,
}

impl<T> Inbox<T> {
    /// An open, empty inbox.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a value in, for the task that waits or the next one that comes.
    ///
    /// # Errors
    /// Gives the value back if the inbox is closed.
    pub fn put(&self, value: T) -> Result<(), T> {
        let mut state = self.state.borrow_mut();
        if state.closed {
            return Err(value);
        }
        state.values.push_back(value);
        // The place stays the waiter's: it is woken, and goes on where it was.
        let waiter = state.slot.waiter_mut().and_then(Option::take);
        drop(state);
        wake(waiter);
        Ok(())
    }

    /// Takes the oldest value, waiting for one if there is none.
    ///
    /// ```
    /// # use lem_rs::{Error, Inbox, Machine};
    /// # Machine::new()?.run(async {
    /// let inbox = Inbox::new();
    /// inbox.put("one").expect("it is open");
    /// assert_eq!(inbox.take().await?, "one");
    /// inbox.close()?;
    /// assert!(matches!(inbox.take().await, Err(Error::Closed)));
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Busy`] if another task waits; [`Error::Interrupted`]; [`Error::Closed`]; [`Error::Misuse`] outside of a
    /// machine.
    ///
    /// **Cancel safety:** dropping it loses no value.
    pub fn take(&self) -> Take<'_, T> {
        Take { inbox: self, place: Place::default() }
    }

    /// Interrupts the task that waits.
    ///
    /// # Errors
    /// [`Error::NotBusy`] if none does.
    pub fn interrupt(&self) -> Result<(), Error> {
        let waiter = self.state.borrow_mut().slot.release().ok_or(Error::NotBusy)?;
        wake(waiter);
        Ok(())
    }

    /// Closes the inbox; a task that waits is interrupted. Returns the values that nobody took.
    ///
    /// # Errors
    /// [`Error::AlreadyClosed`] the second time.
    pub fn close(&self) -> Result<VecDeque<T>, Error> {
        let mut state = self.state.borrow_mut();
        if std::mem::replace(&mut state.closed, true) {
            return Err(Error::AlreadyClosed);
        }
        let values = std::mem::take(&mut state.values);
        let waiter = state.slot.release();
        drop(state);
        wake(waiter.flatten());
        Ok(values)
    }

    /// Whether a task waits for a value.
    pub fn is_busy(&self) -> bool {
        self.state.borrow().slot.is_busy()
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.state.borrow().closed
    }
}

/// Wakes a task that waits, with no borrow held.
fn wake(waiter: Option<Parked>) {
    if let Some(waiter) = waiter {
        waiter.wake();
    }
}

/// The future of [`Inbox::take`].
#[must_use = "futures do nothing unless awaited"]
pub struct Take<'a, T> {
    inbox: &'a Inbox<T>,
    place: Place,
}

impl<T> Future for Take<'_, T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(core) = current() else { return Poll::Ready(Err(no_machine())) };
        // Before the borrow, and dropped after it: a foreign waker's code may come here.
        let parked = Parked::new(&core, core.wait_of(cx));
        let Self { inbox, place } = &mut *self;
        let mut state = inbox.state.borrow_mut();
        match state.slot.admit(place) {
            Err(Error::Interrupted) => {
                drop(state);
                return Poll::Ready(Err(Error::Interrupted));
            }
            Err(error) => {
                drop(state);
                return refuse(cx, error);
            }
            Ok(()) if state.closed => {
                drop(state);
                return refuse(cx, Error::Closed);
            }
            Ok(()) => {}
        }
        let give_way = core.must_give_way();
        let value = if give_way { None } else { state.values.pop_front() };
        if let Some(value) = value {
            core.charge(0);
            let waiter = state.slot.leave(place);
            drop(state);
            drop(waiter);
            return Poll::Ready(Ok(value));
        }
        let before = state.slot.wait(place, Some(parked));
        drop(state);
        drop(before);
        if give_way {
            core.wake(core.wait_of(cx));
        }
        Poll::Pending
    }
}

impl<T> Drop for Take<'_, T> {
    fn drop(&mut self) {
        let waiter = self.inbox.state.borrow_mut().slot.leave(&mut self.place);
        drop(waiter);
    }
}

impl<T> Default for Inbox<T> {
    fn default() -> Self {
        let state = State { values: VecDeque::new(), slot: WaiterSlot::default(), closed: false };
        Self { state: RefCell::new(state) }
    }
}

impl<T> fmt::Debug for Inbox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("busy", &self.is_busy()).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Take<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Take").finish_non_exhaustive()
    }
}
