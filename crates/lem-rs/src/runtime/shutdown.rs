//! Streams that are being closed in the background, for which `run` waits although the main task is done.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::shrink::shrink_queue;

/// What is being finished in the background, in the order in which it began.
#[derive(Debug, Default)]
pub(super) struct Shutdowns {
    begun: Cell<u64>,
    /// Whether each of the last of those is not over; the first here is not.
    open: RefCell<VecDeque<bool>>,
}

/// Something is being finished in the background, until this is dropped.
#[derive(Debug)]
pub(crate) struct ShutdownGuard {
    number: u64,
    among: Rc<Shutdowns>,
}

impl Shutdowns {
    pub(super) fn begin(self: &Rc<Self>) -> ShutdownGuard {
        let number = self.begun.get();
        self.begun.set(number + 1);
        self.open.borrow_mut().push_back(true);
        ShutdownGuard { number, among: self.clone() }
    }

    /// How much has begun so far: what is to be given to [`has_any_of`](Self::has_any_of).
    pub(super) fn begun(&self) -> u64 {
        self.begun.get()
    }

    /// Whether any of the first so many is not over.
    pub(super) fn has_any_of(&self, first: u64) -> bool {
        let open = self.open.borrow();
        !open.is_empty() && self.begun.get() - (open.len() as u64) < first
    }
}

impl Drop for ShutdownGuard {
    fn drop(&mut self) {
        let mut open = self.among.open.borrow_mut();
        let place = (self.number + open.len() as u64 - self.among.begun.get()) as usize;
        open[place] = false;
        while open.front() == Some(&false) {
            open.pop_front();
        }
        shrink_queue(&mut open);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_begun_before_counts_until_the_last_of_it_is_over_in_whatever_order() {
        let shutdowns = Rc::new(Shutdowns::default());
        let (first, second, third) = (shutdowns.begin(), shutdowns.begin(), shutdowns.begin());
        let begun = shutdowns.begun();
        let later = shutdowns.begin();
        for (guard, is_any_left) in [(second, true), (first, true), (third, false)] {
            assert!(shutdowns.has_any_of(begun));
            drop(guard);
            assert_eq!(shutdowns.has_any_of(begun), is_any_left);
        }
        assert!(shutdowns.has_any_of(shutdowns.begun()), "the later one is not over");
        drop(later);
        assert!(!shutdowns.has_any_of(shutdowns.begun()) && shutdowns.open.borrow().is_empty());
    }
}
