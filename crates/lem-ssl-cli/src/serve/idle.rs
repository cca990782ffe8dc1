//! Connections that wait for their client, so that a server that drains can let go of them at once.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use lem_ssl_rs::{Stream, StreamHandle, Tls};

/// The connections that wait for a client's next wish.
#[derive(Debug, Default)]
pub(super) struct Idle {
    draining: Cell<bool>,
    waiting: RefCell<HashMap<u64, StreamHandle<Tls>>>,
    next: Cell<u64>,
}

/// One of them, as long as it is kept.
#[derive(Debug)]
pub(super) struct Waiting<'a> {
    idle: &'a Idle,
    number: u64,
}

impl Idle {
    /// This one waits from now on; `None` if it shall not, because the server drains.
    pub(super) fn wait(&self, stream: &Stream) -> Option<Waiting<'_>> {
        if self.draining.get() {
            return None;
        }
        let number = self.next.get();
        self.next.set(number + 1);
        self.waiting.borrow_mut().insert(number, stream.handle());
        Some(Waiting { idle: self, number })
    }

    /// Whether connections shall end after what they are at.
    pub(super) fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// Closes those that wait, and lets none wait from now on.
    pub(super) fn drain(&self) {
        self.draining.set(true);
        let waiting = std::mem::take(&mut *self.waiting.borrow_mut());
        for stream in waiting.into_values() {
            // It may have been closed a moment ago.
            let _ = stream.close();
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let gone = self.idle.waiting.borrow_mut().remove(&self.number);
        drop(gone);
    }
}
