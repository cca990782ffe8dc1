//! The place where a task waits: one at a time, found and released by whoever interrupts it.

/// Where at most one operation waits. `W` is what wakes its task.
///
/// An operation holds a [`Ticket`] while it waits. To interrupt it is to take the waiter out: when the operation is
/// polled again its ticket is no longer good, and that is how it knows. So an interrupted operation leaves no trace
/// that another task could trip over, and a new one may start at once.
#[derive(Debug)]
pub(crate) struct Slot<W> {
    waiter: Option<W>,
    /// The ticket of the operation that waits now, or of the last one that did.
    last: u64,
}

/// The right to go on with an operation that has waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

impl<W> Default for Slot<W> {
    fn default() -> Self {
        Self { waiter: None, last: 0 }
    }
}

impl<W> Slot<W> {
    /// Whether an operation waits.
    pub(crate) fn is_busy(&self) -> bool {
        self.waiter.is_some()
    }

    /// Who waits.
    pub(crate) fn waiter(&self) -> Option<&W> {
        self.waiter.as_ref()
    }

    /// As [`waiter`](Self::waiter), to be changed.
    pub(crate) fn waiter_mut(&mut self) -> Option<&mut W> {
        self.waiter.as_mut()
    }

    /// A new operation begins to wait.
    pub(crate) fn enter(&mut self, waiter: W) -> Ticket {
        debug_assert!(!self.is_busy(), "a second operation entered the slot");
        self.waiter = Some(waiter);
        self.last += 1;
        Ticket(self.last)
    }

    /// Whether the operation with this ticket still waits here; false when it was interrupted.
    pub(crate) fn holds(&self, ticket: Ticket) -> bool {
        self.is_busy() && self.last == ticket.0
    }

    /// The operation goes on waiting, with a fresh waker. The one before is the caller's to drop, unborrowed.
    pub(crate) fn renew(&mut self, ticket: Ticket, waiter: W) -> Option<W> {
        debug_assert!(self.holds(ticket));
        self.waiter.replace(waiter)
    }

    /// The operation is over: finished or dropped. Its waiter is the caller's to drop, unborrowed; `None` if it was
    /// interrupted before.
    pub(crate) fn leave(&mut self, ticket: Ticket) -> Option<W> {
        if self.holds(ticket) { self.waiter.take() } else { None }
    }

    /// Interrupts: the waiter is the caller's to wake, once no borrow is held.
    pub(crate) fn release(&mut self) -> Option<W> {
        self.waiter.take()
    }
}
