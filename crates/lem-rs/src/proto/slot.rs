//! The place where one operation waits, until it is over or somebody interrupts it.

use crate::error::Error;

/// Where at most one operation waits. `W` is what wakes its task.
///
/// An operation holds a [`Place`] meanwhile. To interrupt it is to take the waiter out: when the operation is polled
/// again its place is no longer good, and that is how it knows. So an interrupted operation leaves no trace that another
/// task could trip over, and a new one may start at once.
#[derive(Debug)]
pub(crate) struct WaiterSlot<W> {
    waiter: Option<W>,
    /// The number of the operation that waits now, or of the last one that did.
    last: u64,
}

/// An operation's place in a slot: none before it has waited, and none after it is over.
#[derive(Debug, Default)]
pub(crate) struct Place(Option<u64>);

impl Place {
    /// Whether the operation waits, as far as it knows.
    pub(crate) fn is_taken(&self) -> bool {
        self.0.is_some()
    }
}

impl<W> Default for WaiterSlot<W> {
    fn default() -> Self {
        Self { waiter: None, last: 0 }
    }
}

impl<W> WaiterSlot<W> {
    /// Whether an operation waits.
    pub(crate) fn is_busy(&self) -> bool {
        self.waiter.is_some()
    }

    /// What waits.
    pub(crate) fn waiter(&self) -> Option<&W> {
        self.waiter.as_ref()
    }

    /// As [`waiter`](Self::waiter), to be changed.
    pub(crate) fn waiter_mut(&mut self) -> Option<&mut W> {
        self.waiter.as_mut()
    }

    /// May the operation go on?
    ///
    /// # Errors
    /// [`Error::Busy`] if it has no place and another one waits; [`Error::Interrupted`] if it was: it has no place then.
    pub(crate) fn admit(&self, place: &mut Place) -> Result<(), Error> {
        match place.0 {
            None if self.is_busy() => Err(Error::Busy),
            Some(number) if !self.holds(number) => {
                place.0 = None;
                Err(Error::Interrupted)
            }
            _ => Ok(()),
        }
    }

    /// An operation that was admitted waits, or goes on waiting with a fresh waker. The one before is the caller's to
    /// drop, unborrowed.
    pub(crate) fn wait(&mut self, place: &mut Place, waiter: W) -> Option<W> {
        if place.0.is_none() {
            debug_assert!(!self.is_busy(), "a second operation waits in the slot");
            self.last += 1;
            place.0 = Some(self.last);
        }
        self.waiter.replace(waiter)
    }

    /// The operation is over: finished or dropped. Its waiter is the caller's to drop, unborrowed; `None` if it had none,
    /// or was interrupted.
    pub(crate) fn leave(&mut self, place: &mut Place) -> Option<W> {
        let number = place.0.take()?;
        if self.holds(number) { self.waiter.take() } else { None }
    }

    /// Interrupts: the waiter is the caller's to wake, once no borrow is held.
    pub(crate) fn release(&mut self) -> Option<W> {
        self.waiter.take()
    }

    fn holds(&self, number: u64) -> bool {
        self.is_busy() && self.last == number
    }
}
