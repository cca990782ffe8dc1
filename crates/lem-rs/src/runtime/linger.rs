//! Work that `run` waits for although the main task is done.

use std::cell::Cell;
use std::rc::Rc;

/// Something is being finished in the background.
#[derive(Debug)]
pub(crate) struct Linger(Rc<Cell<usize>>);

impl Linger {
    pub(super) fn new(count: &Rc<Cell<usize>>) -> Self {
        count.set(count.get() + 1);
        Self(count.clone())
    }
}

impl Drop for Linger {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
