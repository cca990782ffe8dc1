//! The machine that runs on this thread.
//!
//! A task's waker finds it here: on the machine's own thread it puts the task into the ready queue at once, on any other
//! into the [list](super::remote) that the machine takes in its next turn.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Wake;

use super::core::Core;
use super::remote::TaskWaker;

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

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        match current().filter(|core| self.belongs_to(core.remote())) {
            Some(core) => core.schedule(self.key()),
            None => self.list(),
        }
    }
}
