//! Wakers: one per task, good on every thread, without `unsafe`.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Wake;

use super::core::Core;
use super::key::Key;
use crate::world::Notify;

thread_local! {
    /// The machine that runs on this thread now.
    static CURRENT: RefCell<Option<Rc<Core>>> = const { RefCell::new(None) };
}

/// The machine that runs on this thread now, if one does.
pub(crate) fn current() -> Option<Rc<Core>> {
    CURRENT.with_borrow(Clone::clone)
}

/// Makes `core` the thread's machine until the guard is dropped; `None` if another one runs.
pub(crate) fn enter(core: &Rc<Core>) -> Option<Entered> {
    CURRENT.with_borrow_mut(|current| {
        current.is_none().then(|| {
            *current = Some(core.clone());
            core.set_running(true);
            Entered(())
        })
    })
}

/// A machine runs on this thread.
#[derive(Debug)]
pub(crate) struct Entered(());

impl Drop for Entered {
    fn drop(&mut self) {
        // Dropped outside of the borrow: this may be the machine's last owner.
        let left = CURRENT.take();
        if let Some(core) = &left {
            core.set_running(false);
        }
    }
}

/// Wakes one task, from any thread.
pub(crate) struct TaskWaker {
    key: Key,
    remote: Arc<Remote>,
    /// Set while the key waits in the remote list, so that a storm of wake-ups is one entry.
    listed: AtomicBool,
}

impl TaskWaker {
    pub(crate) fn new(key: Key, remote: Arc<Remote>) -> Self {
        Self { key, remote, listed: AtomicBool::new(false) }
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let ours = current().filter(|core| Arc::ptr_eq(core.remote(), &self.remote));
        match ours {
            Some(core) => core.schedule(self.key),
            None if self.listed.swap(true, Ordering::AcqRel) => {}
            None => self.remote.push(self.clone()),
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
            waker.listed.store(false, Ordering::Release);
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

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remote").finish_non_exhaustive()
    }
}
