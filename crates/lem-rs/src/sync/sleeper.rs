//! A sleep that somebody else can end early, and say why.

use std::cell::RefCell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use crate::error::Error;
use crate::proto::{Place, WaiterSlot};
use crate::runtime::{Parked, current, refuse};
use crate::time::sleep;

/// Sleeps, and can be woken early with a value. Share it with an `Rc`.
///
/// ```
/// # use lem_rs::{Error, Machine, Sleeper, spawn};
/// # use std::{rc::Rc, time::Duration};
/// # Machine::new()?.run(async {
/// let sleeper = Rc::new(Sleeper::new());
/// let waker = sleeper.clone();
/// spawn(async move { waker.wake("breakfast") }).detach();
/// let woken = sleeper.sleep(Duration::from_secs(3600)).await?;
/// assert_eq!(woken, Some("breakfast"));
/// # Ok::<(), Error>(())
/// # })??;
/// # Ok::<(), Error>(())
/// ```
pub struct Sleeper<T> {
    state: RefCell<State<T>>,
}

struct State<T> {
    slot: WaiterSlot<Parked>,
    value: Option<T>,
}

impl<T> Sleeper<T> {
    /// A sleeper that is awake.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sleeps for `duration`: `None` when it is over, or the value that [`wake`](Self::wake) was called with.
    ///
    /// ```
    /// # use lem_rs::{Error, Machine, Sleeper, spawn};
    /// # use std::time::Duration;
    /// # use std::rc::Rc;
    /// # Machine::new()?.run(async {
    /// let sleeper = Rc::new(Sleeper::new());
    /// let other = sleeper.clone();
    /// spawn(async move { other.wake("early") }).detach();
    /// assert_eq!(sleeper.sleep(Duration::from_secs(60)).await?, Some("early"));
    /// assert_eq!(sleeper.sleep(Duration::from_millis(1)).await?, None);
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Busy`] if another task sleeps here.
    ///
    /// **Cancel safety:** dropping it ends the sleep. A value that came with a wake-up is dropped with it.
    ///
    /// # Panics
    /// Outside of [`Machine::run`](crate::Machine::run).
    pub async fn sleep(&self, duration: Duration) -> Result<Option<T>, Error> {
        let core = current().expect("Sleeper::sleep must be awaited inside of Machine::run");
        let mut over = pin!(sleep(duration));
        let mut asleep = Asleep { sleeper: self, place: Place::default() };
        poll_fn(|cx| {
            // Before the borrow, so that it is dropped after it: a foreign waker's destructor may look at this sleeper.
            let parked = Parked::new(&core, core.wait_of(cx));
            let mut state = self.state.borrow_mut();
            let unclaimed = !asleep.place.is_taken() && state.value.is_some();
            match state.slot.admit(&mut asleep.place) {
                Err(Error::Interrupted) => return Poll::Ready(Ok(state.value.take())),
                Ok(()) if !unclaimed => {}
                _ => {
                    drop(state);
                    return refuse(cx, Error::Busy);
                }
            }
            let before = state.slot.wait(&mut asleep.place, parked);
            drop(state);
            drop(before);
            over.as_mut().poll(cx).map(|()| Ok(None))
        })
        .await
    }

    /// Wakes the task that sleeps here, with a value.
    ///
    /// # Errors
    /// [`Error::NotBusy`] if none does; the value is dropped.
    pub fn wake(&self, value: T) -> Result<(), Error> {
        let mut state = self.state.borrow_mut();
        let parked = state.slot.release().ok_or(Error::NotBusy)?;
        let before = state.value.replace(value);
        drop(state);
        drop(before);
        parked.wake();
        Ok(())
    }

    /// Whether a task sleeps here.
    pub fn is_busy(&self) -> bool {
        self.state.borrow().slot.is_busy()
    }
}

/// A sleep under way; leaves the place free however it ends.
struct Asleep<'a, T> {
    sleeper: &'a Sleeper<T>,
    place: Place,
}

impl<T> Drop for Asleep<'_, T> {
    fn drop(&mut self) {
        if !self.place.is_taken() {
            return;
        }
        let mut state = self.sleeper.state.borrow_mut();
        let waiter = state.slot.leave(&mut self.place);
        let unclaimed = if waiter.is_none() { state.value.take() } else { None };
        drop(state);
        drop((waiter, unclaimed));
    }
}

impl<T> Default for Sleeper<T> {
    fn default() -> Self {
        Self { state: RefCell::new(State { slot: WaiterSlot::default(), value: None }) }
    }
}

impl<T> fmt::Debug for Sleeper<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleeper").field("busy", &self.is_busy()).finish_non_exhaustive()
    }
}
