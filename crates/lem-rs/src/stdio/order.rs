//! A file that several threads use, one after the other in the order of their requests.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::IsTerminal;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A file, and the order of what is done with it: a write whose future is dropped goes on, on its thread, and the next one
/// must not overtake it.
pub(super) struct OrderedFile {
    file: File,
    order: Mutex<Order>,
    /// It is somebody else's turn.
    moved: Condvar,
}

#[derive(Default)]
struct Order {
    /// How many places were given out.
    begun: u64,
    /// The place whose turn it is.
    turn: u64,
    /// Places that are over, and whose turn has not come.
    gone: BTreeSet<u64>,
}

/// A place in the order, until this is dropped.
pub(super) struct InOrder {
    file: Arc<OrderedFile>,
    number: u64,
}

impl OrderedFile {
    pub(super) fn new(file: File) -> Self {
        Self { file, order: Mutex::default(), moved: Condvar::new() }
    }

    pub(super) fn is_terminal(&self) -> bool {
        self.file.is_terminal()
    }

    /// A place behind all others. Taken where the work is handed to the threads, which begin it in the same order: those
    /// that wait for their turn there wait for nothing that has no thread.
    pub(super) fn place(self: &Arc<Self>) -> InOrder {
        let mut order = self.lock();
        let number = order.begun;
        order.begun += 1;
        drop(order);
        InOrder { file: self.clone(), number }
    }

    fn lock(&self) -> MutexGuard<'_, Order> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InOrder {
    /// The file, when all that was begun before is done. Keeps the thread waiting.
    pub(super) fn wait(&self) -> &File {
        let before = self.file.lock();
        let waited = self.file.moved.wait_while(before, |order| order.turn != self.number);
        drop(waited);
        &self.file.file
    }
}

impl Drop for InOrder {
    fn drop(&mut self) {
        let order = &mut *self.file.lock();
        order.gone.insert(self.number);
        while order.gone.remove(&order.turn) {
            order.turn += 1;
        }
        self.file.moved.notify_all();
    }
}
