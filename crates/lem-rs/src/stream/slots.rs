//! Who waits on a stream: one task on a whole one, one for each direction on a split one.

use crate::error::Error;
use crate::proto::{Place, WaiterSlot};
use crate::runtime::{Direction, Wait};

/// The waiter slots of a stream.
#[derive(Debug)]
pub(super) enum WaiterSlots {
    /// Reading and writing share one slot, as the original has it.
    Whole(WaiterSlot<Waiter>),
    /// Each half has its own.
    Split { read: WaiterSlot<Waiter>, write: WaiterSlot<Waiter> },
}

/// Who waits, and for what: on a whole stream either direction may stand in the one slot.
#[derive(Debug)]
pub(super) struct Waiter {
    /// What wakes its task; `None` when it was woken and has not been polled since.
    pub(super) wait: Option<Wait>,
    pub(super) direction: Direction,
}

/// One verb under way: which way it goes, and its place in the slot once it has waited.
#[derive(Debug)]
pub(super) struct Operation {
    direction: Direction,
    place: Place,
}

impl Default for WaiterSlots {
    fn default() -> Self {
        Self::Whole(WaiterSlot::default())
    }
}

impl Operation {
    pub(super) fn new(direction: Direction) -> Self {
        Self { direction, place: Place::default() }
    }

    pub(super) fn direction(&self) -> Direction {
        self.direction
    }

    /// Whether it waits, as far as it knows.
    pub(super) fn has_waited(&self) -> bool {
        self.place.is_taken()
    }
}

impl WaiterSlots {
    pub(super) fn split(&mut self) {
        *self = Self::Split { read: WaiterSlot::default(), write: WaiterSlot::default() };
    }

    pub(super) fn join(&mut self) {
        *self = Self::default();
    }

    fn of(&mut self, direction: Direction) -> &mut WaiterSlot<Waiter> {
        match (self, direction) {
            (Self::Whole(slot), _) => slot,
            (Self::Split { read, .. }, Direction::Read) => read,
            (Self::Split { write, .. }, Direction::Write) => write,
        }
    }

    fn at(&self, direction: Direction) -> &WaiterSlot<Waiter> {
        match (self, direction) {
            (Self::Whole(slot), _) => slot,
            (Self::Split { read, .. }, Direction::Read) => read,
            (Self::Split { write, .. }, Direction::Write) => write,
        }
    }

    /// Whether a verb of this direction would return "busy".
    pub(super) fn is_busy(&self, direction: Direction) -> bool {
        self.at(direction).is_busy()
    }

    /// Whether the task that waits, waits for this direction.
    pub(super) fn waits_for(&self, direction: Direction) -> bool {
        self.at(direction).waiter().is_some_and(|waiter| waiter.direction == direction)
    }

    /// What wakes the task that waits for this direction. It keeps its place, and is to be polled now.
    pub(super) fn take_wait(&mut self, direction: Direction) -> Option<Wait> {
        let waiter = self.of(direction).waiter_mut().filter(|waiter| waiter.direction == direction)?;
        waiter.wait.take()
    }

    /// May the operation go on? "busy" if another one waits, "interrupted" if it was.
    pub(super) fn admit(&mut self, operation: &mut Operation) -> Result<(), Error> {
        self.of(operation.direction).admit(&mut operation.place)
    }

    /// The operation waits, or goes on waiting. What it replaces is the caller's to drop, unborrowed.
    pub(super) fn wait(&mut self, operation: &mut Operation, wait: Option<Wait>) -> Option<Waiter> {
        let waiter = Waiter { wait, direction: operation.direction };
        self.of(operation.direction).wait(&mut operation.place, waiter)
    }

    /// The operation is over.
    pub(super) fn leave(&mut self, operation: &mut Operation) -> Option<Waiter> {
        self.of(operation.direction).leave(&mut operation.place)
    }

    /// Interrupts the operation that waits in this direction.
    pub(super) fn release(&mut self, direction: Direction) -> Option<Waiter> {
        self.of(direction).release()
    }
}
