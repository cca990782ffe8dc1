//! Wake-ups from other threads: the wakers' half that every thread may use, and the list in which they leave their
//! tasks for the machine.
//!
//! Nothing here knows of the machine, of its thread or of tasks, and locks and atomics come from
//! [`primitives`](super::primitives): so `loom/` compiles this very file and tries every interleaving of it.

use std::fmt;
use std::sync::{Arc, PoisonError};

use super::key::Key;
use super::primitives::{AtomicBool, Mutex, MutexGuard, Ordering};
use crate::world::Notify;

/// Wakes one task, from any thread.
pub(crate) struct TaskWaker {
    key: Key,
    remote: Arc<Remote>,
    /// Set while the key waits in the list, so that a storm of wake-ups is one entry.
    listed: AtomicBool,
}

impl TaskWaker {
    pub(crate) fn new(key: Key, remote: Arc<Remote>) -> Self {
        Self { key, remote, listed: AtomicBool::new(false) }
    }

    pub(crate) fn key(&self) -> Key {
        self.key
    }

    /// Whether it leaves its task in this list.
    pub(crate) fn belongs_to(&self, remote: &Arc<Remote>) -> bool {
        Arc::ptr_eq(&self.remote, remote)
    }

    /// Leaves the task in the machine's list, unless it is there.
    ///
    /// What the caller did before must be seen by the poll that follows. The call that adds the entry hands that over with the
    /// list's lock. A call that finds the mark set adds nothing and takes no lock: its swap releases what was done, and the swap
    /// in [`Remote::take`], which comes later in the order of this one atomic, reads what it wrote and so acquires it.
    pub(crate) fn list(self: &Arc<Self>) {
        if !self.listed.swap(true, Ordering::AcqRel) {
            self.remote.push(self.clone());
        }
    }
}

/// Where other threads leave wake-ups for a machine.
pub(crate) struct Remote {
    /// `None` when the machine is gone. What is left here then would never be freed: it keeps this alive.
    woken: Mutex<Option<Vec<Arc<TaskWaker>>>>,
    notify: Arc<dyn Notify>,
}

impl Remote {
    pub(crate) fn new(notify: Arc<dyn Notify>) -> Self {
        Self { woken: Mutex::new(Some(Vec::new())), notify }
    }

    /// The keys of the tasks that were woken since the last call.
    pub(crate) fn take(&self, keys: &mut Vec<Key>) {
        let mut woken = self.lock();
        keys.extend(woken.iter_mut().flat_map(|woken| woken.drain(..)).map(|waker| {
            // A swap, and not a store: it acquires what was done before the calls that found the mark set. See `TaskWaker::list`.
            // A call that comes after it finds the mark unset and adds a new entry, for a poll of its own.
            waker.listed.swap(false, Ordering::AcqRel);
            waker.key
        }));
    }

    /// Whether a wake-up waits to be taken.
    pub(crate) fn has_woken(&self) -> bool {
        self.lock().as_ref().is_some_and(|woken| !woken.is_empty())
    }

    /// The machine is gone: wake-ups that come now are dropped.
    pub(crate) fn close(&self) {
        let woken = self.lock().take();
        drop(woken);
    }

    fn push(&self, waker: Arc<TaskWaker>) {
        // The first entry since the list was taken ends the machine's wait; the machine takes all that are there by then.
        let first = {
            let mut woken = self.lock();
            let Some(woken) = &mut *woken else { return };
            woken.push(waker);
            woken.len() == 1
        };
        if first {
            self.notify.notify();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<Arc<TaskWaker>>>> {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").finish_non_exhaustive()
    }
}
